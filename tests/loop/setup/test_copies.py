"""A folder's prepare.py against the tool's and a campaign's: the same, measuring alike, or not comparable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loop.setup.copies import Likeness, compare
from loop.setup.init import find_template

TOOL = find_template() / "prepare.py"
TEXT = TOOL.read_bytes()
CORRECTED = TEXT.replace(b"learning {p.vocab} tokens", b"{p.vocab} tokens are learnt")
STRICTER = TEXT.replace(b"MOST_GAIN = 0.003", b"MOST_GAIN = 0.002")


@pytest.mark.parametrize(
    ("text", "python", "likeness"),
    [
        pytest.param(TEXT, "/no/python", Likeness.SAME, id="the same file asks no Python"),
        pytest.param(CORRECTED, sys.executable, Likeness.ALIKE, id="a corrected message"),
        pytest.param(STRICTER, sys.executable, Likeness.OTHER, id="another tolerance"),
        pytest.param(b"RULER_VERSION = 1\n", sys.executable, Likeness.OTHER, id="another ruler"),
        pytest.param(b"RULER_VERSION = (\n", sys.executable, Likeness.UNKNOWN, id="no Python"),
        pytest.param(CORRECTED, "/no/python", Likeness.UNKNOWN, id="nobody to ask"),
    ],
)
def test_a_copy_against_the_tools(tmp_path: Path, text: bytes, python: str, likeness: Likeness) -> None:
    (tmp_path / "prepare.py").write_bytes(text)
    found = compare(tmp_path, python)
    assert found is not None
    assert (found.tool, found.with_tool, found.with_campaign) == (TOOL, likeness, None)


def test_the_folders_copy_against_the_one_that_a_campaign_began_with(repository: Path) -> None:
    folder = repository / "nights"
    folder.mkdir()
    (folder / "prepare.py").write_bytes(CORRECTED)
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    subprocess.run(["git", "commit", "-qm", "baseline"], cwd=repository, check=True)
    same, missing = (compare(folder, sys.executable, commit) for commit in ("HEAD", "HEAD~1"))
    (folder / "prepare.py").write_bytes(STRICTER)
    other = compare(folder, sys.executable, "HEAD")
    found = [copies.with_campaign for copies in (same, missing, other) if copies]
    assert found == [Likeness.SAME, Likeness.UNKNOWN, Likeness.OTHER]


def test_a_folder_without_prepare_py_has_no_copy(tmp_path: Path) -> None:
    assert compare(tmp_path, sys.executable) is None
