"""What a human takes over into a text of theirs: every keep that it lacks, or the text of one experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loop.control import control
from loop.record.ledger import Ledger
from loop.record.types import MergeConflict, Refused
from loop.review.checkout import Checkout
from loop.text.diff import split_lines
from loop.text.holding import Holding, holding
from loop.text.lineage import Kept
from loop.text.merge import merge
from loop.text.numbers import names


def pulled(path: str, held: Holding) -> list[str]:
    """Return a human's text with every keep that it lacks; raises Refused where one would come only in part. Pure."""
    if held.torn:
        raise _both_changed(path, names(held.torn))
    return list(held.whole)


def restored(folder: Path, ledger: Ledger, kept: Kept, text: Sequence[str], to: int) -> list[str]:
    """Return the text of an experiment with the human's own edits; what they reverted comes back. Raises Refused."""
    path = control.canvas_path(ledger)
    theirs = Checkout(folder).text_at(ledger.find(to).commit, path)
    try:
        return split_lines(merge("".join(holding(kept, (), text).base), "".join(text), theirs))
    except MergeConflict as error:
        raise _both_changed(path, f"#{to}") from error


def _both_changed(path: str, name: str) -> Refused:
    return Refused(
        f"{path}: your own edits and {name} changed the same lines; nothing was changed. "
        "Measure your edit, or undo it and pull again"
    )
