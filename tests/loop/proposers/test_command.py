"""A CLI agent: only the canvas's change comes back, and nothing of the agent stays."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from loop.proposers import Abandoned, Brief, Proposal, command
from loop.proposers.agent import LONGEST_OUTPUT, MARK, Exit, claim, execute
from loop.proposers.command import Command
from loop.record.types import Author, Failure, FailureKind, ProposalFailed
from tests.loop.proposers.asking import CANARIES, DEEPER, TEXT, brief, history

pytestmark = pytest.mark.usefixtures("canaries")

EDIT = "p = pathlib.Path('train.py'); p.write_text(p.read_text().replace('DEPTH = 2', 'DEPTH = 3'))\n"
SAY = "print('HYPOTHESIS: one more layer pays'); print('EXPECTED: -0.01')\n"


def agent(tmp_path: Path, body: str) -> str:
    """Return the command line of an agent that runs this Python."""
    script = tmp_path / "agent.py"
    script.write_text(f"import os, pathlib, subprocess, sys, time\nprompt = sys.stdin.read()\n{body}")
    return f"{sys.executable} {script}"


async def propose(tmp_path: Path, body: str, asked: Brief | None = None) -> Proposal:
    return await Command(agent(tmp_path, body)).propose(asked or brief())


async def test_the_edit_of_an_agent_becomes_a_proposal_with_its_last_words(tmp_path: Path) -> None:
    proposal = await propose(tmp_path, EDIT + SAY)
    assert (proposal.text, proposal.hypothesis, proposal.expected) == (DEEPER, "one more layer pays", "-0.01")
    assert proposal.author is Author.COMMAND and proposal.cost.dollars is None and proposal.cost.seconds > 0
    assert "throw-away copy" in proposal.evidence["prompt.md"] and "Lower it." in proposal.evidence["prompt.md"]


async def test_other_files_are_discarded_and_said(tmp_path: Path) -> None:
    def lay(commit: str, folder: Path) -> None:
        (folder / "prepare.py").write_text("ruler = 1\n")
        (folder / "train.py").write_text("the commit's, not the incumbent's\n")

    body = (
        EDIT + "pathlib.Path('prepare.py').write_text('ruler = 2')\npathlib.Path('notes.txt').write_text('x')\n" + SAY
    )
    proposal = await Command(agent(tmp_path, body), lay).propose(brief())
    assert proposal.text == DEEPER
    assert "- notes.txt\n- prepare.py" in proposal.evidence["reply.md"]


def test_what_an_earlier_daemons_agents_left_goes_and_no_other_repositorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(root: Path) -> subprocess.Popen[bytes]:
        place = root.stat()
        mark = f"{place.st_dev:x}-{place.st_ino:x}:token"
        return subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: mark}, start_new_session=True)

    monkeypatch.setattr("loop.proposers.agent._owner", "")
    mine, others = tmp_path / "mine", tmp_path / "others"
    mine.mkdir()
    others.mkdir()
    orphan, other = left(mine), left(others)
    try:
        claim(mine)
        assert orphan.wait(60) == -signal.SIGKILL and other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_what_the_canvas_had_is_no_secret_that_the_agent_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = next(line for line in TEXT.split("\n") if len(line) > 8 and line in DEEPER)
    monkeypatch.setenv("SESSION_SECRET", line)
    with pytest.raises(ProposalFailed, match="You changed nothing"):
        await propose(tmp_path, SAY)
    assert (await propose(tmp_path, EDIT + SAY)).text == DEEPER


async def test_no_secret_of_the_user_gets_into_the_canvas(tmp_path: Path) -> None:
    leak = "p.write_text(p.read_text() + '# ' + os.environ['OPENAI_API_KEY'] + chr(10))\n"
    proposal = await propose(tmp_path, EDIT + leak + SAY)
    assert CANARIES["OPENAI_API_KEY"] not in proposal.text and proposal.text.startswith(DEEPER + "# ")


async def test_what_an_earlier_run_cost_is_known_when_the_next_is_cut_off(tmp_path: Path) -> None:
    body = f"""
first = pathlib.Path({str(tmp_path / "second")!r})
if first.exists():
    first.with_name("sleeps").touch()
    time.sleep(600)
first.touch()
print('{{"result": "no idea", "total_cost_usd": 1.5}}')
"""
    proposing = asyncio.create_task(propose(tmp_path, body))
    async with asyncio.timeout(60):
        while not (tmp_path / "sleeps").exists():
            await asyncio.sleep(0.02)
    proposing.cancel()
    with pytest.raises(Abandoned) as cut:
        await proposing
    assert cut.value.cost.dollars == 1.5


async def test_an_agent_is_not_asked_again_once_a_limit_is_reached(tmp_path: Path) -> None:
    asked = replace(brief(), limit=lambda cost: "$1.50 spent" if cost.dollars else "")
    with pytest.raises(ProposalFailed, match=r"^\$1.50 spent$") as failed:
        await propose(tmp_path, 'print(\'{"result": "no idea", "total_cost_usd": 1.5}\')\n', asked)
    assert failed.value.cost.dollars == 1.5


async def test_an_agent_without_a_label_or_with_json_is_understood(tmp_path: Path) -> None:
    proposal = await propose(tmp_path, EDIT + "print('I added a layer. It was easy.')")
    assert proposal.hypothesis == "I added a layer."
    answer = json.dumps({"result": "HYPOTHESIS: deeper", "total_cost_usd": 0.25})
    proposal = await propose(tmp_path, EDIT + f"print('''{answer}''')")
    assert (proposal.hypothesis, proposal.cost.dollars) == ("deeper", 0.25)


async def test_no_change_is_asked_for_once_more(tmp_path: Path) -> None:
    proposal = await propose(tmp_path, f"if 'changed nothing' in prompt:\n    {EDIT}    {SAY}")
    assert proposal.text == DEEPER
    with pytest.raises(ProposalFailed, match="no usable change in 2 runs") as caught:
        await propose(tmp_path, "print('done')")
    assert not caught.value.pause and caught.value.cost.seconds > 0


async def test_a_text_that_was_measured_is_asked_for_once_more(tmp_path: Path) -> None:
    from loop.text.canvas import fingerprint

    asked = brief(ledger=history(fingerprint=fingerprint(DEEPER)))
    other = EDIT.replace("= 3", "= 4")
    proposal = await propose(tmp_path, f"if 'equals experiment #1' in prompt:\n    {other}else:\n    {EDIT}", asked)
    assert "DEPTH = 4" in proposal.text


@pytest.mark.parametrize(
    ("body", "finding", "pause"),
    [
        ("sys.exit('boom')", "exit code 1: boom", False),
        ("sys.exit('Invalid API key · Please run /login')", "Please run /login", True),
        (
            'print(\'{"type": "result", "subtype": "success", "is_error": true, "api_error_status": null, \''
            '\'"duration_ms": 87, "duration_api_ms": 0, "num_turns": 1, "session_id": "9e756b26", \''
            '\'"result": "Not logged in · Please run /login"}\'); sys.exit(1)',
            "exit code 1: Not logged in",
            True,
        ),
        (
            "print('AuthenticationError: no key. Check your API key.')",
            "changed nothing and ended with: .*API key",
            True,
        ),
        ("print('I would log in the loss at each step.')", "gave no usable change in 2 runs", False),
        ("os.remove('train.py')", "no readable train.py", False),
        ("os.remove('train.py'); os.symlink('/etc/passwd', 'train.py')", "no readable train.py", False),
        ("pathlib.Path('train.py').write_bytes(b'\\xff')", "no readable train.py", False),
    ],
)
async def test_an_agent_that_fails_says_why(tmp_path: Path, body: str, finding: str, pause: bool) -> None:
    with pytest.raises(ProposalFailed, match=finding) as caught:
        await propose(tmp_path, body)
    assert caught.value.pause is pause


async def test_a_command_that_is_not_there_pauses() -> None:
    with pytest.raises(ProposalFailed, match="cannot be started") as caught:
        await Command("no-such-agent-9 -p").propose(brief())
    assert caught.value.pause


def alive(marker: Path) -> list[int]:
    """Return the processes whose numbers a test's agent wrote down and that still run."""
    pids = [int(line) for line in marker.read_text().split()] if marker.exists() else []
    return [p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE]


ESCAPE = """
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
open({marker!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')
time.sleep(600)
"""


@pytest.mark.parametrize("ending", ["time limit", "cancelled"])
async def test_the_whole_tree_ends_even_what_left_the_session(tmp_path: Path, ending: str) -> None:
    marker = tmp_path / "pids"
    asked = brief(deadline_s=10.0 if ending == "time limit" else 60.0)
    task = asyncio.create_task(propose(tmp_path, ESCAPE.format(marker=str(marker)), asked))
    if ending == "cancelled":
        async with asyncio.timeout(30):
            while len(alive(marker)) < 2:
                await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        with pytest.raises(ProposalFailed, match="still running after 10 s"):
            await task
        assert marker.exists()
    deadline = time.monotonic() + 60
    while alive(marker) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert alive(marker) == []


async def test_an_agent_that_prints_without_end_is_ended_and_fills_neither_memory_nor_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Exit] = []

    async def watched(argv: list[str], folder: Path, prompt: Path, limit_s: float) -> Exit:
        kept.append(await execute(argv, folder, prompt, limit_s))
        assert sum(p.stat().st_size for p in folder.parent.rglob("*") if p.is_file()) < 1 << 20
        return kept[-1]

    monkeypatch.setattr(command, "execute", watched)
    with pytest.raises(ProposalFailed, match="printed more than 64 MB; ended") as caught:
        await propose(tmp_path, "while True: print('x' * 100_000)", brief(deadline_s=300.0))
    assert not caught.value.pause and len(kept[0].output) == LONGEST_OUTPUT


async def test_the_last_words_of_a_talkative_agent_are_kept(tmp_path: Path) -> None:
    proposal = await propose(tmp_path, "print('thinking ' * 1_000_000)\n" + EDIT + SAY)
    assert proposal.hypothesis == "one more layer pays"


async def test_an_agent_that_leaves_a_child_with_its_output_is_not_waited_for(tmp_path: Path) -> None:
    left = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    proposal = await propose(tmp_path, EDIT + left + SAY, brief(deadline_s=100.0))
    assert proposal.text == DEEPER, "at the deadline it would have failed"


async def test_an_agent_has_the_users_environment_and_its_secrets_are_not_kept(tmp_path: Path) -> None:
    key = os.environ["ANTHROPIC_API_KEY"]
    proposal = await propose(tmp_path, EDIT + "print('HYPOTHESIS: with ' + os.environ['ANTHROPIC_API_KEY'])")
    assert key not in "".join((proposal.hypothesis, *proposal.evidence.values()))
    with pytest.raises(ProposalFailed) as caught:
        await propose(tmp_path, "sys.exit(os.environ['ANTHROPIC_API_KEY'])")
    assert key not in str(caught.value)


async def test_a_crash_is_mended_on_the_broken_text(tmp_path: Path) -> None:
    broken = Proposal(DEEPER, "deeper", Author.COMMAND, "agent")
    failure = Failure(FailureKind.OTHER, "NameError: x", 3, "Traceback")
    body = "assert 'NameError: x' in prompt\n" + EDIT.replace("DEPTH = 2", "DEPTH = 3").replace(
        "'DEPTH = 3')", "'DEPTH = 5')", 1
    )
    repaired = await Command(agent(tmp_path, body)).repair(replace(brief()), broken, failure)
    assert repaired is not None and repaired.text == TEXT.replace("DEPTH = 2", "DEPTH = 5")
