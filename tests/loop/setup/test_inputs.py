"""What a campaign starts from on disk: its canvas and its data, or the sentence about what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loop.record.types import Refused
from loop.setup.inputs import check_canvas, find_data

CANVAS = "LR = 0.1\n"


def link(canvas: Path) -> None:
    canvas.rename(canvas.with_name("real.py"))
    canvas.symlink_to("real.py")


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        pytest.param(lambda canvas: canvas.unlink(), "train.py: not found beside program.md", id="missing"),
        pytest.param(lambda canvas: canvas.write_bytes(b"x = '\xff'"), r"not UTF-8 \(byte 5\)", id="not UTF-8"),
        pytest.param(lambda canvas: canvas.write_text("version https://git-lfs.github.com/spec/v1\n"), "LFS", id="LFS"),
        pytest.param(lambda canvas: canvas.write_text("def f(:\n"), "train.py, line 1", id="a syntax error"),
        pytest.param(link, "train.py: a symbolic link", id="a link"),
    ],
)
def test_a_canvas_that_cannot_be_used_is_refused_with_why(
    tmp_path: Path, prepare: Callable[[Path], object], sentence: str
) -> None:
    (tmp_path / "train.py").write_text(CANVAS)
    assert check_canvas(tmp_path, "train.py") == CANVAS
    prepare(tmp_path / "train.py")
    with pytest.raises(Refused, match=sentence):
        check_canvas(tmp_path, "train.py")


def test_a_named_path_is_looked_for_beside_program_md(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "in home").mkdir()
    (tmp_path / "night" / "python").mkdir(parents=True)
    night = tmp_path / "night"
    for named, found in {
        "auto": "auto", "python": "python", "climbmix:4": "climbmix:4", "someone/corpus": "someone/corpus",
        "./python": f"{night}/python", "../in home": f"{tmp_path}/in home", "~/in home": f"{tmp_path}/in home",
    }.items():  # fmt: skip
        assert find_data(night, named, sealed=False) == found
    (tmp_path / "alias").symlink_to(night)
    assert find_data(tmp_path, "alias/python", sealed=False) == f"{night}/python"
    assert find_data(night, "./no/such", sealed=True) == "./no/such", "prepare.py says what it knows"
    assert find_data(night, "..", sealed=True) == str(tmp_path)
    for more in (".", "..", "/", "~", f"{tmp_path}/alias"):
        with pytest.raises(Refused, match="has more in it than data"):
            find_data(night, more, sealed=False)
