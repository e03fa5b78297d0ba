"""Entries → what is known of a campaign. The one projection that engine, command, prompt and editors share.

Pure: no files, no clock. Feeding one more entry costs constant time, so a view of 10,000 experiments stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields

from loop.record import folding, requests
from loop.record.campaign_facts import (
    Answered,
    CampaignCreated,
    CampaignFact,
    Imported,
    NoiseMeasured,
    Resumed,
    Spent,
    StateChanged,
)
from loop.record.entries import Body, Entry
from loop.record.experiment import Experiment, Run
from loop.record.experiment_facts import (
    ExperimentFact,
    Judged,
    Proposed,
    Repaired,
    RunEnded,
    RunFact,
    RunStarted,
    Scored,
)
from loop.record.intents import Intent, NoteAdded, StartRequested, VerifyRequested
from loop.record.learning import Learning
from loop.record.noise import ENOUGH, Noise, unit_of
from loop.record.results import Results
from loop.record.types import Author, Cause, Cost, Purpose, State, Verdict
from loop.record.verification_facts import Audited, Priced, VerificationFact, Verified


@dataclass
class Ledger(Results):
    """A campaign as its entries tell it. Owned by one reader, who feeds it every entry in order.

    Its dicts and lists change; what they hold never does.
    """

    began_at: float | None = None
    last_seq: int = 0
    last_tick: float | None = None  # of the last fact that a daemon at work wrote
    state: State = State.PREPARING
    message: str = ""
    passing: bool = False  # the message is about the moment, until the next run
    cause: Cause | None = None  # of the state; None where the journal does not say
    noise_floor: float | None = None  # standard deviation of the baseline's single runs
    rule: str = ""  # by which verdicts are reached now
    rules: list[tuple[int, str]] = field(default_factory=list)  # changes: the first experiment judged by it, its name
    overrides: dict[str, str] = field(default_factory=dict)
    unanswered: dict[int, Entry] = field(default_factory=dict)  # intents that the daemon has not dealt with, by seq
    history: list[Imported] = field(default_factory=list)  # of earlier nights
    notes: list[NoteAdded] = field(default_factory=list)
    audits: list[Audited] = field(default_factory=list)
    verifications: list[Verified] = field(default_factory=list)
    prices: list[Priced] = field(default_factory=list)
    verifying: VerifyRequested | None = None  # asked for and not done
    verified: bool = False  # the pairs of `verifying` are done, its prices are not
    fresh_seed: int = 0  # higher than any that has verified anything
    spent: Cost = field(default_factory=Cost)
    trouble: str = ""  # why the last proposal failed, until one comes
    known_dollars: float = 0.0  # of `spent`, what has a price: what `stop: {dollars}` counts
    busy_s: float = 0.0  # time in states that run experiments, up to the last entry; what `stop: {hours}` counts
    _current: tuple[int, int] | None = None  # (experiment, attempt) of the run that trains
    _learning: Learning = field(default_factory=Learning)

    def feed(self, entries: Iterable[Entry]) -> Ledger:
        """Take in entries, in order; those of other campaigns are passed over."""
        for entry in entries:
            if entry.campaign == self.campaign:
                self._feed(entry)
        return self

    def copy(self) -> Ledger:
        """Return a ledger that stays as it is when this one is fed: for another thread, or for a look ahead."""
        return Ledger(**{f.name: copy(getattr(self, f.name)) for f in fields(self)})

    def after(self, *facts: Body) -> Ledger:
        """Return what this will be once these facts about runs are recorded; this one stays as it is."""
        then = self.copy()
        for fact in facts:
            then._feed(Entry(then.last_seq + 1, self.campaign, 0.0, fact, self.last_tick or 0.0))
        return then

    @property
    def noise(self) -> Noise:
        """What is known of the noise by now."""
        exact = self.exact
        pair = 0.0 if exact else self._learning.pool.deviation(self.noise_floor)
        return Noise(pair, unit_of(self._learning.places), exact)

    @property
    def exact(self) -> bool:
        """Whether the script ignores its seed: its baselines agree in every digit, and no text has had two scores."""
        runs = self.experiments[0].runs if 0 in self.experiments else ()
        scores = [r.score for r in runs if r.purpose is Purpose.BASELINE and r.score is not None]
        return len(scores) > 1 and len(set(scores)) == 1 and not self._learning.varied

    @property
    def pairs(self) -> int:
        """How many pairs beyond the first of each patch have taught the noise."""
        return self._learning.pool.freedom

    @property
    def learnt(self) -> bool:
        """Whether they are enough, so that the baselines' spread is no longer asked."""
        return self.pairs >= ENOUGH

    @property
    def begun(self) -> bool:
        """Whether a start was asked for: until then there is nothing but imported history."""
        return self.last_tick is not None or requests.is_start_asked(self.unanswered.values())

    @property
    def asked(self) -> dict[str, str]:
        """Front matter keys given on the command line: by the starts so far, and by the one that waits."""
        return requests.asked(self.overrides, self.unanswered.values())

    @property
    def promised(self) -> int:
        """Texts that a human was told would be measured, and that are not yet."""
        return requests.promised(self.unanswered.values(), self.waiting)

    @property
    def running(self) -> tuple[Experiment, Run] | None:
        """The run that trains now (or did when its daemon died)."""
        if self._current is None:
            return None
        experiment = self.experiments[self._current[0]]
        return next(((experiment, r) for r in experiment.runs if r.attempt == self._current[1]), None)

    def _feed(self, entry: Entry) -> None:
        self.last_seq = entry.seq
        self.began_at = entry.at if self.began_at is None else self.began_at
        self._count_time(entry)
        body = entry.body
        if isinstance(body, Intent):
            self._ask(entry, body)
        elif isinstance(body, CampaignFact):
            self._feed_campaign(body)
        elif isinstance(body, ExperimentFact):
            self._feed_experiment(entry, body)
        else:
            self._feed_verification(body)

    def _count_time(self, entry: Entry) -> None:
        # An intent, its answer and an import may come hours after a daemon died: they are no sign of work.
        if isinstance(entry.body, Intent | Answered | Imported):
            return
        working = self.state in (State.PREPARING, State.RUNNING) and not isinstance(entry.body, Resumed)
        if working and self.last_tick is not None:
            self.busy_s += max(0.0, entry.tick - self.last_tick)
        self.last_tick = entry.tick

    def _ask(self, entry: Entry, intent: Intent) -> None:
        self.unanswered[entry.seq] = entry
        match intent:
            case NoteAdded():
                self.notes.append(intent)
            case VerifyRequested():
                self.verifying, self.verified = intent, False

    def _feed_campaign(self, fact: CampaignFact) -> None:
        match fact:
            case CampaignCreated():
                self.created, self.rule = fact, fact.rule
            case Imported():
                self.history.append(fact)
            case Resumed():
                self._current = None
                self._follow(fact.rule)
            case StateChanged():
                self.state, self.message, self.passing = fact.state, fact.message, fact.passing
                self.cause = fact.cause
            case Answered():
                self._answer(fact)
            case NoiseMeasured():
                self.noise_floor = fact.noise_floor
            case Spent():
                self._spend(fact.cost)
                self.trouble = fact.message

    def _follow(self, rule: str) -> None:
        """Note which experiments are judged by another rule from here on."""
        if rule and rule != self.rule:
            self.rule = rule
            first = min((e.number for e in self.waiting), default=max(self.experiments, default=0) + 1)
            self.rules.append((first, rule))

    def _answer(self, answer: Answered) -> None:
        asked = self.unanswered.pop(answer.intent, None)
        match asked.body if asked else None:
            case StartRequested(overrides=overrides) if answer.ok:
                self.overrides = requests.overridden(self.overrides, overrides)
            case VerifyRequested() if not answer.ok:
                self.verifying = None

    def _feed_experiment(self, entry: Entry, fact: ExperimentFact) -> None:
        number = fact.experiment
        if isinstance(fact, Proposed):
            self.trouble = self.trouble if fact.author is Author.HUMAN else ""
            self.experiments[number] = folding.proposed(fact, entry.at)
            self._spend(fact.cost)
        elif isinstance(fact, RunFact):
            self.experiments[number] = folding.ran(self.experiments[number], fact)
            self._follow_run(fact)
        elif isinstance(fact, Judged):
            self._judge(entry, fact)
        else:
            following = max(self.experiments) + 1
            self.experiments[number] = folding.changed(self.experiments[number], fact, following)
            if isinstance(fact, Repaired):
                self._spend(fact.cost)

    def _follow_run(self, fact: RunFact) -> None:
        run = fact.experiment, fact.attempt
        match fact:
            case RunStarted():
                self._current = run
                self.message = "" if self.passing else self.message
            case RunEnded():
                self._current = None if self._current == run else self._current
            case Scored():
                experiment = self.experiments[fact.experiment]
                self._learning = self._learning.scored(experiment, fact.attempt, fact.score)

    def _judge(self, entry: Entry, fact: Judged) -> None:
        experiment = self.experiments[fact.experiment]
        number = self.incumbent if fact.incumbent is None else fact.incumbent
        against = self.experiments.get(number) if number is not None else None
        self._learning = self._learning.paired(folding.compared(fact, experiment, against))
        level = folding.level(fact, against, self.baseline)
        self.experiments[fact.experiment] = folding.judged(experiment, fact, number, level, entry.at, entry.seq)
        if fact.verdict is Verdict.KEEP:
            self.incumbent = fact.experiment

    def _feed_verification(self, fact: VerificationFact) -> None:
        match fact:
            case Audited():
                self.audits.append(fact)
                self._use_up()
            case Verified():
                self.verifications.append(fact)
                self._use_up()
                self.verified = self.verifying is not None and self.verifying.keeps > 0
                self.verifying = self.verifying if self.verified else None
            case Priced():
                self.prices.append(fact)
                self.verifying, self.verified = None, False

    def _use_up(self) -> None:
        audits = (r.seed for e in self.experiments.values() for r in e.runs if r.purpose is Purpose.AUDIT)
        self.fresh_seed = max(audits, default=-1) + 1

    def _spend(self, cost: Cost) -> None:
        self.spent += cost
        self.known_dollars += cost.dollars or 0.0
