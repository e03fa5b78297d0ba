"""`kill -9` of the daemon at random moments of a real campaign: nothing lost, nothing twice, nothing left behind."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter
from functools import partial
from pathlib import Path

import psutil
import pytest

from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.ledger import Ledger
from loop.record.types import Outcome, State
from tests.stub import CANVAS, DEADLINE_S, daemon, ended, entries, git, make_campaign, until

KILLS = 50
SEED = 20261123
CAMPAIGN = "night"
PROGRAM = "---\nmodel: knobs\nbudget: 2s\nrepeats: 2\nstop: {experiments: 60}\n---\n"
KNOBS = "".join(f"KNOB_{letter}_LR = {k}.5\n" for k, letter in enumerate("ABCDEFGHIJKL", 1))
SLOWER = CANVAS.replace("DEPTH = 4\n", KNOBS).replace("time.sleep(0.02)", "time.sleep(0.2)")


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that was killed 50 times and then ran to its end."""
    from loop.record.journal import Journal

    folder = make_campaign(tmp_path_factory.mktemp("crash") / "c", PROGRAM, SLOWER)
    with Journal(find_home(folder).journal) as journal:
        journal.append(CAMPAIGN, StartRequested())
    moments = random.Random(SEED)
    seen: list[Entry] = []
    for kill in range(KILLS):
        with daemon(folder, CAMPAIGN) as process:
            if kill % 2:  # while a run trains, which takes a fifth of a second and more
                until(folder, partial(trains_or_ended, after=len(seen)))
                time.sleep(moments.uniform(0.0, 0.2))
            else:
                time.sleep(moments.uniform(0.05, 2.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_for_orphans(folder)
        now = entries(folder)
        assert now[: len(seen)] == seen, "an entry that was there before the kill is not there after it"
        seen = now
        if Ledger(CAMPAIGN).feed(now).state is State.FINISHED:
            break
    with daemon(folder, CAMPAIGN) as process:
        until(folder, ended)
        process.wait(DEADLINE_S)
    return folder


def trains_or_ended(ledger: Ledger, after: int) -> bool:
    return (ledger.last_seq > after and ledger.running is not None) or ended(ledger)


def wait_for_orphans(folder: Path) -> None:
    """Fail when a process of the campaign still lives some seconds after its daemon's death."""
    end = time.monotonic() + 60
    while left := [p for p in psutil.process_iter(["cmdline", "cwd"]) if belongs(p, folder)]:
        assert time.monotonic() < end, f"left behind: {left}"
        time.sleep(0.01)


def belongs(process: psutil.Process, folder: Path) -> bool:
    place = process.info["cwd"] or ""
    return str(folder) in place or any(str(folder) in word for word in process.info["cmdline"] or [])


def bodies(folder: Path, kind: type[Body]) -> list[Body]:
    return [e.body for e in entries(folder) if isinstance(e.body, kind)]


def test_the_campaign_reaches_its_end(survivor: Path) -> None:
    ledger = Ledger(CAMPAIGN).feed(entries(survivor))
    assert ledger.state is State.FINISHED, ledger.message
    assert ledger.judged == 60 or "nothing left" in ledger.message or "every" in ledger.message
    assert not ledger.waiting


def test_the_kills_really_interrupted_runs(survivor: Path) -> None:
    interrupted = [b for b in bodies(survivor, RunEnded) if b.outcome is Outcome.INTERRUPTED]  # type: ignore[union-attr]
    assert len(interrupted) >= 5


def test_every_experiment_has_one_proposal_and_one_verdict(survivor: Path) -> None:
    proposed = Counter(b.experiment for b in bodies(survivor, Proposed))  # type: ignore[union-attr]
    judged = Counter(b.experiment for b in bodies(survivor, Judged))  # type: ignore[union-attr]
    assert set(proposed) == set(judged) == set(range(len(proposed)))
    assert set(proposed.values()) == set(judged.values()) == {1}


def test_every_run_has_one_start_one_end_and_a_finished_one_one_score(survivor: Path) -> None:
    def names(kind: type[Body]) -> Counter[tuple[int, int]]:
        return Counter((b.experiment, b.attempt) for b in bodies(survivor, kind))  # type: ignore[union-attr]

    finished = {
        (b.experiment, b.attempt)  # type: ignore[union-attr]
        for b in bodies(survivor, RunEnded)
        if b.outcome is Outcome.FINISHED  # type: ignore[union-attr]
    }
    assert names(RunStarted) == names(RunEnded)
    assert set(names(Scored)) == finished
    assert set(names(RunStarted).values()) == set(names(Scored).values()) == {1}


def test_no_finished_run_was_made_again(survivor: Path) -> None:
    ledger = Ledger(CAMPAIGN).feed(entries(survivor))
    for experiment in ledger.experiments.values():
        done = Counter((r.commit, r.seed) for r in experiment.runs if r.score is not None)
        assert set(done.values()) <= {1}, f"#{experiment.number}"
        assert [r.attempt for r in experiment.runs] == list(range(1, len(experiment.runs) + 1))


def test_branch_refs_and_journal_are_sound_and_agree(survivor: Path) -> None:
    ledger = Ledger(CAMPAIGN).feed(entries(survivor))
    assert ledger.incumbent_experiment is not None
    tip = git(survivor, "rev-parse", f"refs/heads/autoresearch/{CAMPAIGN}").strip()
    assert tip == ledger.incumbent_experiment.commit
    for number, experiment in ledger.experiments.items():
        assert git(survivor, "rev-parse", f"refs/autoresearch/{CAMPAIGN}/{number}").strip() == experiment.commit
    git(survivor, "fsck", "--strict")
    with sqlite3.connect(find_home(survivor).journal) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert git(survivor, "status", "--porcelain") == ""
