"""The ruler on a Mac, by stand-ins on Linux: without what only Linux has, the score is the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import prepare
from tests.ruler.scored import by_hand

ONLY_LINUX = ("memfd_create", "pidfd_open", "sched_getaffinity")


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process scores without what a Mac's Python lacks; prepare.py alone believes that it is one."""
    for name in ONLY_LINUX:
        monkeypatch.delattr(prepare.os, name)
    monkeypatch.setattr(prepare, "sys", SimpleNamespace(**{**vars(prepare.sys), "platform": "darwin"}))


def test_a_model_has_the_score_computed_by_hand(ruler, run, mac):
    """The memory that scorer and model share is a file without a name, in the temporary folder."""
    folder = run()
    answer = prepare.score(folder, folder / "train.py", "val", [])
    assert answer["val_bpb"] == pytest.approx(by_hand(ruler, prepare.VAL), abs=1e-6)


def test_one_process_answers_and_none_is_forked(mac):
    """On a Mac a process that has imported torch may not be forked."""
    assert prepare._side_by_side(prepare.CPU) == 1


def test_linux_is_asked_nothing(mac, monkeypatch):
    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("a C library is asked"))
    prepare._die_with_parent()


@pytest.mark.parametrize(("said", "name"), [("Apple M2 Pro\n", "Apple M2 Pro"), ("", "a machine")])
def test_a_chip_of_apple_has_its_own_name(mac, monkeypatch, said, name):
    """It is part of the comparison key, and Python's platform calls all of them `arm`."""
    asked = []
    done = SimpleNamespace(stdout=said)
    monkeypatch.setattr(prepare.subprocess, "run", lambda argv, **options: asked.append(argv) or done)
    monkeypatch.setattr(prepare.platform, "processor", lambda: "arm")
    monkeypatch.setattr(prepare.platform, "machine", lambda: "a machine")
    assert prepare._device_name("mps") == name
    assert asked == [["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]]


def test_memory_is_told_in_one_unit(tiny, monkeypatch):
    """A Mac counts bytes, Linux kibibytes."""
    usage = SimpleNamespace(ru_maxrss=3 << 20)
    monkeypatch.setattr(prepare.resource, "getrusage", lambda who: usage)
    assert prepare.peak_memory_mb() == 3072
    monkeypatch.setattr(prepare, "sys", SimpleNamespace(platform="darwin"))
    assert prepare.peak_memory_mb() == 3
