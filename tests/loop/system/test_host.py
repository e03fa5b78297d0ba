"""Which system this is, as the kernel and the mounts tell it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loop.system import host

# /proc/self/mounts in WSL 2, shortened: its own disk, the driver's libraries, C: and a share.
MOUNTS = r"""/dev/sdd / ext4 rw,relatime,discard,errors=remount-ro,data=ordered 0 0
drivers /usr/lib/wsl/drivers 9p ro,nosuid,nodev,noatime,aname=drivers;fmask=222;dmask=222,access=client 0 0
C:\134 /mnt/c 9p rw,noatime,aname=drvfs;path=C:\;uid=1000;gid=1000;symlinkroot=/mnt/,cache=5,access=client 0 0
tmpfs /mnt/c/ram tmpfs rw 0 0
"""


def kernel(monkeypatch: pytest.MonkeyPatch, folder: Path, release: str, mounts: str = MOUNTS) -> None:
    (folder / "osrelease").write_text(release + "\n")
    (folder / "mounts").write_text(mounts)
    monkeypatch.setattr(host, "KERNEL", str(folder / "osrelease"))
    monkeypatch.setattr(host, "MOUNTS", str(folder / "mounts"))


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.6.87.2-microsoft-standard-WSL2", 2),
        ("5.15.153.1-microsoft-standard-WSL2+", 2),
        ("4.4.0-19041-Microsoft", 1),
        ("6.1.0-37-amd64", 0),
        ("5.15.0-1064-azure", 0),
    ],
)
def test_wsl_is_known_by_its_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, release: str, expected: int
) -> None:
    kernel(monkeypatch, tmp_path, release)
    assert host.wsl() == expected
    monkeypatch.setattr(host, "LINUX", False)
    assert host.wsl() == 0


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/mnt/c/Users/me/night", True),
        ("/mnt/c", True),
        ("/home/me/night", False),
        ("/mnt/c/ram/x", False),
        ("/", False),
    ],
)
def test_a_folder_on_a_disk_of_windows_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, expected: bool
) -> None:
    kernel(monkeypatch, tmp_path, "6.6.87.2-microsoft-standard-WSL2")
    assert host.on_windows_disk(place) is expected
    kernel(monkeypatch, tmp_path, "6.1.0-37-amd64")
    assert not host.on_windows_disk(place), "a 9p mount elsewhere is no disk of Windows"


@pytest.mark.parametrize(
    ("linux", "mac", "release", "expected"),
    [
        (True, False, "6.6.87.2-microsoft-standard-WSL2", "WSL 2"),
        (True, False, "4.4.0-19041-Microsoft", "WSL 1"),
        (True, False, "6.1.0-37-amd64", "Linux"),
        (False, True, "", "macOS"),
        (False, False, "", sys.platform),
    ],
)
def test_a_system_has_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, linux: bool, mac: bool, release: str, expected: str
) -> None:
    kernel(monkeypatch, tmp_path, release)
    monkeypatch.setattr(host, "LINUX", linux)
    monkeypatch.setattr(host, "MACOS", mac)
    assert host.name() == expected


def test_a_machine_without_proc_is_no_wsl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "KERNEL", str(tmp_path / "none"))
    assert host.wsl() == 0 and not host.on_windows_disk("/mnt/c")


def test_the_cores_are_those_that_we_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: {1, 5, 6})
    assert host.cores() == 3
    monkeypatch.delattr(host.os, "sched_getaffinity")
    monkeypatch.setattr(host.os, "cpu_count", lambda: 8)
    assert host.cores() == 8
