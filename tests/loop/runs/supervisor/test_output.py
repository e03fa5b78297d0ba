"""What a run prints goes into a log of bounded size, or into the report."""

from __future__ import annotations

from pathlib import Path

from loop.runs.leash import Child, supervise
from tests.loop.runs.supervisor.children import run


async def test_gigabytes_of_output_keep_their_head_and_tail(tmp_path: Path) -> None:
    code = "print('first'); [print('x' * 100_000) for _ in range(500)]; print('last')"
    ending = await run(tmp_path, code, log_limit=1 << 20)
    log = (tmp_path / "log").read_bytes()
    assert ending.exit_code == 0 and len(log) <= 1 << 20
    assert log.startswith(b"first\n") and log.endswith(b"last\n") and b"bytes of output dropped" in log


async def test_output_is_read_to_the_end(tmp_path: Path) -> None:
    await run(tmp_path, "import os, sys; os.write(2, b'error'); os.write(1, b'out' * 20_000)")
    assert (tmp_path / "log").read_text() == "error" + "out" * 20_000


async def test_a_reply_goes_to_the_report_and_not_to_the_log(tmp_path: Path) -> None:
    code = "import sys; line = input(); print('answer to', line); print('said', file=sys.stderr)"
    ending = await run(tmp_path, code, gate="stdin", reply=True)
    assert (ending.reply, (tmp_path / "log").read_text()) == ("answer to go\n", "said\n")


async def test_a_command_that_does_not_exist_is_told_in_the_log(tmp_path: Path) -> None:
    child = Child(argv=("/no/such/python",), folder=tmp_path, environment={}, log=tmp_path / "log")
    supervised = await supervise(child)
    supervised.send("go")
    assert (await supervised.ended()).exit_code == 127
    assert "cannot start /no/such/python" in (tmp_path / "log").read_text()
