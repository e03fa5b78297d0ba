"""One proposal as a dialogue: what goes back to its author, how often, and when to give up.

Knows no model and no network: `ask` sends messages and returns an answer. A tried text never comes out of here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from loop.proposers import Brief
from loop.proposers.digest import said
from loop.proposers.edits import Edited, EditError, edit
from loop.proposers.prompt import Count, Message, again
from loop.record.experiment import Experiment
from loop.record.types import ProposalFailed, Reason, Verdict
from loop.text.canvas import fingerprint
from loop.text.knobs import knobs
from loop.text.patch import Patch
from loop.trust.findings import Severity
from loop.trust.preflight import check

RECENT = 60  # experiments that a near repeat is looked for in
REFUSED = re.compile(r"(i'?m sorry|i am sorry|i can(no|')?t|i cannot|i won'?t|i'?m unable|sorry,)", re.I)


class Fault(StrEnum):
    """Why an answer goes back."""

    EMPTY = "empty or refused replies"
    CUT = "replies cut at their length limit"
    MISFIT = "replies that do not apply"
    SAME = "texts that were measured before"
    NEAR = "near repeats"


PATIENCE = {Fault.EMPTY: 2, Fault.CUT: 2, Fault.MISFIT: 3, Fault.SAME: 1, Fault.NEAR: 1}


@dataclass(frozen=True)
class Answer:
    """What a model answered; `finish` is stop, length, or refusal."""

    text: str
    finish: str = "stop"


@dataclass(frozen=True)
class Complaint:
    """What is said to the author of an answer that is not taken; with `edited`, one that is taken if it comes again."""

    fault: Fault
    text: str
    edited: Edited | None = None


Ask = Callable[[list[Message]], Awaitable[Answer]]


async def settle(
    brief: Brief, text: str, first: list[Message], ask: Ask, count: Count, exchanges: list[tuple[str, str]]
) -> Edited:
    """Return an edit of `text` that may be measured; `exchanges` fills with (answer, complaint) as the dialogue goes.

    Raises ProposalFailed when the author used up the patience for one kind of fault. A near repeat that comes again is
    meant and is taken.
    """
    faults: Counter[Fault] = Counter()
    error: EditError | None = None
    while True:
        answer = await ask(again(first, exchanges, count, brief.program.prompt_tokens))
        judged, error = _judge(brief, text, answer, error)
        if isinstance(judged, Complaint) and judged.edited and faults[judged.fault] >= PATIENCE[judged.fault]:
            judged = judged.edited
        if isinstance(judged, Edited):
            exchanges.append((answer.text, ""))
            return judged
        exchanges.append((answer.text, judged.text))
        faults[judged.fault] += 1
        if faults[judged.fault] > PATIENCE[judged.fault]:
            last = said(judged.text, 160)
            raise ProposalFailed(f"gave up after {faults[judged.fault]} {judged.fault}; the last: {last}")


def objection(brief: Brief, text: str) -> Complaint | None:
    """Return what speaks against measuring this text: it was measured, nearly so, or it breaks the rules."""
    mark = fingerprint(text)
    if mark in brief.tried or mark == fingerprint(brief.text):
        twin = next((e for e in reversed(brief.ledger.experiments.values()) if e.fingerprint == mark), None)
        which = f"experiment #{twin.number} ({_result(twin)})" if twin else "a text that is tried or waits already"
        return Complaint(
            Fault.SAME, f"With your edits the canvas equals {which}. It will not run again: try another idea."
        )
    metric = brief.ledger.created.metric.name if brief.ledger.created else brief.program.metric.name
    refused = [f for f in check(text, brief.text, brief.canvas, metric) if f.severity is Severity.REFUSE]
    if refused:
        findings = "\n".join(f"- line {f.line}: {f.message}" for f in refused[:5])
        return Complaint(
            Fault.MISFIT, f"Your patch would be refused:\n{findings}\nSend a whole new patch without this."
        )
    near = _near_repeat(brief, text)
    if near is None:
        return None
    name, (before, after) = next(iter(near.knobs.items()))
    return Complaint(
        Fault.NEAR,
        f"Experiment #{near.number} changed {name} the same way ({before} → {after}) and was {_result(near)}: "
        f"{said(near.hypothesis)}. Propose something else, or send the same again if it differs, and say why.",
    )


def _judge(
    brief: Brief, text: str, answer: Answer, error: EditError | None
) -> tuple[Edited | Complaint, EditError | None]:
    """Return the edit that an answer makes, or what is said to its author; and why its blocks do not apply."""
    if answer.finish == "refusal" or not answer.text.strip():
        return Complaint(Fault.EMPTY, "Your reply was empty or a refusal. Answer in the form given above."), error
    if answer.finish == "length":
        cut = "Your reply was cut at its length limit. Think less and send only the few lines that change, as blocks."
        return Complaint(Fault.CUT, cut), error
    try:
        edited = edit(text, brief.canvas, answer.text, error)
    except EditError as misfit:
        refused = REFUSED.match(answer.text.strip()) and misfit.partial == text
        return Complaint(Fault.EMPTY if refused else Fault.MISFIT, str(misfit)), misfit
    complaint = objection(brief, edited.text)
    if complaint is None:
        return edited, None
    if complaint.fault is Fault.NEAR:
        return replace(complaint, edited=edited), None
    again_whole = "Your blocks were taken back: the canvas is as it was shown to you at first."
    return replace(complaint, text=f"{complaint.text}\n{again_whole}"), None


def _near_repeat(brief: Brief, text: str) -> Experiment | None:
    """Return a recent experiment that moved the one knob of this patch the same way and lost."""
    patch = Patch.between(brief.text, text)
    if len(patch.knobs) != 1 or max(patch.lines_added, patch.lines_removed) != 1:
        return None
    ((name, change),) = patch.knobs.items()
    direction = _direction(*change)
    for e in islice(reversed(brief.ledger.experiments.values()), RECENT):
        if name not in e.knobs or e.verdict is None:
            continue
        if e.verdict is Verdict.KEEP:
            return None  # where the knob stands now nobody looked yet
        lost = e.verdict is Verdict.CRASH or e.reason is Reason.WORSE
        same = e.knobs[name] == change if direction is None else _direction(*e.knobs[name]) == direction
        if lost and same and len(e.knobs) == 1:
            return e
    return None


def _direction(before: str, after: str) -> bool | None:
    """Return whether a number rises; None where they are no two numbers."""
    old, new = (knobs(f"X = {literal}\n").get("X") for literal in (before, after))
    if old is None or new is None or isinstance(old.value, str | bool) or isinstance(new.value, str | bool):
        return None
    return new.value > old.value


def _result(e: Experiment) -> str:
    change = "" if e.delta is None else f", {e.delta:+.5f}"
    return f"{str(e.reason or e.verdict or 'not measured yet').replace('_', ' ')}{change}"
