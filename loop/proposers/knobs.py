"""The built-in search: proposes a change of one knob, or of a few that belong together, and learns from the ledger.

Needs no key, no model and no library. What kinds of knobs a training script has, and which direction usually pays, it
knows by their names; the rest it takes from what was measured. It reads numbers, never the code that uses them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from loop.proposers import Brief, Proposal
from loop.proposers.roles import DOWN, PAIRS, UP, Role, phrase, role_of, step, write
from loop.record.ledger import Ledger
from loop.record.types import Author, Failure, ProposalFailed, Reason, Verdict
from loop.text.canvas import fingerprint
from loop.text.knobs import Knob, Value, knobs, value_of, with_knobs
from loop.text.numbers import names

LEAPS = 40  # random pairs that are tried when every single step was


@dataclass(frozen=True)
class Past:
    """What is known of one knob in one direction since it last moved that way with success."""

    paid: int | None = None  # the experiment that was kept
    worse: int = 0
    tied: int = 0
    crashes: tuple[float, ...] = ()  # values that crashed; neither they nor what lies beyond are tried again

    @property
    def failures(self) -> int:
        return self.worse + self.tied + len(self.crashes)


@dataclass(frozen=True)
class Move:
    """A change that may be proposed: names → new values."""

    weight: float
    changes: dict[str, Value]
    sentence: str


class Knobs:
    """A proposer that turns the knobs of the canvas. The same brief gives the same proposal."""

    name = "knobs"
    finite = True

    async def propose(self, brief: Brief) -> Proposal:
        """Return the most promising change whose text nobody has tried; raises ProposalFailed when there is none."""
        created = brief.ledger.created
        profile = (created.profile or None) if created else None  # None: a script that knows no profiles
        found = knobs(brief.text, profile)
        moves = _moves(brief, found)
        for move in sorted(moves, key=lambda move: -move.weight):
            literals = {name: write(value, found[name].literal) for name, value in move.changes.items()}
            text = with_knobs(brief.text, literals, profile)
            if fingerprint(text) not in brief.tried and move.sentence not in brief.waiting:
                return Proposal(text, move.sentence, Author.KNOBS, self.name)
        pending = [experiment.number for experiment in brief.ledger.waiting if experiment.number > 0]
        if moves and pending:  # each verdict moves a knob, or shortens its next step
            raise ProposalFailed(f"{brief.canvas}: the next step depends on {names(pending)}", wait=True)
        finding = (
            "the built-in search has tried all it can do with its knobs; for other ideas"
            if moves
            else "no knob to turn; write numbers worth trying as UPPER_CASE = 0.1 on lines of their own, or"
        )
        raise ProposalFailed(f"{brief.canvas}: {finding} name a model in program.md", pause=True)

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        """Return None: a value that crashes is remembered, not repaired."""
        return None


def _moves(brief: Brief, found: dict[str, Knob]) -> list[Move]:
    """Return every move there is, likelier ones with more weight; equals in an order that the seed decides."""
    dice = random.Random(brief.random_seed)
    roles = {name: role for name, knob in found.items() if (role := role_of(knob)) is not None}
    past = _learn(brief.ledger)
    # What waits is worth waiting for; and of two patches whose lines touch, one would not merge with the other.
    waiting = {name for e in brief.ledger.waiting if e.number > 0 for name in e.knobs if name in found}
    beside = {name for name in found for other in waiting if abs(found[name].line - found[other].line) <= 1}
    singles = {
        (name, direction): move
        for name, role in roles.items()
        for direction in (DOWN, UP)
        if (move := _single(found[name], role, direction, past)) is not None
    }
    moves = [*singles.values(), *_pairs(found, roles, past), *_near_misses(brief.ledger, found)]
    moves = [
        replace(move, weight=move.weight * dice.uniform(0.9, 1.1) * _patience(move, waiting, beside)) for move in moves
    ]
    return [*moves, *_leaps(list(singles.values()), dice)]


def _patience(move: Move, waiting: set[str], beside: set[str]) -> float:
    return 0.0005 if waiting & set(move.changes) else 0.02 if beside & set(move.changes) else 1.0


def _learn(ledger: Ledger) -> dict[tuple[str, int], Past]:
    """Return what each knob and direction has brought so far; a joint failure says nothing of one knob.

    A human's own text is adopted whatever it scores, so it has paid only where it gained.
    """
    past: dict[tuple[str, int], Past] = {}
    for number, experiment in sorted(ledger.experiments.items()):
        for name, (before, after) in experiment.knobs.items():
            old, new = value_of(before), value_of(after)
            if isinstance(old, str | None) or isinstance(new, str | None) or old == new:
                continue
            key = (name, UP if new > old else DOWN)
            here = past.get(key, Past())
            if ledger.gained(experiment):
                past[key] = Past(paid=number, crashes=here.crashes)
            elif len(experiment.knobs) > 1:
                continue
            elif experiment.verdict is Verdict.CRASH:
                past[key] = replace(here, crashes=(*here.crashes, float(new)))
            elif experiment.verdict is Verdict.DISCARD and experiment.reason is Reason.WITHIN_NOISE:
                past[key] = replace(here, tied=here.tied + 1)
            elif experiment.verdict in (Verdict.DISCARD, Verdict.KEEP):
                past[key] = replace(here, worse=here.worse + 1)
    return past


def _single(knob: Knob, role: Role, direction: int, past: dict[tuple[str, int], Past]) -> Move | None:
    here, there = past.get((knob.name, direction), Past()), past.get((knob.name, -direction), Past())
    value = step(knob, role, direction, here.failures)
    if value is None or value == knob.value or _crashes(value, direction, here):
        return None
    weight = role.down if direction == DOWN else role.up
    if here.paid is not None and not here.failures:
        weight = 2 * max(weight, 4.0)
    weight *= 0.35**here.worse * 0.5**here.tied * 0.2 ** len(here.crashes)
    weight *= 0.3 if there.paid is not None else 1.3 if there.worse else 1.0
    sentence = f"{phrase(knob, value)}: {role.lower if direction == DOWN else role.higher}"
    if here.paid is not None and not here.failures:
        sentence += f", and the last such step paid (#{here.paid})"
    elif here.failures:
        again = value == step(knob, role, direction)
        sentence += ", now that more has changed" if again else ", in a smaller step than the one that failed"
    return Move(weight, {knob.name: value}, sentence + ".")


def _crashes(value: Value, direction: int, past: Past) -> bool:
    return not isinstance(value, str) and any(direction * value >= direction * crash for crash in past.crashes)


def _pairs(found: dict[str, Knob], roles: dict[str, Role], past: dict[tuple[str, int], Past]) -> Iterator[Move]:
    """Yield what belongs together. Of rates all move, by half a step; of anything else the first."""
    for family, one, other_family, other, weight, why in PAIRS:
        rates, passes = other_family == "lr", other_family == "passes"
        head = next((name for name, role in roles.items() if role.family == family), None)
        tails = [name for name, role in roles.items() if role.family == other_family][: None if rates else 1]
        if head is None or not tails:
            continue
        alone = past.get((head, one), Past())
        changes = {head: step(found[head], roles[head], one)}
        changes |= {name: step(found[name], roles[name], other, 1 if rates else 0) for name in tails}
        new = {name: value for name, value in changes.items() if value is not None}
        if len(new) < len(changes) or (not passes and _crashes(new[head], one, alone)):
            continue
        weight *= 20 if passes and alone.crashes else 1 if alone.failures or alone.paid else 0.5
        words = [phrase(found[name], value) for name, value in new.items()]
        if len(words) > 3:
            words[1:] = [f"scale the {len(tails)} learning rates by {'0.7' if other == DOWN else '1.4'}"]
        yield Move(weight, new, f"{words[0]}, {' and '.join(w[0].lower() + w[1:] for w in words[1:])}: {why}.")


def _near_misses(ledger: Ledger, found: dict[str, Knob]) -> Iterator[Move]:
    """Yield pairs of gains that were too small to be believed alone; no two knobs are tried together twice."""
    missed: list[tuple[float, int, str, Value]] = []
    together = {frozenset(experiment.knobs) for experiment in ledger.experiments.values()}
    for number, experiment in ledger.experiments.items():
        gain = 0.0 if experiment.delta is None else -experiment.delta if ledger.minimize else experiment.delta
        if experiment.verdict is Verdict.DISCARD and gain > 0 and len(experiment.knobs) == 1:
            [(name, (_, after))] = experiment.knobs.items()
            value = value_of(after)
            if name in found and value is not None and value != found[name].value:
                missed.append((gain, number, name, value))
    best = sorted(missed, key=lambda miss: (-miss[0], miss[1]))[:4]
    for (_, first, one, a), (_, second, other, b) in combinations(best, 2):
        if one != other and frozenset((one, other)) not in together:
            words = f"{one} {write(a, found[one].literal)} and {other} {write(b, found[other].literal)}"
            sentence = f"Combine #{first} and #{second} ({words}): each alone gained less than the noise."
            yield Move(3.0, {one: a, other: b}, sentence)


def _leaps(singles: list[Move], dice: random.Random) -> Iterator[Move]:
    """Yield random pairs of single moves, for when nothing better is left."""
    for _ in range(LEAPS if len(singles) > 1 else 0):
        one, other = dice.sample(singles, 2)
        if not one.changes.keys() & other.changes.keys():
            words = [move.sentence.partition(":")[0] for move in (one, other)]
            sentence = f"{words[0]} and {words[1][0].lower()}{words[1][1:]}: what neither brought alone, both may."
            yield Move(0.01 * dice.random(), {**one.changes, **other.changes}, sentence)
