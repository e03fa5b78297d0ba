"""Reverts: which stand, what they take out of the kept line, and taking one back.

A revert is a human's text without a kept hunk. It waits to be measured, was adopted or was not; a later measured edit
may have taken it in. Every function but `reverts` and `undone_in` may wait for git or the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loop.control import control, queueing
from loop.record.experiment import Experiment
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.ledger import Ledger
from loop.record.types import Author, Refused, Verdict
from loop.review.checkout import Checkout
from loop.review.kept import lines_at
from loop.text.diff import changes, split_lines
from loop.text.hunks import Hunk, hunks, invert, take_out
from loop.text.lineage import Removal
from loop.text.numbers import names


@dataclass(frozen=True)
class Revert:
    """A revert that stands: which experiment it takes out, from which commit, and the text without it."""

    removes: int
    parent: str
    text: str  # "" once it is an experiment, whose commit has it
    intent: int | None  # what asked for it; None in journals that do not say
    experiment: Experiment | None = None

    @property
    def waits(self) -> bool:
        """Whether its cost is not known yet; its run may have begun."""
        return self.experiment is None or self.experiment.verdict is None

    @property
    def adopted(self) -> bool:
        """Whether the kept line has it."""
        return self.experiment is not None and self.experiment.verdict is Verdict.KEEP

    def is_meant(self, removes: int, intent: int | None) -> bool:
        """Whether a withdrawal may mean it; of several that nothing tells apart the newest counts."""
        return self.removes == removes and (intent is None or self.intent in (None, intent))


def reverts(ledger: Ledger) -> list[Revert]:
    """Return the reverts that nobody has taken back, the oldest first: measured, queued, or still to be answered."""
    return _sorted_out(ledger)[0]


def last_revert(folder: Path, campaign: str | None = None) -> tuple[Revert, list[Hunk]]:
    """Return the newest revert and the hunks that bring it back, as far as journal and git remember it."""
    last = standing(folder, control.load(folder, campaign), 1)
    if not last:
        raise Refused("nothing was reverted in this campaign")
    return last[0]


def standing(folder: Path, ledger: Ledger, most: int) -> list[tuple[Revert, list[Hunk]]]:
    """Return the newest reverts that stand, the oldest first, each with the hunks that bring it back."""
    repo, found = Checkout(folder), list[tuple[Revert, list[Hunk]]]()
    for revert in reverts(ledger)[-most:]:
        before, after = lines_at(repo, ledger, revert.parent), split_lines(_text_without(repo, ledger, revert))
        found.append((revert, [invert(hunk) for hunk in hunks(before, after)]))
    return found


def read_removals(repo: Checkout, ledger: Ledger, known: Sequence[Removal] = ()) -> tuple[Removal, ...]:
    """Return what the human took out and the kept line has: reverts that stand, and adopted ones that they undid.

    A revert that stands waits to be measured, or was measured in vain. One may have been adopted by its own price, or
    with an edit that was measured. What is `known` is not read again.
    """
    read = {(removal.parent, removal.commit): removal for removal in known if removal.commit}
    found: list[Removal] = []
    stand, undone = _sorted_out(ledger)
    for one in stand:
        if one.adopted:
            continue
        commit = one.experiment.commit if one.experiment is not None else ""
        again = read.get((one.parent, commit))
        found.append(again or Removal(one.parent, tuple(split_lines(_text_without(repo, ledger, one))), commit))
    for e in undone:  # what it took out is back, so the text is that of before it
        if e.verdict is Verdict.KEEP:
            again = read.get((e.commit, e.parent))
            found.append(again or Removal(e.commit, tuple(lines_at(repo, ledger, e.parent)), e.parent))
        for edit in _edits_since(ledger, e):
            again = read.get((edit.commit, e.commit))
            without = () if again else _taken_in(repo, ledger, e, edit)
            found += [again] if again else [Removal(edit.commit, without, e.commit)] if without else []
    return tuple(found)


def withdraw(folder: Path, removes: int, campaign: str | None = None, intent: int | None = None) -> tuple[bool, str]:
    """Take back a revert that was undone; return whether it stays unmeasured, and why.

    One that is measured is recorded too: where it was adopted, by itself or with a measured edit, the human's text
    holds those lines by their own will from then on.
    `intent` asked for its price; with None it is the newest revert of experiment `removes`.
    """
    ledger = control.load(folder, campaign)
    stand = [revert for revert in reverts(ledger) if revert.is_meant(removes, intent)]
    if not stand:
        return False, f"no revert of #{removes} waits to be measured"
    last, done = stand[-1], stand[-1].experiment
    try:
        answer = queueing.withdraw(folder, removes, campaign, intent)
    except Refused as refusal:
        return False, str(refusal)
    if done is None or last.waits:
        return not (done and done.runs), answer.message
    repo, told = Checkout(folder), f"#{done.number}, without it, is measured and was"
    if last.adopted:
        return False, f"{told} adopted; measure your edit to bring it back"
    edits = [e.number for e in _edits_since(ledger, done) if _taken_in(repo, ledger, done, e)]
    if not edits:
        return False, f"{told} not adopted"
    return False, f"{told} not adopted, but your edit {names(edits)} took it in; measure your edit to bring it back"


def undone_in(before: Sequence[str], after: Sequence[str], parent: Sequence[str], text: Sequence[str]) -> list[str]:
    """Return a text without what a revert, from `before` to `after`, and the text's own change both say. Pure."""
    step = changes(parent, text)
    came = {line for change in step for line in text[change.b : change.b_end]}
    went = {line for change in step for line in parent[change.a : change.a_end]}
    without = list(text)
    for hunk in hunks(before, after, range(len(after))):  # line by line: the edit may have only some of them
        if came.issuperset(hunk.new) if hunk.new else went.issuperset(hunk.old):
            with suppress(Refused):
                without = take_out(without, after, [hunk], before)
    return without


def _sorted_out(ledger: Ledger) -> tuple[list[Revert], list[Experiment]]:
    """Return the reverts that nobody has taken back, and the others that were numbered before they were."""
    made = [e for e in ledger.experiments.values() if e.removes is not None]
    undone = [e for e in made if e.withdrawn]
    stand = [  # both are in order: numbers and sequence numbers only grow
        Revert(e.removes, e.parent, "", e.intent, e) for e in made if e.removes is not None and not e.withdrawn
    ]
    for entry in ledger.unanswered.values():
        match entry.body:
            case ProposeRequested(text=text, base=base, removes=int() as removes):
                stand.append(Revert(removes, base, text, entry.seq))
            case WithdrawRequested(removes=removes, intent=intent):
                meant = [revert for revert in stand if revert.is_meant(removes, intent)]
                waiting = [revert for revert in meant if revert.waits]
                judged = [one for one in meant if one.experiment and one.experiment.undone_by(intent, entry.seq)]
                for revert in (waiting or judged)[-1:]:
                    stand.remove(revert)
                    undone += [revert.experiment] if revert.experiment else []
    return stand, undone


def _text_without(repo: Checkout, ledger: Ledger, revert: Revert) -> str:
    if revert.experiment is None:
        return revert.text
    return repo.text_at(revert.experiment.commit, control.canvas_path(ledger))


def _edits_since(ledger: Ledger, revert: Experiment) -> list[Experiment]:
    """Return the kept edits that the human had measured between a revert and its undo."""
    last = revert.withdrawn_before or max(ledger.experiments) + 1
    later = [e for n, e in ledger.experiments.items() if revert.number < n < last]
    return [e for e in later if e.author is Author.HUMAN and e.removes is None and e.verdict is Verdict.KEEP]


def _taken_in(repo: Checkout, ledger: Ledger, revert: Experiment, edit: Experiment) -> tuple[str, ...]:
    """Return the text of a kept edit without a revert that it took in; () where it took in none of it."""
    commits = (revert.parent, revert.commit, edit.parent, edit.commit)
    before, after, parent, text = (lines_at(repo, ledger, commit) for commit in commits)
    without = undone_in(before, after, parent, text)
    return () if without == text else tuple(without)
