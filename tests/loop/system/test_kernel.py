"""What is asked of the Linux kernel is asked nowhere else: a number of its calls means something else on a Mac."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from loop.system import host, kernel

CALLS: dict[str, Callable[[], object]] = {
    "adopt orphans": kernel.adopt_orphans,
    "die with a parent": lambda: kernel.die_with(os.getppid()),
    "hide the environment": kernel.hide_environment,
    "leave the keyring": kernel.leave_keyring,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> list[tuple[object, ...]]:
    """What is asked of a C library that only writes it down, on an Intel machine."""
    found: list[tuple[object, ...]] = []
    library = SimpleNamespace(syscall=lambda *a: found.append(("syscall", *a)), prctl=lambda *a: found.append(a))
    monkeypatch.setattr(kernel.ctypes, "CDLL", lambda *_, **__: library)
    monkeypatch.setattr(kernel.os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    monkeypatch.setattr(kernel, "OOM_SCORE", f"{tmp_path}/oom_score_adj")
    return found


@pytest.mark.parametrize("what", CALLS)
def test_a_mac_is_asked_nothing(what: str, asked: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS[what]()
    assert len(asked) == 1, "Linux is asked"
    monkeypatch.setattr(host, "LINUX", False)
    CALLS[what]()
    assert len(asked) == 1


def test_the_child_of_a_dead_parent_does_not_begin(asked: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(kernel.os, "_exit", ends.append)
    kernel.die_with(-1)
    assert ends == [127] and asked == [(kernel.PR_SET_PDEATHSIG, 9, 0, 0, 0)]
