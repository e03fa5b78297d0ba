"""What is printed of coverage."""

from __future__ import annotations

from pathlib import Path

from tests.chapters import chapter, table


def test_a_chapter_is_a_folder_and_the_total_counts_lines_not_chapters() -> None:
    assert chapter(Path("server/features/hints.py")) == "server/features"
    assert table({"loop/views": (90, 100), "loop/cli": (0, 100)}).splitlines() == [
        "loop/cli                 0.0 %  of   100 lines",
        "loop/views              90.0 %  of   100 lines",
        "total                   45.0 %  of   200 lines",
    ]
