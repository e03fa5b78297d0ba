"""A checkout in the original tool's style, unchanged: its files, its branch and its results.tsv stay as they are."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from loop.cli import app as cli
from loop.control import control
from loop.record.types import Refused, ScoreSource, State, Verdict
from tests.fake_llm import FakeLLM, prompt_of
from tests.nights.night import Researcher
from tests.stub import ended, git, gone, until

# In the manner of the original: constants and functions that train.py imports, and no ruler of ours.
PREPARE = '''"""Data preparation and evaluation. Fixed."""
import os

MAX_SEQ_LEN = 2048
TIME_BUDGET = 300


def evaluate_bpb(loss):
    return loss / 0.6931


if __name__ == "__main__":
    print("downloads the shards")
'''
TRAIN = """import os
import time

from prepare import MAX_SEQ_LEN, TIME_BUDGET, evaluate_bpb

t_start = time.time()
ASPECT_RATIO = 64
DEPTH = 8
"""
TRAIN += "".join(f"KNOB_{n} = {n + 8}\n" for n in range(24))
TRAIN += """
loss = 1.0 + sum(abs(v - int(k[5:])) for k, v in list(globals().items()) if k.startswith("KNOB_")) / 1000
for step in range(3):
    print(f"\\rstep {step:05d} ({step * 50:.1f}%) | loss: {loss:.6f} | tok/sec: 1,000 | remaining: 0s    ", end="")
print()
val_bpb = evaluate_bpb(loss)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {0.3:.1f}")
print(f"total_seconds:    {time.time() - t_start:.1f}")
print(f"peak_vram_mb:     {45060.2:.1f}")
print(f"mfu_percent:      {39.80:.2f}")
print(f"total_tokens_M:   {499.6:.1f}")
print(f"num_steps:        {953}")
print(f"depth:            {DEPTH}")
"""
PROGRAM = "# autoresearch\n\nThis is an experiment to have the LLM do its own research.\n\nGet the lowest val_bpb.\n"


def checkout(folder: Path, branch: str) -> Path:
    """Make a repository as a night of the original leaves it: on its branch with two kept commits, and results.tsv."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "master")
    (folder / "prepare.py").write_text(PREPARE)
    (folder / "program.md").write_text(PROGRAM)
    (folder / "train.py").write_text(TRAIN.replace("DEPTH = 8", "DEPTH = 6").replace("= 64", "= 48"))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "checkout", "-q", "-b", f"autoresearch/{branch}")
    rows = [f"{git(folder, 'rev-parse', '--short=7', 'HEAD').strip()}\t0.997900\t44.0\tkeep\tbaseline"]
    for text, words in ((TRAIN.replace("= 64", "= 48"), "two more layers"), (TRAIN, "a wider model, ASPECT_RATIO 64")):
        (folder / "train.py").write_text(text)
        git(folder, "commit", "-qam", words)
        rows.append(f"{git(folder, 'rev-parse', '--short=7', 'HEAD').strip()}\t0.99{len(rows)}200\t44.2\tkeep\t{words}")
    rows += ["abcdef1\t1.005000\t44.0\tdiscard\tswitch to GeLU", "abcdef2\t0.000000\t0.0\tcrash\tdouble width (OOM)"]
    (folder / "results.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + "\n".join(rows) + "\n")
    (folder / ".git/info/exclude").write_text("results.tsv\n")
    return folder


def state(folder: Path) -> tuple[dict[str, bytes], str, str]:
    """Return the user's files, branches and status."""
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    mine = git(folder, "symbolic-ref", "HEAD").strip()
    branches = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/master", mine)
    return files, branches, git(folder, "status", "--porcelain") + mine


def today() -> str:
    """Return what a campaign of this day is called."""
    return date.today().strftime("%b%d").lower()


def test_an_original_checkout_works_unchanged_and_its_earlier_night_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = today()
    folder = checkout(tmp_path / "autoresearch", day)
    before = state(folder)
    assert cli.main(["-C", str(folder), "import"]) == 0
    assert "5 experiments more (3 kept) as its history" in capsys.readouterr().out
    assert cli.main(["-C", str(folder), "import"]) == 0
    assert "0 experiments" in capsys.readouterr().out, "importing twice adds nothing"
    with FakeLLM(fallback=Researcher()) as server:
        os.environ["OPENAI_API_BASE"] = server.url  # plain prose has no front matter to name an address in
        os.environ["OPENAI_API_KEY"] = "key-of-the-test"
        try:
            control.start(folder, {"model": "openai/gpt-4o", "experiments": "3"})
            ledger = until(folder, ended)
            gone(folder)
        finally:
            del os.environ["OPENAI_API_BASE"], os.environ["OPENAI_API_KEY"]
    assert ledger.state is State.FINISHED and ledger.judged == 3, ledger.message
    at_midnight = {today()} - {day}
    assert ledger.campaign in {f"{day}-2", *at_midnight}, "the branch of the earlier night is the user's"
    assert ledger.created is not None and ledger.created.source is ScoreSource.SELF_REPORTED
    assert [h.verdict for h in ledger.history] == [Verdict.KEEP] * 3 + [Verdict.DISCARD, Verdict.CRASH]
    assert ledger.history[2].knobs == {"ASPECT_RATIO": ("48", "64")} and ledger.history[3].commit == ""
    assert ledger.experiments[1].peak_memory_mb == 45060.2
    told = prompt_of(server.requests[0])
    assert "Earlier nights" in told and "- keep 0.9922: a wider model, ASPECT_RATIO 64" in told
    assert "- discard 1.005: switch to GeLU" in told and "have the LLM do its own research" in told
    assert state(folder) == before
    assert cli.main(["-C", str(folder), "status"]) == 0
    assert "self-reported" in capsys.readouterr().out


def test_a_report_never_overwrites_what_an_earlier_night_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkout(tmp_path / "c", today())
    (folder / "progress.png").write_bytes(b"\x89PNG of an earlier night")
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    control.start(folder, {"model": "knobs", "experiments": "2"})
    name = until(folder, ended).campaign
    gone(folder)
    for _ in range(2):
        assert cli.main(["-C", str(folder), "report"]) == 0
        assert f"wrote results-{name}.tsv, progress-{name}.png, report.html" in capsys.readouterr().out
    after = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    assert {name: after[name] for name in before} == before
    assert len(after[f"results-{name}.tsv"].splitlines()) == 4
    assert git(folder, "status", "--porcelain").split() == ["??", "progress.png"], "what is the user's is not hidden"
    (folder / "results.tsv").unlink()
    for _ in range(2):
        assert cli.main(["-C", str(folder), "report"]) == 0
        assert "wrote results.tsv," in capsys.readouterr().out


def test_a_campaign_never_takes_over_a_branch_of_the_users(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "c", "mar5")
    git(folder, "checkout", "-q", "master")
    tip = git(folder, "rev-parse", "autoresearch/mar5")
    with pytest.raises(Refused, match=r"autoresearch/mar5 exists and is yours; choose another name"):
        control.start(folder, {"model": "knobs"}, campaign="mar5")
    gone(folder)
    assert git(folder, "rev-parse", "autoresearch/mar5") == tip


def test_hours_between_an_import_or_a_dead_daemon_and_the_start_are_nobodys() -> None:
    from loop.record.campaign_facts import Answered, Imported, Resumed, StateChanged
    from loop.record.entries import Entry
    from loop.record.intents import NoteAdded, StartRequested
    from loop.record.ledger import Ledger

    told = Imported("", 1.0, None, Verdict.KEEP, "an idea")
    working = StateChanged(State.RUNNING)
    body = [(0, told), (9000, StartRequested()), (9001, working), (9003, working),
            (20_000, NoteAdded("x")), (30_000, StartRequested()), (30_001, Answered(5, True)), (30_002, Resumed()),
            (30_003, working)]  # fmt: skip
    ledger = Ledger("n").feed(Entry(k, "n", 0.0, b, float(at)) for k, (at, b) in enumerate(body, 1))
    assert ledger.busy_s == 3.0
