"""The program that tries to break macOS's sandbox names what it could break, one promise at a time."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from loop.trust import breakout_macos as breakout


class Libc:
    """A C library whose sysctl answers what it is told to."""

    def __init__(self, answer: int) -> None:
        self.answer = answer

    def sysctl(self, *_: object) -> int:
        return self.answer


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    """The run's own folder, a file outside and a covered one."""
    own = tmp_path / "own"
    own.mkdir()
    for name in ("outside", "covered"):
        (tmp_path / name).write_text("content")
    return str(own), str(tmp_path / "outside"), str(tmp_path / "covered")


def refusing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these calls of the system fail."""

    def refuse(*_: object) -> None:
        raise PermissionError

    for name in names:
        monkeypatch.setattr(os, name, refuse)


def test_where_nothing_is_refused_both_promises_are_named(files: tuple[str, str, str]) -> None:
    assert breakout.try_files(*files) == {"READ_ONLY", "COVERED"}
    assert [Path(file).read_text() for file in files[1:]] == ["content"] * 2, "what it opens it does not write"
    assert os.listdir(files[0]) == []


def test_where_all_is_refused_none_is(files: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, "open", "link", "symlink", "rename")
    assert breakout.try_files(*files) == set()


@pytest.mark.parametrize("spelling", ["capitals", "second way"])
def test_a_file_that_opens_by_another_spelling_is_found(
    files: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    refusing(monkeypatch, "link", "symlink", "rename")
    spelled = {file.replace("outside", "OUTSIDE").replace("covered", "COVERED") for file in files[1:]}
    if spelling == "second way":
        spelled = {f"/System/Volumes/Data{file}" for file in files[1:]}
    monkeypatch.setattr(breakout, "opens", lambda path, flags: path in spelled)
    assert breakout.try_files(*files) == {"READ_ONLY", "COVERED"}


@pytest.mark.parametrize("way", ["symlink", "link", "rename"])
def test_another_name_by_which_a_file_opens_is_found(
    files: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    own, *rest = files
    others = {"symlink", "link", "rename"} - {way}
    monkeypatch.setattr(breakout, "opens", lambda path, flags: Path(path).name in others | {way})
    refusing(monkeypatch, *others)
    assert breakout.try_files(own, *rest) == {"READ_ONLY", "COVERED"}
    monkeypatch.setattr(breakout, "opens", lambda path, flags: False)
    assert breakout.try_files(own, *rest) == set()


def test_a_process_that_can_be_signalled_or_looked_into_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(pid))
    monkeypatch.setattr(breakout, "LIBC", Libc(0))
    assert breakout.try_processes(123) == {"ALONE", "ENVIRONMENTS"} and sent == [123]
    monkeypatch.setattr(breakout, "LIBC", Libc(-1))
    refusing(monkeypatch, "kill")
    assert breakout.try_processes(123) == set()


def test_a_server_outside_that_answers_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert breakout.try_network(port) == {"NETWORK"}
    assert breakout.try_network(port) == set()


def test_a_run_that_cannot_do_its_work_fails(files: tuple[str, str, str]) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(OSError):
        breakout.use(files[0], files[1], [reading])  # a pipe has no size
    os.close(reading)
    with pytest.raises(FileNotFoundError):
        breakout.use(files[0], f"{files[1]} gone", [])
