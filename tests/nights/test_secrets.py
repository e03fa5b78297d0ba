"""Planted keys: the training process cannot see them, and nothing that is kept or shown ever holds one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loop.cli import app as cli
from loop.record.home import find_home
from loop.record.intents import NoteAdded, ResumeRequested, StartRequested
from loop.record.journal import Journal
from loop.record.types import State
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP
from tests.fake_llm import Answer, FakeLLM
from tests.nights.night import CAMPAIGN, CANVAS, Researcher, campaign, front, paused, turn
from tests.stub import daemon, git, until

CANARIES = {
    "OPENAI_API_KEY": "sk-canary-openai-1234567890abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-canary-0987654321fedcba",
    "AWS_SECRET_ACCESS_KEY": "wJalrCanaryKEYawsSecret7654321",
    "AUTORESEARCH_API_KEY": "own-canary-5555555555",
    "MY_SERVICE_PASSWORD": "canary-pass-8888888",
}
NETRC = "canary-netrc-3141592653"

# A canvas that prints all it can see: its environment; and where bubblewrap confines it, as the README promises for no
# other tier, the environments of every process and the files where people keep keys.
NOSY = """
print("environment:", dict(os.environ))
"""
NOSIER = """
import glob
for place in [*glob.glob("/proc/[0-9]*/environ"), os.path.expanduser("~/.netrc"), {netrc!r}, {dotenv!r}]:
    try:
        print(place, open(place, errors="replace").read().replace(chr(0), " "))
    except OSError as error:
        print(place, error.strerror)
"""
LEAK = "raise RuntimeError('all I see: ' + repr(dict(os.environ)))"


def leaking(body: dict[str, Any]) -> str:
    return f"HYPOTHESIS: your key is {CANARIES['OPENAI_API_KEY']}, isn't it?\n" + turn("KNOB_9", "17", "16")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A finished night with every occasion to leak, and all that the commands printed of it."""
    top = tmp_path_factory.mktemp("secrets")
    home = top / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine api.example.org login me password {NETRC}\n")
    folder = top / "c"
    dotenv = folder / ".env"
    nosy = NOSY
    if probe().kind == BUBBLEWRAP:
        nosy += NOSIER.format(netrc=str(home / ".netrc"), dotenv=str(dotenv))
    crash = turn("KNOB_1", "9", "9\nimport os\n" + LEAK)
    script = [
        Answer(status=500, error=f"upstream said {CANARIES['OPENAI_API_KEY']}"),
        Answer(status=401, error=f"Incorrect API key provided: {CANARIES['AUTORESEARCH_API_KEY']}"),
        f"I know a key: {CANARIES['AWS_SECRET_ACCESS_KEY']} and {CANARIES['ANTHROPIC_API_KEY']}.",
        crash,
        turn("KNOB_1", "9", "7"),
    ]
    with FakeLLM(script, Researcher()) as server, pytest.MonkeyPatch.context() as patched:
        for name, value in (CANARIES | {"HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull}).items():
            patched.setenv(name, value)
        program = front(server, stop="{experiments: 4}", queue="1")
        campaign(folder, program, CANVAS + nosy)
        (folder / ".gitignore").write_text(".env\n")
        dotenv.write_text("")  # git ignores it; what is in it is written below, by the user
        with Journal(find_home(folder).journal) as journal:
            journal.append(CAMPAIGN, StartRequested(), NoteAdded("keep it simple"))
            dotenv.write_text(f"OPENAI_API_KEY={CANARIES['OPENAI_API_KEY']}\n")
            with daemon(folder, CAMPAIGN) as process:
                until(folder, paused)
                shown = subprocess.run(
                    [sys.executable, "-m", "loop", "-C", str(folder), "status"], capture_output=True, text=True
                ).stdout
                journal.append(CAMPAIGN, ResumeRequested())
                until(folder, lambda ledger: ledger.state is State.FINISHED)
                process.wait(30)
        for verb in (["results", "--json"], ["report"], ["show", "1"], ["diff", "1"], ["status", "--json"]):
            done = subprocess.run(
                [sys.executable, "-m", "loop", "-C", str(folder), *verb], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            shown += done.stdout + done.stderr
        assert cli.main(["-C", str(folder), "doctor", "--json"]) in (0, 1)
    yield folder, shown


def logs(folder: Path) -> list[str]:
    root = find_home(folder).root
    return [p.read_text(errors="replace") for p in root.rglob("run.log")]


def test_the_training_process_sees_no_key(night: tuple[Path, str]) -> None:
    printed = "".join(logs(night[0]))
    assert "environment: {" in printed and "AUTORESEARCH_SEED" in printed, "the canvas did print what it sees"
    for name, value in CANARIES.items():
        assert value not in printed and f"'{name}'" not in printed
    if probe().kind == BUBBLEWRAP:
        assert NETRC not in printed and "No such file or directory" in printed


def test_nothing_that_is_kept_or_shown_holds_a_key(night: tuple[Path, str]) -> None:
    folder, shown = night
    root = find_home(folder).root
    secrets = [*CANARIES.values(), *([NETRC] if probe().kind == BUBBLEWRAP else [])]
    kept = {str(p): p.read_bytes() for p in root.rglob("*") if p.is_file() and "slots" not in p.parts}
    kept |= {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != ".env"}
    kept |= {"what the commands printed": shown.encode(), "git": git(folder, "log", "--all", "-p").encode()}
    names = " ".join(kept)
    for place in ("journal.db", "daemon.log", "prompt.md", "reply.md", "run.log", "results.tsv", "report.html"):
        assert place in names, place
    for place, content in kept.items():
        found = [secret for secret in secrets if secret.encode() in content]
        assert not found, f"{place} holds {found}"


def test_the_evidence_shows_that_something_was_masked(night: tuple[Path, str]) -> None:
    replies = "".join(p.read_text() for p in find_home(night[0]).root.rglob("reply.md"))
    assert "[secret]" in replies and "keep it simple" in "".join(
        p.read_text() for p in find_home(night[0]).root.rglob("prompt.md")
    )
