"""One campaign of a rebuilt journal, completed from git and the evidence. Nothing is invented; what is lost is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from loop.git.repo import Repo
from loop.record.campaign_facts import Answered, Resumed, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import Judged, Merged, Proposed, VerdictLost
from loop.record.home import Home
from loop.record.intents import ProposeRequested
from loop.record.ledger import Ledger
from loop.record.types import Author, Reason, ScoreSource, State, Verdict
from loop.record.values import counted
from loop.setup import traces
from loop.setup.draft import Draft
from loop.setup.rows import about, feed, made, named
from loop.setup.traces import Traces
from loop.text.canvas import fingerprint
from loop.text.numbers import number


@dataclass(frozen=True)
class Canvas:
    """The texts of one campaign in git."""

    repo: Repo
    path: str
    found: Traces

    def text(self, number: int) -> str:
        return self.repo.text_at(self.found.attempts[number], self.path)

    def proposed(self, number: int, ledger: Ledger) -> tuple[Proposed, float]:
        return traces.proposed(self.repo, number, self.found.attempts[number], self.path, ledger)


def restore(repo: Repo, draft: Draft, name: str, found: Traces, sound: bool) -> None:
    """Complete one campaign from git; whatever is about an experiment that nothing knows is left out and said.

    A campaign is closed where the journal does not tell its conditions: it can be read, and not continued.
    """
    told = draft.campaigns.setdefault(name, [])
    ledger = draft.ledger(name)
    unknown = found.unknown(ledger, sound)
    created = ledger.created
    closed = created is None and bool(unknown)
    if closed:
        created = traces.created(repo, found)
        told.append("its conditions are lost" if created else "git holds experiments of it, but not of which canvas")
        draft.changed = True
    if created is None:
        _leave_out(draft, name)
        return
    canvas = Canvas(repo, f"{created.folder}/{created.canvas}".lstrip("/"), found)
    _fill(draft, name, canvas, told)
    _keep(draft, name, found, told)
    ledger = draft.ledger(name)
    beyond = [n for n in unknown if n not in ledger.experiments]
    new: list[tuple[Body, float]] = [(created, time.time())] if closed else []
    new += _beyond(ledger, canvas, beyond, closed)
    new += [(fact, time.time()) for fact in _moved(ledger, canvas)]
    for body, at in new:
        ledger.feed([Entry(ledger.last_seq + 1, name, at, body, ledger.last_tick or 0.0)])
    ledger.created = created
    open_now = _tell_lost(repo.home, draft, ledger, found, beyond, closed)
    new += [(VerdictLost(n, ledger.experiments[n].commit in found.kept), time.time()) for n in open_now]
    _end(draft, name, new, open_now, closed)
    if not told:
        told.append(f"{counted(len(ledger.experiments), 'experiment')}, complete as far as git can tell")


def _beyond(ledger: Ledger, canvas: Canvas, numbers: list[int], closed: bool) -> list[tuple[Body, float]]:
    """Return the proposals that only git holds, with their answers; of a closed campaign also what was kept."""
    new: list[tuple[Body, float]] = []
    for n in numbers:
        fact, at = canvas.proposed(n, ledger)
        new += [(body, at) for body in _linked(ledger, fact, canvas.text(n))]
        if closed and (n == 0 or fact.commit in canvas.found.kept):
            new.append((_kept(n, fact.author), at))
    return new


def _end(draft: Draft, name: str, new: list[tuple[Body, float]], open_now: list[int], closed: bool) -> None:
    """Append what is new, and the state that says how the campaign continues."""
    if not new:
        return
    state = State.FINISHED if closed else State.STOPPED
    how = "its budget and other conditions are lost, so it cannot be continued"
    if not closed:
        how = "'autoresearch start' continues" + (f" and measures {named(open_now)} again" if open_now else "")
    draft.append(name, [(Resumed(), time.time()), *new, (StateChanged(state, f"rebuilt: {how}"), time.time())])


def _leave_out(draft: Draft, name: str) -> None:
    """Drop what is about experiments that nothing knows."""
    ledger = Ledger(name)
    for row in draft.of(name):
        if not feed(ledger, row):
            draft.leave_out(row)
    if not draft.campaigns[name]:
        del draft.campaigns[name]


def _fill(draft: Draft, name: str, canvas: Canvas, told: list[str]) -> None:
    """Put the proposals that are lost in the middle back before what follows from them, from git."""
    ledger = Ledger(name)
    for row in draft.of(name):
        if feed(ledger, row):
            continue
        n, gap = about(row), draft.gap_before(row.seq)
        if n not in canvas.found.attempts or gap is None:
            draft.leave_out(row)
            continue
        fact, at = canvas.proposed(n, ledger)
        draft.rows[gap] = made(gap, name, at, fact, ledger.last_tick or row.tick or row.at)
        feed(ledger, draft.rows[gap])
        feed(ledger, row)
        told.append(f"#{n}: its proposal is restored from git; what it cost is lost")


def _keep(draft: Draft, name: str, found: Traces, told: list[str]) -> None:
    """Put the verdicts back that are lost in the middle, of what the branch holds below a later keep."""
    ledger = draft.ledger(name)
    line = [e for commit in found.kept for e in ledger.experiments.values() if e.commit == commit]
    for place, experiment in enumerate(line):
        later = next((e.judged_seq for e in line[place + 1 :] if e.verdict is Verdict.KEEP), None)
        gap = draft.gap_before(later) if later else None
        if experiment.verdict is None and later and gap:
            tick = next((r.tick for r in reversed(draft.of(name)) if r.seq < later), None)
            draft.rows[gap] = made(gap, name, draft.rows[later].at, _kept(experiment.number, experiment.author), tick)
            told.append(f"#{experiment.number}: was kept, as the branch says; why, and its score, are lost")


def _kept(number: int, author: Author) -> Judged:
    reason = Reason.HUMAN if author is Author.HUMAN else Reason.LOST
    why = "the baseline" if number == 0 else "kept, as the branch says"
    return Judged(number, Verdict.KEEP, reason, explanation=f"{why}; its score is lost with the journal")


def _moved(ledger: Ledger, canvas: Canvas) -> Iterator[Body]:
    """Yield where git holds a later text of an experiment than the journal: it was merged, or its crash repaired."""
    for n, experiment in ledger.experiments.items():
        if n and experiment.verdict is None and canvas.found.attempts.get(n, experiment.commit) != experiment.commit:
            fact, _ = canvas.proposed(n, ledger)
            yield Merged(n, fact.commit, fact.parent, fact.lines_added, fact.lines_removed, fact.fingerprint)


def _linked(ledger: Ledger, fact: Proposed, text: str) -> list[Body]:
    """Return a restored proposal, with the answer to what its human asked where that still waits for one."""
    for seq, entry in ledger.unanswered.items():
        body = entry.body
        if (
            isinstance(body, ProposeRequested)
            and fact.author is Author.HUMAN
            and fingerprint(body.text) == fingerprint(text)
        ):
            fact = replace(fact, intent=seq, removes=body.removes)
            return [fact, Answered(seq, True, f"queued as #{fact.experiment}")]
    return [fact]


def _tell_lost(home: Home, draft: Draft, ledger: Ledger, found: Traces, beyond: list[int], closed: bool) -> list[int]:
    """Say what is lost of each experiment; return those without a verdict, which a start measures again if it can."""
    created, told, lost = ledger.created, draft.campaigns[ledger.campaign], list[int]()
    for n, experiment in sorted(ledger.experiments.items()):
        open_ = n in beyond or experiment.verdict is None
        runs = traces.unrecorded_runs(home, ledger.campaign, experiment) if open_ else []
        held = experiment.commit in found.kept
        if n in beyond:
            parts = ["text and hypothesis restored from git; its runs, score, verdict and cost are lost"]
        elif runs:
            parts = [f"{counted(len(runs), 'run')} of it left a log and no record"]
        elif held and open_:
            parts = ["its verdict is lost"]
        else:
            continue
        parts += ["the branch says that it was kept"] if held else []
        if (
            created
            and created.source is ScoreSource.SELF_REPORTED
            and (numbers := traces.printed(runs, created.metric))
        ):
            said = ", ".join(map(number, numbers))
            parts.append(f"its log says {created.metric.name} {said}, which is not taken for its score")
        if not closed:
            parts.append("the next start measures it again")
            draft.stale += runs
        if experiment.verdict is None:
            lost.append(n)
        told.append(f"#{n}: {'; '.join(parts)}")
    return lost
