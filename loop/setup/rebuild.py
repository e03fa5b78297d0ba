"""A journal again, from what is left of it: its own readable entries, the last backup, git's refs, the evidence.

Nothing is invented: what no source holds stays missing, and is said. Nothing is overwritten: the old file is set aside.
The result is an ordinary journal, so a start goes on from it by the one path that there is.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from loop.git.repo import Repo
from loop.record import backup, salvage
from loop.record.backup import Copy
from loop.record.campaign_facts import Answered, Resumed, StateChanged
from loop.record.entries import Body, Entry
from loop.record.experiment_facts import (
    Doomed,
    Judged,
    Merged,
    Proposed,
    Repaired,
    RunEnded,
    RunStarted,
    Scored,
    VerdictLost,
    Withdrawn,
)
from loop.record.home import Home
from loop.record.intents import ProposeRequested
from loop.record.journal import Journal, decode
from loop.record.ledger import Ledger
from loop.record.lock import holding
from loop.record.salvage import Found, Row, spans
from loop.record.types import Author, JournalError, Reason, Refused, ScoreSource, State, Verdict
from loop.record.values import counted
from loop.setup import traces
from loop.setup.traces import Traces
from loop.text.canvas import fingerprint
from loop.text.numbers import number

ABOUT = (
    Merged,
    Repaired,
    Withdrawn,
    VerdictLost,
    Doomed,
    RunStarted,
    RunEnded,
    Scored,
    Judged,
)  # an experiment that is known
RESTORES = "'autoresearch rebuild' restores what it lacks"


@dataclass
class Sources:
    """Everything that is left."""

    journal: Found | None  # None: there is no file
    copy: Copy | None  # the newest backup that is sound
    held: Found  # what that holds
    unsound: list[str]  # backups that cannot be read
    git: dict[str, Traces]

    @property
    def differ(self) -> list[int]:
        """The entries that are not the same in both, of one journal: a byte changed on the disk."""
        own = self.journal.rows if self.journal else {}
        both = sorted(own.keys() & self.held.rows.keys())
        return [seq for seq in both if own[seq] != self.held.rows[seq]]

    @property
    def complete(self) -> bool:
        """Whether the journal is sound and the backup adds nothing to it; one of another journal never does."""
        journal = self.journal
        if journal is None or journal.damage:
            return False
        parted = not salvage.continues(self.held.rows, journal.rows)
        return parted or (not self.differ and self.held.rows.keys() <= journal.rows.keys())


@dataclass
class Plan:
    """The rebuilt journal before it is written."""

    rows: dict[int, Row]
    said: list[str] = field(default_factory=list)  # of the whole
    campaigns: dict[str, list[str]] = field(default_factory=dict)  # what was restored of each and what is lost
    stale: list[Path] = field(
        default_factory=list
    )  # folders of runs without a record: renamed, for others would use them
    changed: bool = False

    @property
    def gaps(self) -> list[int]:
        """The numbers below the last entry that no entry has."""
        return sorted(set(range(1, max(self.rows, default=0))) - self.rows.keys())

    def gap_before(self, seq: int) -> int | None:
        """Return the last number before this one that is free."""
        return next((number for number in range(seq - 1, 0, -1) if number not in self.rows), None)

    def of(self, campaign: str) -> list[Row]:
        """Return the entries of a campaign, in order."""
        return [row for row in _sorted(self.rows) if row.campaign == campaign]


def rebuild(folder: Path) -> str:
    """Restore the journal of the repository around `folder` and return what was done, in sentences.

    Raises Refused while a daemon lives.
    """
    repo = Repo(folder)
    home = repo.home
    home.root.mkdir(parents=True, exist_ok=True)
    with holding(home.lock) as free:
        if not free:
            raise Refused("a campaign runs in this repository; stop it first: 'autoresearch stop'")
        sources = look(repo, _journal(home))
        plan = make(repo, sources)
        if not plan.changed:
            return "the journal is sound and holds all that the last backup and git hold; nothing was changed"
        if not plan.rows:
            raise Refused("nothing is left to rebuild from: no readable journal, no backup, no refs of a campaign")
        place = _put(home, plan)
        heading = plan.said or ["the journal was sound, but did not know all that git holds"]
        lines = [*heading, *(f"campaign {name}: {line}" for name, told in plan.campaigns.items() for line in told)]
        text = "\n".join(lines)
        (place / "rebuild.txt").write_text(f"{text}\n", encoding="utf-8")
    return f"{text}\nset aside, with these lines: {place}"


def look(repo: Repo, journal: Found | None) -> Sources:
    """Return what is left, the journal given, without changing anything."""
    unsound: list[str] = []
    for copy in backup.copies(repo.home):
        held = backup.read_copy(copy)
        if not held.damage:
            return Sources(journal, copy, held, unsound, traces.traces(repo))
        unsound.append(f"the backup {copy.path.name} is damaged ({held.damage}) and was not used")
    return Sources(journal, None, Found(), unsound, traces.traces(repo))


def examine(folder: Path) -> tuple[list[str], str]:
    """Return what is wrong with the journal, looked at in depth, and when its last sound backup was made."""
    repo = Repo(folder)
    journal = backup.read_live(repo.home) if repo.home.journal.exists() else None
    sources = look(repo, journal)
    return findings(sources), sources.copy.when if sources.copy else ""


def findings(sources: Sources) -> list[str]:
    """Return what is wrong with the journal, in words: damaged, older than its backup or than git, parted from both."""
    journal, told = sources.journal, list(sources.unsound)
    if journal is None:
        names = ", ".join(name for name, found in sources.git.items() if any(found.attempts))
        lost = [f"there is no journal, but git holds experiments of {names}"] if names else []
        return told + lost + (["there is no journal, but a backup of one"] if sources.copy and not names else [])
    told += [f"it is damaged: {journal.damage}"] if journal.damage else []
    if sources.differ:
        told.append(f"not as the backup has it: {spans(sources.differ)}")
    missing = [seq for seq in sources.held.rows if seq not in journal.rows]
    if missing and not journal.damage and sources.copy:
        told.append(f"it lacks {spans(missing)}, which the backup of {sources.copy.when} holds")
    known = ledgers(journal.rows)
    names = ", ".join(name for name, found in sources.git.items() if any(found.attempts))
    if names and not known and not journal.damage:
        told.append(f"it is empty, but git holds experiments of {names}")
    for name, ledger in known.items():
        if unknown := sources.git.get(name, Traces()).unknown(ledger):
            told.append(f"git holds {_named(unknown)} of campaign {name}, which it does not know")
    return told


def lost(folder: Path, journal: Journal, campaign: str | None) -> str:
    """Return why a start would lose what the journal lacks, with what to do; "" where nothing speaks against it.

    `campaign` is the one to be started, None for a new one that has no name yet.
    """
    repo = Repo(folder)
    if not journal.campaigns():
        return "" if campaign is None else traces.offer(repo)
    if campaign is not None:
        ledger = Ledger(campaign).feed(journal.read(campaign=campaign))
        if unknown := traces.traces(repo, campaign).get(campaign, Traces()).unknown(ledger):
            return f"git holds {_named(unknown)} of campaign {campaign}, which the journal does not know; {RESTORES}"
    newest = next(iter(backup.copies(repo.home)), None)
    if newest is None or newest.last <= journal.last():
        return ""
    held, own = backup.read_copy(newest), backup.read_live(repo.home)
    if not salvage.continues(held.rows, own.rows):
        return ""
    return f"the journal is older than its backup of {newest.when}; {RESTORES}"


def ledgers(rows: Mapping[int, Row] | Iterable[Row]) -> dict[str, Ledger]:
    """Return every campaign of these entries; one that is about an unknown experiment is passed over."""
    result: dict[str, Ledger] = {}
    for row in _sorted(rows):
        _feed(result.setdefault(row.campaign, Ledger(row.campaign)), row)
    return result


def make(repo: Repo, sources: Sources) -> Plan:
    """Return the journal to be: the entries of both files, then what only git knows."""
    plan = _merge(sources)
    known = [row.campaign for row in _sorted(plan.rows)]
    for name in dict.fromkeys([*sources.git, *known]):
        _mend(repo, plan, name, sources.git.get(name, Traces()), sources.complete)
    last = plan.rows[max(plan.rows)].campaign if plan.rows else ""
    if known and last != known[-1]:  # the last campaign is the one that is meant where none is named, and stays so
        ledger = _replay(plan, known[-1])
        now = time.time()
        as_it_was = StateChanged(ledger.state, ledger.message, cause=ledger.cause)
        _append(plan, known[-1], [(Resumed(), now), (as_it_was, now)])
    return plan


def _merge(sources: Sources) -> Plan:
    journal, held = sources.journal or Found(), sources.held
    if sources.complete:
        return Plan(dict(journal.rows), list(sources.unsound))
    plan = Plan(dict(held.rows), list(sources.unsound), changed=bool(journal.rows or held.rows or journal.damage))
    if sources.journal is not None:
        how = "older than its backup" if journal.rows else "empty"
        how = f"not as its backup has it: {spans(sources.differ)}" if sources.differ else how
        plan.said.append("the journal was " + (f"damaged ({journal.damage})" if journal.damage else how))
    if sources.copy is not None:
        plan.said.append(f"restored from the backup of {sources.copy.when}: {spans(tuple(held.rows))}")
    own = {seq: row for seq, row in journal.rows.items() if seq not in held.rows}
    if not salvage.continues(held.rows, journal.rows):
        parted = min(sources.differ)
        other = [seq for seq in journal.rows if seq >= parted]
        plan.said.append(f"{spans(other)} of the journal are not those of the backup and were left out")
        own = {seq: row for seq, row in own.items() if seq < parted}
    if own:
        plan.said.append(f"read from the journal itself: {spans(tuple(own))}")
    plan.rows.update(own)
    if gaps := plan.gaps:
        plan.said.append(f"lost, since nothing holds them: {spans(gaps)}")
    plan.said.append(f"lost, if there were any: {_tail(plan)}")
    return plan


def _tail(plan: Plan) -> str:
    if not plan.rows:
        return "all entries; nothing of them could be read, and there is no backup"
    last = plan.rows[max(plan.rows)]
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last.at))
    return f"entries after number {last.seq} ({when}); of those only what git shows is restored"


def _mend(repo: Repo, plan: Plan, name: str, found: Traces, sound: bool) -> None:
    """Complete one campaign from git; whatever is about an experiment that nothing knows is left out and said."""
    told = plan.campaigns.setdefault(name, [])
    ledger = _replay(plan, name)
    unknown = found.unknown(ledger, sound)
    created = ledger.created
    closed = created is None and bool(unknown)
    if closed:
        created = traces.created(repo, found)
        told.append("its conditions are lost" if created else "git holds experiments of it, but not of which canvas")
        plan.changed = True
    if created is None:
        _leave_out(plan, name, told)
        return
    canvas = Canvas(repo, f"{created.folder}/{created.canvas}".lstrip("/"), found)
    new: list[tuple[Body, float]] = [(created, time.time())] if closed else []
    _fill(plan, name, canvas, told)
    _keep(plan, name, found, told)
    ledger = _replay(plan, name)
    beyond = [n for n in unknown if n not in ledger.experiments]
    for n in beyond:
        fact, at = canvas.proposed(n, ledger)
        new += [(body, at) for body in _linked(ledger, fact, canvas.text(n))]
        if closed and (n == 0 or fact.commit in found.kept):
            new.append((_kept(n, fact.author), at))
    new += [(fact, time.time()) for fact in _moved(ledger, canvas)]
    for body, at in new:
        ledger.feed([Entry(ledger.last_seq + 1, name, at, body, ledger.last_tick or 0.0)])
    ledger.created = created
    open_now = _tell_lost(repo.home, plan, ledger, found, beyond, closed)
    again = [] if closed else open_now
    new += [(VerdictLost(n, ledger.experiments[n].commit in found.kept), time.time()) for n in open_now]
    if new or again:
        state = State.FINISHED if closed else State.STOPPED
        how = "its budget and other conditions are lost, so it cannot be continued"
        if not closed:
            how = "'autoresearch start' goes on" + (f" and measures {_named(again)} again" if again else "")
        end = StateChanged(state, f"rebuilt: {how}")
        _append(plan, name, [(Resumed(), time.time()), *new, (end, time.time())])
    if not told:
        told.append(f"{counted(len(ledger.experiments), 'experiment')}, complete as far as git can tell")


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


def _replay(plan: Plan, name: str) -> Ledger:
    ledger = Ledger(name)
    for row in plan.of(name):
        _feed(ledger, row)
    return ledger


def _leave_out(plan: Plan, name: str, told: list[str]) -> None:
    """Drop what is about experiments that nothing knows."""
    ledger = Ledger(name)
    for row in plan.of(name):
        if not _feed(ledger, row):
            del plan.rows[row.seq]
            told.append(f"entry {row.seq} is about #{_about(row)}, of which nothing is left, and was left out")
    if not told:
        del plan.campaigns[name]


def _fill(plan: Plan, name: str, canvas: Canvas, told: list[str]) -> None:
    """Put the proposals that are lost in the middle back before what follows from them, from git."""
    ledger = Ledger(name)
    for row in plan.of(name):
        if _feed(ledger, row):
            continue
        n, gap = _about(row), plan.gap_before(row.seq)
        if n not in canvas.found.attempts or gap is None:
            del plan.rows[row.seq]
            told.append(f"entry {row.seq} is about #{n}, of which nothing is left, and was left out")
            continue
        fact, at = canvas.proposed(n, ledger)
        plan.rows[gap] = _row(gap, name, at, fact, ledger.last_tick or row.tick or row.at)
        _feed(ledger, plan.rows[gap])
        _feed(ledger, row)
        told.append(f"#{n}: its proposal is restored from git; what it cost is lost")


def _keep(plan: Plan, name: str, found: Traces, told: list[str]) -> None:
    """Put the verdicts back that are lost in the middle, of what the branch holds below a later keep."""
    ledger = _replay(plan, name)
    line = [e for commit in found.kept for e in ledger.experiments.values() if e.commit == commit]
    for place, experiment in enumerate(line):
        later = next((e.judged_seq for e in line[place + 1 :] if e.verdict is Verdict.KEEP), None)
        gap = plan.gap_before(later) if later else None
        if experiment.verdict is None and later and gap:
            tick = next((r.tick for r in reversed(plan.of(name)) if r.seq < later), None)
            plan.rows[gap] = _row(gap, name, plan.rows[later].at, _kept(experiment.number, experiment.author), tick)
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


def _tell_lost(home: Home, plan: Plan, ledger: Ledger, found: Traces, beyond: list[int], closed: bool) -> list[int]:
    """Say what is lost of each experiment; return those without a verdict, which a start measures again if it can."""
    created, told, lost = ledger.created, plan.campaigns[ledger.campaign], list[int]()
    assert created is not None
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
        if created.source is ScoreSource.SELF_REPORTED and (numbers := traces.printed(runs, created.metric)):
            said = ", ".join(map(number, numbers))
            parts.append(f"its log says {created.metric.name} {said}, which is not taken for its score")
        if not closed:
            parts.append("the next start measures it again")
            plan.stale += runs
        if experiment.verdict is None:
            lost.append(n)
        told.append(f"#{n}: {'; '.join(parts)}")
    return lost


def _append(plan: Plan, name: str, facts: list[tuple[Body, float]]) -> None:
    plan.changed = True
    seq = max(plan.rows, default=0)
    for offset, (body, at) in enumerate(facts, 1):
        plan.rows[seq + offset] = _row(seq + offset, name, at, body, time.monotonic())


def _put(home: Home, plan: Plan) -> Path:
    """Write the journal beside the old one, check it, set the old one aside, and let the new one take its name."""
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=home.root) as scratch:
        fresh = Path(scratch) / "journal.db"
        salvage.write_journal(fresh, plan.rows)
        written = salvage.read_file(fresh)
        if written.damage or written.rows != plan.rows:
            raise JournalError(f"the rebuilt journal is not sound ({written.damage}); nothing was changed")
        # With what SQLite left beside it: rolled back into another file it would destroy that one.
        place = backup.set_aside(home, [path for path in home.root.glob(f"{home.journal.name}*") if path.is_file()])
        fresh.rename(home.journal)
    for run in plan.stale:
        run.rename(_free(run))
    return place


def _free(run: Path) -> Path:
    names = (run.with_name(f"{run.name}-unrecorded{k or ''}") for k in range(1000))
    return next(name for name in names if not name.exists())


def _journal(home: Home) -> Found | None:
    """Return what the journal holds, read from a copy of its files: nothing of the original is touched."""
    if not home.journal.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=home.root) as scratch:
        for suffix in ("", "-journal"):
            part = home.journal.with_name(home.journal.name + suffix)
            if part.exists():
                (Path(scratch) / part.name).write_bytes(part.read_bytes())
        return salvage.read_file(Path(scratch) / home.journal.name)


def _sorted(rows: Mapping[int, Row] | Iterable[Row]) -> list[Row]:
    return sorted(rows.values() if isinstance(rows, Mapping) else rows)


def _about(row: Row) -> int:
    body = _body(row)
    assert isinstance(body, ABOUT), "others are taken in as they are"
    return body.experiment


def _feed(ledger: Ledger, row: Row) -> bool:
    """Take in an entry; False for one about an experiment that the ledger does not know."""
    body = _body(row)
    if isinstance(body, ABOUT) and body.experiment not in ledger.experiments:
        return False
    ledger.feed([_entry(row)])
    return True


def _body(row: Row) -> Body:
    return decode(row.kind, json.loads(row.data))


def _entry(row: Row) -> Entry:
    return Entry(row.seq, row.campaign, row.at, _body(row), row.at if row.tick is None else row.tick)


def _row(seq: int, campaign: str, at: float, body: Body, tick: float | None) -> Row:
    return Row(seq, campaign, at, type(body).__name__, json.dumps(asdict(body), ensure_ascii=False), tick)


def _named(numbers: list[int]) -> str:
    return ", ".join(f"#{n}" for n in numbers[:8]) + (" …" if len(numbers) > 8 else "")
