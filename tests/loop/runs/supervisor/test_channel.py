"""What a run may say on its channel, and what it is given for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loop.runs.supervisor.wire import Why
from tests.loop.runs.supervisor.children import ASK, CHANNEL, CLOCK, alive, run


async def test_rows_are_served_while_the_clock_runs_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"aabbccdd")
    options = {"gate": "channel", "data": tmp_path / "rows", "row_bytes": 2}
    ending = await run(tmp_path, CHANNEL + ASK + "ask(0); print(take(2))", **options)
    assert ((tmp_path / "log").read_text(), ending.rows) == ("b''\n", 0)
    late = "ask(2, 0); ask(3); print(answer.split()[:2], take(6), flush=True)\ns.sendall(b'submit\\n'); s.recv(9)"
    ending = await run(tmp_path, CHANNEL + CLOCK + ASK + late, **options)
    assert (tmp_path / "log").read_text() == "[b'go', b'8'] b'ccaadd'\n"
    assert (ending.rows, ending.why) == (3, "submitted")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
async def test_a_run_has_no_descriptor_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"aabbccdd")
    look = "fds = '/proc/self/fd/'; print([n for n in os.listdir(fds) if os.path.realpath(fds + n).endswith('rows')])"
    await run(
        tmp_path,
        CHANNEL + CLOCK + ASK + f"ask(1); take(2); {look}",
        gate="channel",
        data=tmp_path / "rows",
        row_bytes=2,
    )
    assert (tmp_path / "log").read_text() == "[]\n"


async def test_more_rows_than_the_budget_buys_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(bytes(2000))
    code = CHANNEL + CLOCK + ASK + "for n in range(1000):\n    ask(n)\n    if not take(2): time.sleep(60)"
    ending = await run(tmp_path, code, gate="channel", data=tmp_path / "rows", row_bytes=2, most_rows=100)
    assert (ending.why, ending.rows) == ("greedy", 356)
    ending = await run(tmp_path, code, gate="channel", data=tmp_path / "rows", row_bytes=2, most_rows=None)
    assert (ending.why, ending.rows) == (None, 1000)


@pytest.mark.parametrize(
    "asked",
    ["ask(4)", "ask()", *(f"s.sendall(b'rows {count}\\n')" for count in ("99999", "0", "-1", "x", ""))],
)
async def test_rows_that_there_are_not_end_the_channel(tmp_path: Path, asked: str) -> None:
    (tmp_path / "rows").write_bytes(bytes(8))
    code = CHANNEL + CLOCK + ASK + asked + "; print(take(1))"
    ending = await run(tmp_path, code, gate="channel", data=tmp_path / "rows", row_bytes=2)
    assert ((tmp_path / "log").read_text(), ending.rows) == ("b''\n", 0)


async def test_a_run_that_does_not_read_its_rows_holds_nothing_up(tmp_path: Path) -> None:
    """Its time limit holds, its submission is heard, and it gets all it asked for when it reads at last."""
    (tmp_path / "rows").write_bytes(bytes(1 << 22))
    deaf = CHANNEL + CLOCK + ASK + "ask(*range(40000))\n"
    options = {"gate": "channel", "data": tmp_path / "rows", "row_bytes": 64}
    ending = await run(tmp_path, deaf + "s.sendall(b'submit\\n'); time.sleep(60)", **options)
    assert (ending.why, ending.rows) == ("submitted", 40000)
    flood = "while True: ask(*range(40000))"
    assert (await run(tmp_path, deaf + flood, limit_s=0.5, **options)).why == "timed_out"
    await run(tmp_path, deaf + "print(len(take(64 * 40000)))", **options)
    assert (tmp_path / "log").read_text() == "2560000\n"


async def test_what_is_written_after_the_submission_does_not_count(tmp_path: Path, mark: Path) -> None:
    child = "import os, sys, time; open(sys.argv[1] + '1', 'w'); time.sleep(60)"
    code = (
        CHANNEL
        + CLOCK
        + (
            f"import subprocess, sys\nchild = [sys.executable, '-c', {child!r}, sys.argv[1]]\n"
            "subprocess.Popen(child, start_new_session=True)\n"
            "while not os.path.exists(sys.argv[1] + '1'): time.sleep(0.001)\n"
            "print('done', flush=True); s.sendall(b'submit\\n'); s.recv(9); open('late', 'w')"
        )
    )
    ending = await run(tmp_path, code, mark, gate="channel")
    assert (ending.why, ending.unkillable, alive(mark)) == ("submitted", False, [])
    assert (tmp_path / "log").read_text() == "done\n" and not (tmp_path / "late").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("clock\\nclock\\n", None),
        ("submit\\n", None),
        ("clock\\nsubmit 1\\n", None),
        ("x" * 100, None),
        ("\\n", None),
        ("clock\\nsubmit\\nsubmit\\n", Why.SUBMITTED),
    ],
)
async def test_a_run_that_says_something_else_is_heard_no_more(tmp_path: Path, words: str, why: Why | None) -> None:
    code = CHANNEL + f"s.sendall(b'{words}')\nwhile s.recv(9): pass"
    assert (await run(tmp_path, code, gate="channel", limit_s=60.0)).why is why


async def test_a_run_that_does_not_submit_in_time_is_late(tmp_path: Path) -> None:
    ending = await run(tmp_path, CHANNEL + CLOCK + "time.sleep(60)", gate="channel", clock_s=0.2)
    assert ending.why == "late" and ending.clock_s is not None and ending.clock_s >= 0.2
