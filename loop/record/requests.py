"""Intents that wait for their answer → what was asked for: the keys of a start, texts to be measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from loop.record.entries import Entry
from loop.record.experiment import Experiment
from loop.record.intents import ProposeRequested, StartRequested, WithdrawRequested
from loop.record.types import Author


def is_start_asked(unanswered: Iterable[Entry]) -> bool:
    """Return whether a start waits for its answer."""
    return any(isinstance(entry.body, StartRequested) for entry in unanswered)


def asked(accepted: dict[str, str], unanswered: Iterable[Entry]) -> dict[str, str]:
    """Return the front matter keys of the starts so far and of those that wait. The last word counts."""
    waiting = (e.body.overrides for e in unanswered if isinstance(e.body, StartRequested))
    return reduce(overridden, waiting, accepted)


def overridden(earlier: dict[str, str], later: dict[str, str]) -> dict[str, str]:
    """Return the keys that two starts were given; who proposes is one choice, which a later one makes anew."""
    if later.keys() & {"model", "command"}:
        earlier = {name: text for name, text in earlier.items() if name not in ("model", "command")}
    return {**earlier, **later}


def promised(unanswered: Iterable[Entry], waiting: Iterable[Experiment]) -> int:
    """Return how many texts a human was told would be measured that are not yet, `waiting` being without a verdict."""
    made = [(e.removes, e.intent) for e in waiting if e.author is Author.HUMAN and e.number > 0 and not e.withdrawn]
    for entry in unanswered:
        match entry.body:
            case ProposeRequested(removes=removes):
                made.append((removes, entry.seq))
            case WithdrawRequested() as request:  # each takes back one at the most, the newest that it may mean
                for one in [one for one in made if _is_meant(request, *one)][-1:]:
                    made.remove(one)
    return len(made)


def _is_meant(request: WithdrawRequested, removes: int | None, intent: int | None) -> bool:
    """Return whether a withdrawal may mean a text that was asked for by this intent and is not judged yet."""
    return removes == request.removes and (request.intent is None or intent in (None, request.intent))
