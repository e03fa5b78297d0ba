"""The program that tries to break the sandbox names what it could break, one promise at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loop.trust import breakout


class Libc:
    """A C library in which these calls succeed."""

    def __init__(self, *succeed: str) -> None:
        self.succeed = succeed

    def umount2(self, place: bytes, flags: int) -> int:
        return 0 if "umount2" in self.succeed else -1

    def mount(self, source: bytes | None, place: bytes, kind: bytes | None, flags: int, data: None) -> int:
        name = "remount" if flags & breakout.MS_REMOUNT else "mount"
        return 0 if name in self.succeed else -1

    def unshare(self, flags: int) -> int:
        return 0 if "unshare" in self.succeed else -1


@pytest.mark.parametrize("call", ["umount2", "remount", "mount"])
def test_a_mount_that_can_be_changed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    gone = str(tmp_path / "gone")
    monkeypatch.setattr(breakout, "LIBC", Libc())
    assert breakout.try_files(gone, gone) == set()
    monkeypatch.setattr(breakout, "LIBC", Libc(call))
    assert breakout.try_files(gone, gone) == {"MOUNTS"}


def test_files_that_can_be_written_or_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakout, "LIBC", Libc())
    (tmp_path / "file").write_text("content")
    gone, file = str(tmp_path / "gone"), str(tmp_path / "file")
    assert breakout.try_files(file, gone) == {"READ_ONLY", "MOUNTS"}
    assert breakout.try_files(gone, file) == {"COVERED", "MOUNTS"}
    assert (tmp_path / "file").read_text() == "content"


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="namespaces are Linux's")
def test_the_namespaces_outside_are_recognised() -> None:
    spaces = " ".join(os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "ipc", "user"))
    assert {"ALONE", "OWN_USERS"} <= breakout.try_processes(spaces)
    assert "OWN_USERS" not in breakout.try_processes("")


def test_another_user_namespace_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakout, "LIBC", Libc("unshare"))
    assert "NO_NESTING" in breakout.try_rights()
    monkeypatch.setattr(breakout, "LIBC", Libc())
    assert "NO_NESTING" not in breakout.try_rights()
