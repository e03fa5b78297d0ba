"""A campaign measures with the prepare.py that it began with, under the comparison key that it began with."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.record.types import State
from tests.nights.night import campaign, front, run
from tests.nights.test_steering import RULER, SEALED


def program(experiments: int) -> str:
    return front(None, model="knobs", stop=f"{{experiments: {experiments}}}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose ruler reads its key from a file, as a real one works it out from machine and data."""
    (tmp_path / "key").write_text("as before")
    folder = tmp_path / "c"
    folder.mkdir()
    key = f"comparison_key=Path({str(tmp_path / 'key')!r}).read_text()"
    (folder / "prepare.py").write_text(RULER.replace('comparison_key="stub"', key))
    return campaign(folder, program(1), SEALED)


async def test_a_campaign_resumes_whatever_prepare_py_lies_in_the_folder_by_now(folder: Path) -> None:
    first = await run(folder)
    (folder / "prepare.py").write_text(RULER.replace('comparison_key="stub"', 'comparison_key="newer"'))
    (folder / "program.md").write_text(program(2))
    second = await run(folder)
    assert (first.judged, second.judged, second.state) == (1, 2, State.FINISHED)
    assert second.created is not None and second.created.comparison_key == "as before"


async def test_a_campaign_whose_ruler_says_another_key_is_refused(folder: Path, tmp_path: Path) -> None:
    await run(folder)
    (tmp_path / "key").write_text("of another machine")
    (folder / "program.md").write_text(program(2))
    second = await run(folder)
    assert second.judged == 1 and "was measured under other conditions" in second.message
