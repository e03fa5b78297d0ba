"""Entries → what is known of a campaign. The one projection that engine, command, prompt and editors share.

Pure: no files, no clock. Feeding one more entry costs constant time, so a view of 10,000 experiments stays cheap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import reduce

from loop.record.campaign_facts import Answered, CampaignCreated, Imported, NoiseMeasured, Resumed, Spent, StateChanged
from loop.record.entries import Body, Entry, Intent
from loop.record.experiment import CHOSE_NOTHING, Experiment, Run
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
from loop.record.intents import (
    NoteAdded,
    PauseRequested,
    ProposeRequested,
    ResumeRequested,
    StartRequested,
    StopRequested,
    VerifyRequested,
    WithdrawRequested,
)
from loop.record.noise import ENOUGH, Noise, Pool, decimals, differences, unit_of
from loop.record.types import Author, Cause, Cost, Mark, Purpose, Reason, State, Verdict
from loop.record.verification_facts import Audited, Priced, Verified
from loop.record.work import Reference, reference_of


@dataclass
class Ledger:
    """A campaign as its entries tell it. Owned by one reader, who feeds it every entry in order."""

    campaign: str
    created: CampaignCreated | None = None
    began_at: float | None = None
    last_seq: int = 0
    last_tick: float | None = None  # of the last fact that a daemon at work wrote
    state: State = State.PREPARING
    message: str = ""
    passing: bool = False  # the message is about the moment, until the next run
    cause: Cause | None = None  # of the state; None where the journal does not say
    experiments: dict[int, Experiment] = field(default_factory=dict)
    noise_floor: float | None = None  # standard deviation of the baseline's single runs
    rule: str = ""  # by which verdicts are reached now
    rules: list[tuple[int, str]] = field(default_factory=list)  # changes: the first experiment judged by it, its name
    incumbent: int | None = None  # experiment at the branch's tip
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
    trouble: str = ""  # why the last proposal came to nothing, until one comes
    known_dollars: float = 0.0  # of `spent`, what has a price: what `stop: {dollars}` counts
    busy_s: float = 0.0  # time in states that run experiments, up to the last entry; what `stop: {hours}` counts
    _current: tuple[int, int] | None = None  # (experiment, attempt) of the run that trains
    _pool: Pool = field(default_factory=Pool)  # differences of all pairs so far
    _places: int = 0  # decimal places of the finest score so far
    _varied: bool = False  # two runs of one text gave two scores

    @property
    def minimize(self) -> bool:
        return self.created is None or self.created.metric.minimize

    @property
    def baseline(self) -> float | None:
        return self.experiments[0].score if 0 in self.experiments else None

    @property
    def incumbent_experiment(self) -> Experiment | None:
        return self.experiments.get(self.incumbent) if self.incumbent is not None else None

    @property
    def best(self) -> Experiment | None:
        """The best kept experiment, which a human's revert may have left behind.

        Keeps are compared by their levels: two scores on two seeds differ by what the seeds are worth.
        """
        kept = [e for e in self.experiments.values() if e.verdict is Verdict.KEEP and e.score is not None]
        return min(kept, key=lambda e: (self.gain(e.level, 0.0), e.number), default=None)

    @property
    def scores_lost(self) -> bool:
        """Whether something was kept of which a rebuild found no score."""
        return any(e.verdict is Verdict.KEEP and e.score is None for e in self.experiments.values())

    @property
    def left_behind(self) -> Experiment | None:
        """The experiment that the branch holds, where it is not the best."""
        best, tip = self.best, self.incumbent_experiment
        return tip if best is not None and tip is not None and best.number != tip.number else None

    @property
    def noise(self) -> Noise:
        """What is known of the noise by now."""
        exact = self.exact
        pair = 0.0 if exact else self._pool.deviation(self.noise_floor)
        return Noise(pair, unit_of(self._places), exact)

    @property
    def exact(self) -> bool:
        """Whether the script ignores its seed: its baselines agree in every digit, and no text has had two scores."""
        runs = self.experiments[0].runs if 0 in self.experiments else ()
        scores = [r.score for r in runs if r.purpose is Purpose.BASELINE and r.score is not None]
        return len(scores) > 1 and len(set(scores)) == 1 and not self._varied

    @property
    def pairs(self) -> int:
        """How many pairs beyond the first of each patch have taught the noise."""
        return self._pool.freedom

    @property
    def learnt(self) -> bool:
        """Whether they are enough, so that the baselines' spread is no longer asked."""
        return self._pool.freedom >= ENOUGH

    @property
    def keeps(self) -> int:
        """Experiments kept for a gain: neither the baseline, nor what a human had adopted at a loss."""
        return sum(1 for e in self.experiments.values() if self.mark(e) is Mark.KEEP)

    @property
    def adopted(self) -> int:
        """Texts of a human's that were adopted without a gain."""
        return sum(1 for e in self.experiments.values() if self.mark(e) in (Mark.PRICE, Mark.ADOPTED))

    def mark(self, experiment: Experiment) -> Mark:
        """Return what an experiment looks like."""
        match experiment.verdict:
            case None:
                return Mark.LOST if experiment.unknown else Mark.WAITING
            case Verdict.CRASH:
                return Mark.CRASH
            case Verdict.INVALID:
                return Mark.INVALID
            case _ if experiment.number == 0:
                return Mark.BASELINE
            case Verdict.KEEP if self.gained(experiment):
                return Mark.KEEP
            case Verdict.KEEP:
                return Mark.ADOPTED if experiment.removes is None else Mark.PRICE
            case Verdict.DISCARD:
                return Mark.NOISE if experiment.reason is Reason.WITHIN_NOISE else Mark.WORSE

    @property
    def judged(self) -> int:
        """Experiments that were run and have a verdict, the baseline not counted: what `stop: {experiments}` counts."""
        return sum(1 for e in self.experiments.values() if e.verdict is not None and e.runs and e.number)

    @property
    def since_keep(self) -> int:
        """Measured experiments since the last keep, in the order of their verdicts: the length of the plateau."""
        count = 0
        for experiment in reversed(self.verdicts):
            if experiment.number == 0 or experiment.verdict is Verdict.KEEP:
                break
            count += bool(experiment.runs)
        return count

    def gained(self, experiment: Experiment) -> bool:
        """Return whether an experiment was kept for its score; what a human proposed is kept whatever it scores."""
        if experiment.verdict is not Verdict.KEEP or experiment.reason is not Reason.HUMAN:
            return experiment.verdict is Verdict.KEEP
        return experiment.delta is not None and (experiment.delta < 0) == self.minimize and experiment.delta != 0

    @property
    def slowest_s(self) -> float | None:
        """The wall seconds of the longest run that gave a score."""
        return max(
            (r.total_seconds for e in self.experiments.values() for r in e.runs if r.score is not None), default=None
        )

    @property
    def reference(self) -> Reference | None:
        """What honest runs took: the baseline's, which are the user's own text; None before the first has a score."""
        runs = self.experiments[0].runs if 0 in self.experiments else ()
        return reference_of([(r.setup_cpu_s, r.cpu_s, r.clock_s) for r in runs if r.score is not None])

    @property
    def waiting(self) -> list[Experiment]:
        """Experiments without a verdict, in their order: what to resume with."""
        return [e for _, e in sorted(self.experiments.items()) if e.verdict is None]

    @property
    def begun(self) -> bool:
        """Whether a start was asked for: until then there is nothing but imported history."""
        asked = any(isinstance(entry.body, StartRequested) for entry in self.unanswered.values())
        return asked or self.last_tick is not None

    @property
    def verdicts(self) -> list[Experiment]:
        """The experiments with a verdict, in the order of their verdicts."""
        return sorted((e for e in self.experiments.values() if e.judged_seq), key=lambda e: e.judged_seq)

    @property
    def last_judged(self) -> Experiment | None:
        last = max(self.experiments.values(), key=lambda e: e.judged_seq, default=None)
        return last if last is not None and last.judged_seq else None

    @property
    def asked(self) -> dict[str, str]:
        """Front matter keys given on the command line: by the starts so far, and by the one that waits for its answer.

        The last word counts.
        """
        waiting = (e.body.overrides for e in self.unanswered.values() if isinstance(e.body, StartRequested))
        return reduce(overridden, waiting, self.overrides)

    @property
    def promised(self) -> int:
        """Texts that a human was told would be measured, and that are not yet."""
        asked = sum(isinstance(entry.body, ProposeRequested) for entry in self.unanswered.values())
        taken_back = sum(
            self._unasks(e.body) for e in self.unanswered.values() if isinstance(e.body, WithdrawRequested)
        )
        waiting = sum(e.author is Author.HUMAN and e.number > 0 and not e.withdrawn for e in self.waiting)
        return asked + waiting - taken_back

    def _unasks(self, request: WithdrawRequested) -> bool:
        """Return whether a withdrawal is of a revert that is not judged yet, and not of one that was adopted."""
        made = [(e.removes, e.intent) for e in self.waiting if not e.withdrawn]
        made += [(e.body.removes, seq) for seq, e in self.unanswered.items() if isinstance(e.body, ProposeRequested)]
        return any(
            removes == request.removes and (request.intent is None or intent in (None, request.intent))
            for removes, intent in made
        )

    @property
    def running(self) -> tuple[Experiment, Run] | None:
        """The run that trains now (or did when its daemon died)."""
        if self._current is None:
            return None
        experiment = self.experiments[self._current[0]]
        return next(((experiment, r) for r in experiment.runs if r.attempt == self._current[1]), None)

    def wrote(self, commit: str) -> bool:
        """Return whether a commit is an experiment's of this campaign."""
        return any(e.commit == commit for e in self.experiments.values())

    def gain(self, score: float, over: float) -> float:
        """Return score - over with the sign turned so that negative is better, whatever the metric's goal."""
        return score - over if self.minimize else over - score

    def feed(self, entries: Iterable[Entry]) -> Ledger:
        """Take in entries, in order; those of other campaigns are passed over."""
        for entry in entries:
            if entry.campaign == self.campaign:
                self._feed(entry)
        return self

    def after(self, *facts: Body) -> Ledger:
        """Return what this will be once these facts about runs are recorded; this one stays as it is."""
        then = replace(self, experiments=dict(self.experiments), _pool=replace(self._pool))
        for fact in facts:
            then._feed(Entry(then.last_seq + 1, self.campaign, 0.0, fact, self.last_tick or 0.0))
        return then

    def _feed(self, entry: Entry) -> None:
        self.last_seq = entry.seq
        # An intent, its answer and an import may come hours after a daemon died: they are no sign of work.
        if not isinstance(entry.body, Intent | Answered | Imported):
            working = self.state in (State.PREPARING, State.RUNNING) and not isinstance(entry.body, Resumed)
            if working and self.last_tick is not None:
                self.busy_s += max(0.0, entry.tick - self.last_tick)
            self.last_tick = entry.tick
        self.began_at = self.began_at if self.began_at is not None else entry.at
        body = entry.body
        match body:
            case Resumed():
                self._current = None
                if body.rule and body.rule != self.rule:
                    self.rule = body.rule
                    first = min((e.number for e in self.waiting), default=max(self.experiments, default=0) + 1)
                    self.rules.append((first, body.rule))
            case NoteAdded():
                self.notes.append(body)
                self.unanswered[entry.seq] = entry
            case (
                StartRequested()
                | PauseRequested()
                | ResumeRequested()
                | StopRequested()
                | ProposeRequested()
                | WithdrawRequested()
                | VerifyRequested()
            ):
                self.unanswered[entry.seq] = entry
                if isinstance(body, VerifyRequested):
                    self.verifying, self.verified = body, False
            case Answered():
                intent = self.unanswered.pop(body.intent, None)
                if intent is not None and isinstance(intent.body, StartRequested) and body.ok:
                    self.overrides = overridden(self.overrides, intent.body.overrides)
                if intent is not None and isinstance(intent.body, VerifyRequested) and not body.ok:
                    self.verifying = None
            case CampaignCreated():
                self.created, self.rule = body, body.rule
            case NoiseMeasured():
                self.noise_floor = body.noise_floor
            case Proposed():
                self.trouble = self.trouble if body.author is Author.HUMAN else ""
                self._propose(entry, body)
            case Merged():
                self._change(
                    body.experiment,
                    commit=body.commit,
                    parent=body.parent,
                    lines_added=body.lines_added,
                    lines_removed=body.lines_removed,
                    fingerprint=body.fingerprint,
                    doomed=None,
                )
            case Repaired():
                self._repair(body)
            case Imported():
                self.history.append(body)
            case Withdrawn():
                self._change(body.experiment, withdrawn=True, withdrawn_before=max(self.experiments) + 1)
            case VerdictLost(number, kept):
                runs = len(self.experiments[number].runs)
                self._change(number, restored=True, known_runs=runs, was_kept=kept)
            case Doomed():
                self._change(body.experiment, doomed=body.failure)
            case RunStarted():
                run = Run(body.attempt, body.purpose, body.seed, body.commit)
                self._change(body.experiment, runs=(*self.experiments[body.experiment].runs, run))
                self._current = (body.experiment, body.attempt)
                self.message = "" if self.passing else self.message
            case RunEnded():
                self._change_run(
                    body.experiment,
                    body.attempt,
                    outcome=body.outcome,
                    train_seconds=body.train_seconds,
                    total_seconds=body.total_seconds,
                    peak_memory_mb=body.peak_memory_mb,
                    tokens_per_s=body.tokens_per_s,
                    failure=body.failure,
                    setup_cpu_s=body.setup_cpu_s,
                    cpu_s=body.cpu_s,
                    clock_s=body.clock_s,
                )
                if self._current == (body.experiment, body.attempt):
                    self._current = None
            case Scored():
                self._change_run(body.experiment, body.attempt, score=body.score, source=body.source)
                self._learn(body)
            case Judged():
                against = self.incumbent if body.incumbent is None else body.incumbent
                self._compare(body, against)
                self._change(
                    body.experiment,
                    verdict=body.verdict,
                    reason=body.reason,
                    score=body.score,
                    delta=body.delta,
                    uncertainty=body.uncertainty,
                    explanation=body.explanation,
                    against=against,
                    level=self._level(body, against),
                    judged_at=entry.at,
                    judged_seq=entry.seq,
                )
                if body.verdict is Verdict.KEEP:
                    self.incumbent = body.experiment
            case Audited():
                self.audits.append(body)
                self._use_up()
            case Verified():
                self._use_up()
                self.verifications.append(body)
                self.verified = self.verifying is not None and self.verifying.keeps > 0
                self.verifying = self.verifying if self.verified else None
            case Priced():
                self.prices.append(body)
                self.verifying, self.verified = None, False
            case Spent():
                self._spend(body.cost)
                self.trouble = body.message
            case StateChanged():
                self.state, self.message, self.passing = body.state, body.message, body.passing
                self.cause = body.cause

    def _use_up(self) -> None:
        audits = (r.seed for e in self.experiments.values() for r in e.runs if r.purpose is Purpose.AUDIT)
        self.fresh_seed = max(audits, default=-1) + 1

    def compared(self, experiment: Experiment) -> float | None:
        """Return a score as it compares with the baseline's: that, and all differences that its verdicts found.

        Scores on unlike seeds differ by what the seeds are worth; differences of pairs do not.
        """
        if experiment.score is None or self.baseline is None or not math.isfinite(experiment.score):
            return experiment.score
        return self.baseline + experiment.level

    def brought(self, experiment: Experiment) -> float | None:
        """Return the selected gain over the baseline, as a difference of scores, on the seeds that both have.

        Where they have none in common, what the kept line had gained with it, pair by pair.
        """
        if experiment.score is None or 0 not in self.experiments:
            return None
        pairs = differences(experiment.scores, self.experiments[0].scores)
        return sum(pairs.values()) / len(pairs) if pairs else experiment.level

    def _learn(self, scored: Scored) -> None:
        """Take in what a score shows of the script: its digits, and whether one text has two scores."""
        if math.isfinite(scored.score):
            self._places = max(self._places, decimals(scored.score))
        runs = self.experiments[scored.experiment].runs
        new = next((r for r in runs if r.attempt == scored.attempt), None)
        if new is None:  # a restored journal may lack the start of a run
            return
        same = (
            r for r in runs if r.commit == new.commit and (r.purpose in CHOSE_NOTHING) == (new.purpose in CHOSE_NOTHING)
        )
        self._varied = self._varied or any(r.score not in (None, new.score) for r in same)

    def _compare(self, judged: Judged, against: int | None) -> None:
        """Take in the pairs of a verdict; older journals have them among the runs."""
        pairs = [ours - theirs for ours, theirs in judged.pairs]
        if not judged.pairs and judged.score is not None and against in self.experiments.keys() - {judged.experiment}:
            ours, theirs = self.experiments[judged.experiment], self.experiments[against]
            pairs = list(differences(ours.scores, theirs.scores).values())
        self._pool.add(pairs)

    def _level(self, judged: Judged, against: int | None) -> float:
        if judged.score is None or judged.experiment == 0:
            return 0.0
        if judged.delta is None or against is None or against not in self.experiments:
            return judged.score - (self.baseline or 0.0)
        return self.experiments[against].level + judged.delta

    def _propose(self, entry: Entry, body: Proposed) -> None:
        self.experiments[body.experiment] = Experiment(
            number=body.experiment,
            commit=body.commit,
            parent=body.parent,
            hypothesis=body.hypothesis,
            author=body.author,
            proposer=body.proposer,
            lines_added=body.lines_added,
            lines_removed=body.lines_removed,
            proposed_at=entry.at,
            program=body.program,
            expected=body.expected,
            cites=body.cites,
            removes=body.removes,
            intent=body.intent,
            fingerprint=body.fingerprint,
            knobs=body.knobs,
            cost=body.cost,
            restored=body.restored,
        )
        self._spend(body.cost)

    def _spend(self, cost: Cost) -> None:
        self.spent = add(self.spent, cost)
        self.known_dollars += cost.dollars or 0.0

    def _repair(self, body: Repaired) -> None:
        experiment = self.experiments[body.experiment]
        self._spend(body.cost)
        self._change(
            body.experiment,
            commit=body.commit,
            hypothesis=body.hypothesis,
            lines_added=body.lines_added,
            lines_removed=body.lines_removed,
            fingerprint=body.fingerprint,
            knobs=body.knobs,
            repairs=experiment.repairs + 1,
            doomed=None,
            cost=add(experiment.cost, body.cost),
        )

    def _change(self, number: int, **changes: object) -> None:
        self.experiments[number] = replace(self.experiments[number], **changes)  # type: ignore[arg-type]

    def _change_run(self, number: int, attempt: int, **changes: object) -> None:
        runs = tuple(
            replace(run, **changes) if run.attempt == attempt else run  # type: ignore[arg-type]
            for run in self.experiments[number].runs
        )
        self._change(number, runs=runs)


def overridden(earlier: dict[str, str], later: dict[str, str]) -> dict[str, str]:
    """Return the keys that two starts were given; who proposes is one choice, which a later one makes anew."""
    if later.keys() & {"model", "command"}:
        earlier = {name: text for name, text in earlier.items() if name not in ("model", "command")}
    return {**earlier, **later}


def add(a: Cost, b: Cost) -> Cost:
    """Return the sum; an unknown price makes the sum unknown."""
    dollars = None if a.dollars is None or b.dollars is None else a.dollars + b.dollars
    return Cost(a.tokens_in + b.tokens_in, a.tokens_out + b.tokens_out, dollars, a.seconds + b.seconds)
