"""The exports by a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.control import exporting
from loop.record.types import Refused
from tests.stub import make_campaign, run_to_end


def test_where_the_files_are_comes_back_as_paths_whatever_they_are_called(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    run_to_end(folder, experiments="1")
    (folder / "report.html").write_text("mine, of another night")
    written = exporting.write_apart(folder)
    assert written == exporting.write(folder)
    assert written.page.parent == folder and written.page.name.startswith("report-")
    assert written.message.splitlines()[0] == f"wrote results.tsv, progress.png, {written.page.name}"


def test_a_refusal_comes_back_as_one(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no campaign has been started"):
        exporting.write_apart(make_campaign(tmp_path / "c"))
