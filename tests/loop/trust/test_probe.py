"""The sandbox that works on this machine is found by trying it, and what it does not hold is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from loop.trust import probe as probing
from loop.trust import promises
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP, PROCESS_GROUP, Sandbox

confining = pytest.mark.bubblewrap


@confining
def test_bubblewrap_works_here() -> None:
    """In CI its absence is a failure and not a skip that hides the tests of the sandbox."""
    assert probe() == Sandbox(BUBBLEWRAP, probe().bwrap, missing=probe().missing)
    assert set(probe().missing) <= {promises.MEMORY}


def test_the_weaker_tier_wraps_nothing_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probing.shutil, "which", lambda name: None)
    found = probe.__wrapped__()
    assert found.kind == PROCESS_GROUP and "not installed" in found.reason
    assert found.wrap(slot=tmp_path, run_dir=tmp_path, top=tmp_path, python=sys.executable) == ()


def test_a_bubblewrap_that_may_not_make_namespaces_is_the_weaker_tier(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert probe.__wrapped__() == Sandbox(
        PROCESS_GROUP, reason="bubblewrap does not work here: setting up uid map: Permission denied"
    )


@confining
def test_a_promise_that_does_not_hold_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that leave a capability, the network and other processes: what each of them breaks is found."""
    weak = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts")
    monkeypatch.setattr(probing, "ladder", lambda: iter([((*weak, "--share-net", "--cap-add", "ALL"), True)]))
    found = probe.__wrapped__()
    lost = {promises.CAPABILITIES, promises.MOUNTS}
    assert found.kind == PROCESS_GROUP and lost <= set(found.missing) and promises.CAPABILITIES in found.reason
    assert found.bwrap, "what it does hold is still used"
    monkeypatch.setattr(probing, "ladder", lambda: iter([((*weak, "--cap-drop", "ALL"), False)]))
    found = probe.__wrapped__()
    assert found.kind == BUBBLEWRAP and {promises.NO_NESTING, promises.SIZES} <= set(found.missing)
    assert found.label.startswith("bubblewrap, without a bar on further user namespaces, a size limit")
