"""`autoresearch init`: what is laid down, what is kept, what is refused."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from loop.record.types import Refused
from loop.settings.program import check
from loop.setup.init import CANVASES, NAMES, find_template, init
from loop.text.canvas import framework, parse
from loop.text.knobs import knobs
from loop.trust import preflight


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "installed"
    folder.mkdir()
    for name in {*NAMES, *CANVASES.values()}:
        (folder / name).write_text(f"our {name}\n")
    return folder


def test_a_canvas_in_another_framework_is_laid_down_as_train_py(tmp_path, files):
    assert "wrote program.md, prepare.py and train.py" in init(tmp_path / "new", template=files, framework="mlx")
    assert (tmp_path / "new" / "train.py").read_text() == "our train_mlx.py\n"
    assert "all files are there" in init(tmp_path / "new", template=files, framework="mlx")
    assert "your own train.py stays" in init(tmp_path / "new", template=files)


def test_where_a_canvas_in_another_framework_stands_it_says_how_to_get_the_one_asked_for(tmp_path, files):
    init(tmp_path / "new", template=files)
    said = init(tmp_path / "new", template=files, framework="mlx")
    assert "train.py is in torch; for the one in mlx move it away, then run the same command again" in said
    (tmp_path / "new" / "train.py").rename(tmp_path / "old.py")
    assert "train.py is in" not in init(tmp_path / "new", template=files, framework="mlx")
    assert (tmp_path / "new" / "train.py").read_text() == "our train_mlx.py\n"


@pytest.mark.parametrize(("named", "file"), CANVASES.items())
def test_a_default_canvas_names_its_framework_and_has_knobs(named, file):
    text = (find_template() / file).read_text(encoding="utf-8")
    assert framework(parse(text)) == named
    assert preflight.check(text) == []
    assert {"DEPTH", "TOTAL_BATCH", "MATRIX_LR"} <= knobs(text, "cpu").keys()


@pytest.mark.parametrize("name", ["new", "deep/er folder/übung"])
def test_a_folder_is_made_with_the_three_files(tmp_path, files, name):
    said = init(tmp_path / name, template=files)
    assert "wrote program.md, prepare.py and train.py" in said
    assert {p.name: p.read_text() for p in (tmp_path / name).iterdir()} == {n: f"our {n}\n" for n in NAMES}


@pytest.mark.parametrize(
    ("present", "expected", "words"),
    [
        pytest.param({"program.md": "mine"}, set(NAMES), "kept program.md as found", id="own strategy"),
        pytest.param({"notes.txt": "mine"}, {*NAMES, "notes.txt"}, "wrote program.md", id="something else"),
        pytest.param({"train.py": "mine"}, {"train.py", "program.md"}, "your own train.py stays", id="own script"),
        pytest.param(
            {"train.py": "mine", "prepare.py": "mine"},
            set(NAMES),
            "your own prepare.py and train.py",
            id="own checkout",
        ),
        pytest.param({"prepare.py": "our prepare.py\n"}, set(NAMES), "kept prepare.py as found", id="half an init"),
        pytest.param(
            {"train.py": "mine", "program.md": "mine"}, {"train.py", "program.md"}, "nothing was written", id="all"
        ),
    ],
)
def test_what_is_there_is_kept(tmp_path, files, present, expected, words):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in present.items():
        (folder / name).write_text(text)
    assert words in init(folder, template=files)
    assert {p.name for p in folder.iterdir()} == expected
    assert all((folder / name).read_text() == text for name, text in present.items())


def test_a_second_init_changes_nothing(tmp_path, files):
    init(tmp_path / "folder", template=files)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "folder").iterdir()}
    assert "nothing was written" in init(tmp_path / "folder", template=files)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "folder").iterdir()}


def test_a_link_that_leads_nowhere_is_kept(tmp_path, files):
    (tmp_path / "train.py").symlink_to(tmp_path / "gone.py")
    init(tmp_path, template=files)
    assert not (tmp_path / "gone.py").exists() and not (tmp_path / "prepare.py").exists()


def test_a_repository_is_offered_and_made_only_when_told(tmp_path, files, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    assert "run 'autoresearch init --git'" in init(tmp_path / "a b", template=files)
    assert not (tmp_path / "a b/.git").exists()
    assert "made a git repository" in init(tmp_path / "a b", git=True, template=files)
    assert (tmp_path / "a b/.git/HEAD").exists()


def test_inside_a_repository_no_second_one_is_made(repository, files):
    said = init(repository / "deep/er", git=True, template=files)
    assert f"it belongs to the git repository {repository}" in said
    assert not (repository / "deep/er/.git").exists()


def test_a_machine_without_git_is_told_so(tmp_path, files, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="git was not found"):
        init(tmp_path / "folder", git=True, template=files)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, files, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Refused, match="a file exists there; name a folder"):
        init(tmp_path / name, template=files)
    assert (tmp_path / "file").read_text() == "mine"


class Full(io.BytesIO):
    """A file on a disk without room."""

    def write(self, data: object) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("opened", "reason"), [(False, "Permission denied"), (True, "No space left on device")])
def test_a_file_that_cannot_be_written_leaves_no_half(tmp_path, files, monkeypatch, opened, reason):
    real = Path.open

    def fail(path: Path, mode: str = "r", *rest: object, **more: object) -> object:
        if "x" not in mode:
            return real(path, mode, *rest, **more)  # type: ignore[call-overload]
        if not opened:
            raise PermissionError(13, reason)
        path.touch()
        return Full()

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(Refused, match=rf"program.md: cannot be written \({reason}\)"):
        init(tmp_path / "folder", template=files)
    assert list((tmp_path / "folder").iterdir()) == []


def test_the_default_program_is_sound():
    text = (find_template() / "program.md").read_text(encoding="utf-8")
    assert check(text) == [] and text.startswith("---\nmodel: knobs")
    assert len(text.splitlines()) <= 100
