"""The gate, the lease and the report of one supervised run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from loop.runs.leash import SUPERVISOR, Ending
from tests.loop.runs.supervisor.children import run, specification, start, until


async def test_the_gate_holds_a_started_run_until_go(tmp_path: Path) -> None:
    code = "import os; open('ready', 'w'); os.read(int(os.environ['AUTORESEARCH_GATE_FD']), 1); open('past', 'w')"
    supervised = await start(tmp_path, code, gate="channel")
    await until((tmp_path / "ready").exists)
    assert not (tmp_path / "past").exists()
    supervised.send("go")
    ending = await supervised.ended()
    assert (tmp_path / "past").exists() and ending.opened and ending.exit_code == 0


async def test_a_gated_run_that_fails_before_its_turn_is_told_at_once(tmp_path: Path) -> None:
    ending = await (await start(tmp_path, "raise SystemExit(3)", gate="channel")).ended()
    assert (ending.exit_code, ending.opened, ending.seconds) == (3, False, 0.0)


async def test_a_run_without_a_gate_starts_at_go(tmp_path: Path) -> None:
    supervised = await start(tmp_path, "open('past', 'w')")
    await until((tmp_path / "log").exists)  # the supervisor is up
    assert not (tmp_path / "past").exists()
    supervised.send("go")
    assert (await supervised.ended()).exit_code == 0 and (tmp_path / "past").exists()


async def test_one_run_at_a_time_holds_the_lease(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    hold = "import os, time\nopen('on', 'w')\nwhile not os.path.exists('end'): time.sleep(0.01)"
    first = await start(tmp_path / "a", hold, lock=tmp_path / "lock")
    first.send("go")
    await until((tmp_path / "a/on").exists)
    second = await start(tmp_path / "b", "open('on', 'w')", lock=tmp_path / "lock")
    second.send("go")
    with pytest.raises(AssertionError, match="in vain"):
        await until((tmp_path / "b/on").exists, 0.4)
    (tmp_path / "a/end").touch()
    assert (await first.ended()).exit_code == (await second.ended()).exit_code == 0
    assert (tmp_path / "b/on").exists()


async def test_the_report_tells_time_and_memory(tmp_path: Path) -> None:
    ending = await run(tmp_path, "import time; x = b'x' * 100_000_000; time.sleep(0.1)")
    assert ending.seconds >= 0.1
    assert 95 < ending.max_rss_mb < 300


async def test_the_folders_of_home_and_tmpdir_are_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "keep").touch()
    code = "import os; h = os.environ['HOME']; os.makedirs(h + '/a/b'); os.symlink('../keep', h + '/link')"
    environment = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    ending = await run(tmp_path, code, environment=environment)
    assert ending.exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keep", "log"]


def test_the_report_has_exactly_the_fields_of_an_ending(tmp_path: Path) -> None:
    spec = json.dumps(specification(tmp_path, argv=("true",))) + "\ngo\n"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(SUPERVISOR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as one:
        assert one.stdin and one.stdout
        one.stdin.write(spec.encode())
        one.stdin.flush()
        said = [json.loads(line) for line in one.stdout]
    assert [event["event"] for event in said] == ["started", "opened", "ended"]
    assert said[-1].keys() - {"event"} == {field.name for field in fields(Ending)}


def test_a_supervisor_without_a_specification_ends(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-I", "-S", str(SUPERVISOR)], stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
