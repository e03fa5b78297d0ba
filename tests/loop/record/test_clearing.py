"""Whatever a run leaves behind is cleared, and clearing never raises."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from loop.record import clearing
from loop.record.clearing import ASIDE, clear, left_aside, make_folder, unlock


def deep(place: Path, levels: int = 2000) -> None:
    """Make folders in folders until no path reaches the last one."""
    here = os.open(place.parent, os.O_RDONLY)
    name = place.name
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, name = below, "d" * 200
    os.close(here)


def closed(place: Path) -> None:
    (place / "in" / "inner").mkdir(parents=True)
    (place / "in" / "inner" / "file").write_text("x")
    for folder in (place / "in" / "inner", place / "in", place):
        folder.chmod(0)


def many(place: Path) -> None:
    for folder in range(4):
        (place / str(folder)).mkdir(parents=True)
        for number in range(500):
            (place / str(folder) / f"{number}").touch()


def a_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(place.parent)
        server.bind(place.name)


def links(place: Path) -> None:
    place.mkdir()
    (place / "up").symlink_to("..")
    (place / "out").symlink_to(place.parent / "precious")
    (place / "loop").symlink_to("loop")


LEFT: dict[str, Callable[[Path], None]] = {
    "nothing": lambda place: None,
    "a file": lambda place: place.write_text("x") and None,
    "a link to a folder": lambda place: place.symlink_to(place.parent / "precious"),
    "a dangling link": lambda place: place.symlink_to("nowhere"),
    "a pipe": lambda place: os.mkfifo(place),
    "a socket": a_socket,
    "a folder of that name": lambda place: (place / "in").mkdir(parents=True),
    "folders that nobody may open": closed,
    "folders deeper than any path": deep,
    "a long name": lambda place: place.mkdir() or (place / ("n" * 255)).touch(),
    "many files": many,
    "links": links,
    "odd bytes": lambda place: place.mkdir() or open(os.fsencode(place) + b"/\xff\n", "w").close(),
    "names like ours": lambda place: (place / ".hoisted-0" / ".hoisted-0" / "x").mkdir(parents=True),
}


@pytest.fixture
def precious(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "precious"
    place.mkdir()
    (place / "work").write_text("mine")
    return place


@pytest.fixture(params=["Linux", "macOS"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac has no O_PATH and no names for descriptors."""
    if request.param == "macOS":
        monkeypatch.setattr(clearing, "PATHS", False)


@pytest.mark.parametrize("what", LEFT)
def test_it_is_cleared_whatever_it_is(what: str, tmp_path: Path, precious: Path, system: None) -> None:
    place = tmp_path / "left"
    LEFT[what](place)
    assert clear(place)
    assert sorted(os.listdir(tmp_path)) == ["precious"], "nothing was set aside"
    assert (precious / "work").read_text() == "mine", "no link was followed"


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="needs setpriv")
@pytest.mark.parametrize("what", ["folders that nobody may open", "folders deeper than any path", "names like ours"])
def test_it_is_cleared_by_an_ordinary_user(what: str, tmp_path: Path) -> None:
    from tests.attacks.world import NOBODY, as_user, folder

    user = NOBODY if os.getuid() == 0 else None
    with folder(user) as base:

        def work() -> bool:
            LEFT[what](base / "left")
            return clear(base / "left") and os.listdir(base) == []

        assert as_user(user, work) is True


def test_what_lies_in_a_closed_folder_is_cleared_too(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").touch()
    (tmp_path / "run").chmod(0)
    assert clear(tmp_path / "run" / "checkpoint.pt")


def test_what_cannot_be_removed_gets_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "left").mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("busy")

    monkeypatch.setattr("loop.record.clearing.os.rmdir", refuse)
    assert clear(tmp_path / "left")
    assert left_aside(tmp_path) == [f"left{ASIDE}1"]
    monkeypatch.setattr("loop.record.clearing.os.rename", refuse)
    (tmp_path / "left").mkdir()
    assert not clear(tmp_path / "left"), "and it says so where nothing helps"


@pytest.mark.parametrize("what", ["a file", "a pipe", "a link to a folder", "nothing", "a folder of that name"])
def test_a_folder_is_made_in_place_of_whatever_is_there(what: str, tmp_path: Path, precious: Path) -> None:
    LEFT[what](tmp_path / "left")
    make_folder(tmp_path / "left")
    assert stat.S_ISDIR((tmp_path / "left").lstat().st_mode)


def test_unlocking_follows_no_link(tmp_path: Path, system: None) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    (tmp_path / "link").symlink_to("closed")
    unlock(tmp_path / "link")
    assert (tmp_path / "closed").stat().st_mode & 0o700 == 0
    unlock(tmp_path / "closed")
    assert (tmp_path / "closed").stat().st_mode & 0o700 == 0o700


def test_unlocking_changes_no_file_and_no_link_that_lacks_a_right(
    tmp_path: Path, system: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Mac a link has a mode of its own, which the umask of its maker sets."""
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "closed").mkdir(mode=0o500)
    (tmp_path / "link").symlink_to("closed")
    unlock(tmp_path / "file")
    lstat = os.lstat

    def of_a_mac(path: str | os.PathLike[str]) -> os.stat_result:
        found = list(lstat(path))
        return os.stat_result([stat.S_IFLNK, *found[1:]]) if stat.S_ISLNK(found[0]) else os.stat_result(found)

    monkeypatch.setattr("loop.record.clearing.os.lstat", of_a_mac)
    unlock(tmp_path / "link")
    assert [stat.S_IMODE(lstat(tmp_path / name).st_mode) for name in ("file", "closed")] == [0o600, 0o500]
