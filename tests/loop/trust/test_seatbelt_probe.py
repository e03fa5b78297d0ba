"""`sandbox-exec` is used where a program inside can break nothing that matters, told by stand-ins. Not run on a Mac."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.system import host
from loop.trust import promises, seatbelt, seatbelt_probe
from loop.trust.probe import probe
from loop.trust.sandbox import PROCESS_GROUP, SEATBELT
from loop.trust.seatbelt import Seatbelt
from loop.trust.seatbelt_probe import NEVER, probe_seatbelt
from tests.loop import macos

REFUSES = "#!/bin/sh\necho 'sandbox-exec: sandbox_apply: Operation not permitted' >&2\nexit {code}\n"
# Enforces nothing: it leaves out its own options and runs the command.
LETS_ALL = '#!/bin/sh\nwhile [ "$1" = -D ] || [ "$1" = -p ]; do shift 2; done\nexec "$@"\n'


@pytest.fixture(autouse=True)
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "LINUX", False)
    monkeypatch.setattr(host, "MACOS", True)


def test_one_that_enforces_is_used_and_what_no_profile_gives_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    macos.fake_sandbox_exec(monkeypatch, tmp_path)
    found = probe.__wrapped__()
    assert isinstance(found, Seatbelt) and found.kind == SEATBELT and found.reason == ""
    assert set(found.missing) == NEVER
    assert found.label.startswith("sandbox-exec, without shared memory of its own, a standard library without its text")
    assert found.wrap(slot=tmp_path, run_dir=tmp_path, top=tmp_path, python="/usr/bin/python3")[0] == seatbelt.PROGRAM


@pytest.mark.parametrize("code", [65, 71])  # a profile that is not understood; a sandbox inside another
def test_one_that_refuses_leaves_the_tier_without_a_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int
) -> None:
    macos.fake_sandbox_exec(monkeypatch, tmp_path, REFUSES.replace("{code}", str(code)))
    found = probe.__wrapped__()
    assert found.kind == PROCESS_GROUP and found.missing == ()
    assert found.reason == "sandbox-exec does not work here: sandbox-exec: sandbox_apply: Operation not permitted"
    assert found.wrap(slot=tmp_path, run_dir=tmp_path, top=tmp_path, python="/usr/bin/python3") == ()


def test_one_that_enforces_nothing_is_found_out_and_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    macos.fake_sandbox_exec(monkeypatch, tmp_path, LETS_ALL)
    found = probe.__wrapped__()
    lost = ", ".join((promises.READ_ONLY, promises.COVERED, promises.ALONE, promises.NETWORK))
    assert (found.kind, found.reason) == (PROCESS_GROUP, f"sandbox-exec does not hold here: {lost}")
    assert found.wrap(slot=tmp_path, run_dir=tmp_path, top=tmp_path, python="/usr/bin/python3") == ()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param(
            seatbelt.Access.WRITABLE.value.partition("{")[0], "file-write-create", id="training writes nothing"
        ),
        pytest.param('(allow file-write-data (subpath (param "BESIDE', "file-write-data", id="logits have no size"),
    ],
)
def test_one_in_which_a_run_cannot_do_its_work_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rule: str, words: str
) -> None:
    def without(text: str) -> str:
        return text.replace(rule, rule.replace("allow", "deny"))

    class Narrow(Seatbelt):
        def wrap(self, **options: object) -> tuple[str, ...]:  # type: ignore[override]
            return tuple(map(without, super().wrap(**options)))  # type: ignore[arg-type]

    monkeypatch.setattr(seatbelt_probe, "Seatbelt", Narrow)
    macos.fake_sandbox_exec(monkeypatch, tmp_path)
    found = probe_seatbelt()
    assert found.kind == PROCESS_GROUP and "does not work here" in found.reason and words in found.reason


def test_a_mac_without_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(seatbelt, "PROGRAM", str(tmp_path / "gone"))
    assert probe.__wrapped__().reason == f"{tmp_path / 'gone'} is not there"


def test_a_linux_machine_never_starts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "was started"
    macos.fake_sandbox_exec(monkeypatch, tmp_path, f"#!/bin/sh\ntouch '{mark}'\n")
    monkeypatch.setattr(host, "LINUX", True)
    monkeypatch.setattr(host, "MACOS", False)
    monkeypatch.setattr("loop.trust.probe.shutil.which", lambda name: None)
    assert "not installed" in probe.__wrapped__().reason and not mark.exists()
