"""What a human asks to have measured: a text without some hunks, what they changed in a text, a whole file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loop.control import control, queueing
from loop.record.ledger import Ledger
from loop.record.types import Refused
from loop.record.values import counted
from loop.review.checkout import Checkout
from loop.review.kept import kept_line, lines_at, read_kept
from loop.review.reverts import read_removals
from loop.text.diff import converted, split_lines
from loop.text.holding import Holding, holding
from loop.text.hunks import Hunk, take_out
from loop.text.lineage import Kept, Reviewed
from loop.text.numbers import NAMED, names, plain, signed_number


def propose_file(
    folder: Path, text: str, hypothesis: str, campaign: str | None = None, as_is: bool = False
) -> control.Answer:
    """File a version of the canvas: what its human changed in it, or with `as_is` the text itself. Raises Refused."""
    ledger, repo = control.load(folder, campaign), Checkout(folder)
    kept = read_kept(repo, ledger, None)
    if kept is None or as_is:
        return queueing.propose(folder, text, hypothesis, campaign=ledger.campaign)
    lines = converted(split_lines(text), kept.line.lines)
    held = holding(kept, read_removals(repo, ledger), lines)
    earlier = repo.texts(kept.commits, control.canvas_path(ledger))
    equal = [place for place, one in enumerate(earlier) if converted(split_lines(one), kept.line.lines) == lines]
    if equal:
        after = [step.experiment for step in kept.line.steps[equal[-1] :]]
        raise Refused(nothing_own(ledger, after, kept_line(ledger)[equal[-1]].number))
    return propose_text(folder, ledger, kept, held, hypothesis)


def propose_text(folder: Path, ledger: Ledger, kept: Kept, held: Holding, hypothesis: str) -> control.Answer:
    """File what a human changed, on top of the incumbent: the keeps that their text lacks are none of their changes.

    Raises Refused for a text that has no change of theirs: adopting it would undo those keeps.
    """
    if held.whole == kept.line.lines:
        raise Refused(nothing_own(ledger, held.missing))
    answer = queueing.propose(folder, "".join(held.whole), hypothesis, kept.commits[-1], campaign=ledger.campaign)
    more = f"; measured with {names(held.missing)}, which this text lacks" if held.missing else ""
    return replace(answer, message=answer.message + more)


def propose_without(
    folder: Path,
    ledger: Ledger,
    kept: Kept,
    seen: Reviewed,
    shown: Sequence[str],
    taken: Sequence[Hunk],
    removes: int,
    experiments: Sequence[int],
) -> control.Answer:
    """File "without these hunks" as a human's proposal; raises Refused where no kept text has them any more.

    The hunks lead from the accepted base `seen` to the text `shown`. The incumbent is asked first, then the last keep
    that wrote them: the incumbent may have changed the same lines since, and then the daemon merges. `experiments`
    wrote them, as they were kept, and the hypothesis names them: what is measured is the price of all that they wrote
    there.
    """
    try:
        commit, without = kept.commits[-1], take_out(kept.line.lines, shown, taken, seen.lines)
    except Refused:
        commit = ledger.find(experiments[-1]).commit
        try:
            without = take_out(lines_at(Checkout(folder), ledger, commit), shown, taken, seen.lines)
        except Refused:  # no keep had all of them together: those that the incumbent has
            commit, without = kept.commits[-1], take_out(kept.line.lines, shown, taken, seen.lines, some=True)
    told = [ledger.find(number).hypothesis for number in experiments[-NAMED:]]
    about = "; ".join(plain(hypothesis, 120 // len(told)) for hypothesis in told)
    why = f"Without {names(experiments)}: {about}"
    return queueing.propose(folder, "".join(without), why, commit, removes, ledger.campaign)


def nothing_own(ledger: Ledger, missing: Sequence[int], equal: int | None = None) -> str:
    """Return why a text with no change of the human's is not measured, what it would undo, and how to mean it. Pure."""
    if not missing:
        return "this text is the incumbent; there is nothing to measure"
    text = "this text has no change of yours" if equal is None else f"this text is that of #{equal}"
    deltas = [ledger.find(number).delta for number in missing]
    gain = "" if None in deltas else f" ({signed_number(sum(delta or 0.0 for delta in deltas))} together)"
    return (
        f"{text}; adopting it would undo {counted(len(missing), 'kept patch')}, {names(missing)}{gain}. "
        "If you mean that: autoresearch propose --as-is FILE"
    )
