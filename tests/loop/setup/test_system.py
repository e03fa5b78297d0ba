"""What the doctor says of a Mac and of WSL, and that stand-ins of both are seen as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.setup import machine as looking
from loop.setup.machine import look
from loop.system import host, power
from loop.trust import seatbelt
from loop.trust.probe import probe
from tests.loop import macos
from tests.loop.setup.healthy import findings, runner


@pytest.mark.parametrize(
    ("changes", "name", "level", "words"),
    [
        (
            {"system": "macOS", "sandbox": "process group", "sandbox_reason": "sandbox-exec does not work here: 65"},
            "sandbox",
            "warn",
            "none (sandbox-exec does not work here: 65): code that a model wrote can read your files and use the "
            "network; start it in a terminal that is in no sandbox itself, or work as a user of its own",
        ),
        (
            {"system": "macOS", "sandbox": "sandbox-exec", "sandbox_missing": ("shared memory of its own",)},
            "sandbox",
            "warn",
            "weaker than bubblewrap: a run sees neither your files nor the network. Without shared memory of its own; "
            "SECURITY.md says",
        ),
        ({"system": "macOS"}, "system", "ok", "nobody has reported a campaign on a Mac yet"),
        ({"system": "macOS", "sleeps_after_min": 15}, "sleep", "warn", "sleeps after 15 idle minutes"),
        ({"system": "macOS", "sleeps_after_min": 15}, "sleep", "warn", "run 'caffeinate -is'"),
        ({"system": "macOS", "sleeps_after_min": 1}, "sleep", "warn", "sleeps after 1 idle minute:"),
        ({"system": "macOS"}, "sleep", "warn", "does not say when this Mac sleeps"),
        ({"system": "macOS", "sleeps_after_min": 0}, "sleep", "ok", "does not sleep when it is idle"),
        ({"system": "macOS", "runner": runner(mps=True)}, "device", "ok", "an Apple GPU"),
        ({"system": "WSL 1"}, "system", "fail", "wsl --set-version DISTRIBUTION 2"),
        ({"system": "WSL 2", "windows_disk": True}, "system", "warn", "on a disk of Windows, where files are slow"),
        ({"system": "WSL 2"}, "system", "ok", "keep a window open, or set instanceIdleTimeout"),
        ({"system": "WSL 2", "runner": runner(cuda=("RTX 4090",))}, "device", "ok", "RTX 4090"),
    ],
)
def test_a_finding_about_a_system_says_what_to_do(
    changes: dict[str, object], name: str, level: str, words: str
) -> None:
    check = findings(**changes)[name]
    assert check.level == level and words in f"{check.finding}; {check.next_step}"


def test_linux_itself_is_not_spoken_of() -> None:
    assert not {"system", "sleep"} & findings().keys()


@pytest.mark.parametrize("system", ["macOS", "WSL 2"])
def test_another_system_is_seen_by_its_own_words(
    repository: Path, quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str
) -> None:
    """A Mac and a WSL by stand-ins: what they print is what a look is made of."""
    if system == "macOS":
        macos.pretend(monkeypatch, tmp_path)
        monkeypatch.setattr(power, "PMSET", str(macos.fake(tmp_path / "pmset", "#!/bin/sh\necho ' sleep  20'\n")))
        monkeypatch.setattr(looking.shutil, "which", lambda name: None)
    else:
        (tmp_path / "release").write_text("6.6.87.2-microsoft-standard-WSL2\n")
        (tmp_path / "mounts").write_text(f"/dev/sdd / ext4 rw 0 0\nC:\\134 {tmp_path} 9p rw,aname=drvfs 0 0\n")
        monkeypatch.setattr(host, "KERNEL", str(tmp_path / "release"))
        monkeypatch.setattr(host, "MOUNTS", str(tmp_path / "mounts"))
        monkeypatch.setattr(looking, "NVIDIA", (tmp_path / "release",))
    monkeypatch.setattr("loop.trust.probe.probe", probe.__wrapped__)
    machine = look(repository)
    assert (machine.system, machine.nvidia) == (system, system == "WSL 2")
    assert (machine.sleeps_after_min, machine.windows_disk) == ((20, False) if system == "macOS" else (None, True))
    assert system != "macOS" or machine.sandbox_reason == f"{seatbelt.PROGRAM} is not there"
