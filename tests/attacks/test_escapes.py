"""No run gets out of its sandbox, whoever runs it; and each kind of attempt does get out where there is no sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from loop.trust.promises import MEMORY
from tests.attacks.escapes import BOTH, CONTROLS, CONTROLS_AS_ROOT, PROBES
from tests.attacks.world import NOBODY, TOP, as_user, folder, world

# One test of a user makes all its attempts, the others ask how they went.
pytestmark = [pytest.mark.bubblewrap, pytest.mark.timeout(900)]
ROOT, USER = "root", "an ordinary user"


@cache
def findings(who: str) -> dict[str, Any]:
    """Return what every probe reached as this user: in a sealed run, in one that measures itself, and in the open."""
    user = NOBODY if who == USER and os.getuid() == 0 else None
    with folder(user) as base:
        try:
            found: dict[str, Any] = as_user(user, lambda: _all(base))
        except AssertionError as error:  # once, and not again by every test
            found = {"sandbox": [str(error)], "sealed": {}, "open": {}, "control": {}}
        return found


def _all(base: Path) -> dict[str, Any]:
    controls = {**CONTROLS, **(CONTROLS_AS_ROOT if os.getuid() == 0 else {})}
    with world(base) as here:
        sandbox = here.runner.sandbox
        found: dict[str, Any] = {"sandbox": [sandbox.kind, sandbox.reason, *sandbox.missing]}
        for kind, probes, sealed in (("sealed", PROBES, True), ("open", BOTH, False)):
            found[kind] = {name: here.attack(code, sealed) for name, code in probes.items()}
            shutil.rmtree(here.slot / "new", ignore_errors=True)
            for link in here.slot.glob("to_*"):
                link.unlink()
        found["control"] = {name: here.control(PROBES[name], prefix) for name, prefix in controls.items()}
    return found


def of(who: str) -> dict[str, Any]:
    if who == ROOT and os.getuid() != 0:
        pytest.skip("covered by test_the_same_as_root_where_the_tests_are_not")
    return findings(who)


def test_there_are_enough_probes() -> None:
    assert len(PROBES) >= 40 and set(CONTROLS) | set(CONTROLS_AS_ROOT) <= set(PROBES)


@pytest.mark.parametrize("who", [ROOT, USER])
def test_the_sandbox_is_the_strong_one(who: str) -> None:
    found = of(who)["sandbox"]
    assert found[:2] == ["bubblewrap", ""] and set(found[2:]) <= {MEMORY}


@pytest.mark.parametrize("who", [ROOT, USER])
@pytest.mark.parametrize("name", PROBES)
def test_a_sealed_run_does_not_get_out(name: str, who: str) -> None:
    assert of(who)["sealed"][name] == ""


@pytest.mark.parametrize("who", [ROOT, USER])
@pytest.mark.parametrize("name", BOTH)
def test_a_run_that_measures_itself_does_not_get_out(name: str, who: str) -> None:
    assert of(who)["open"][name] == ""


@pytest.mark.parametrize("who", [ROOT, USER])
@pytest.mark.parametrize("name", [*CONTROLS, *CONTROLS_AS_ROOT])
def test_the_attempt_works_where_there_is_no_sandbox(name: str, who: str) -> None:
    if name in CONTROLS_AS_ROOT and who == USER:
        assert name not in of(who)["control"]
        return
    assert "ESCAPED" in of(who)["control"][name]


@pytest.mark.skipif(os.getuid() == 0, reason="the tests above ran as root")
def test_the_same_as_root_where_the_tests_are_not() -> None:
    sudo = shutil.which("sudo")
    if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True).returncode:
        assert "CI" not in os.environ, "in CI both run"
        pytest.skip("root is out of reach: 'sudo -n' does not work")
    argv = [sudo, "-n", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(argv, cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
