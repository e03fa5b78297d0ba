"""The kept line and the accepted base, read from git: all that an editor compares a text with.

Every function may wait for git: call it from a worker thread. Texts are in the repository's line ends; the caller
converts (`diff.converted`).
"""

from __future__ import annotations

from loop.control import control
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Verdict
from loop.review.checkout import Checkout
from loop.text import lineage
from loop.text.diff import split_lines
from loop.text.lineage import Kept, Reviewed


def read_kept(repo: Checkout, ledger: Ledger, known: Kept | None) -> Kept | None:
    """Return the kept line, extended from what is known where possible; None before there is a baseline."""
    if ledger.created is None:
        return None
    chain = kept_line(ledger)
    commits = tuple(e.commit for e in chain) or (ledger.created.baseline,)
    if known is not None and known.commits == commits:
        return known
    path = control.canvas_path(ledger)
    if known is None or commits[: len(known.commits)] != known.commits:
        first = next(repo.texts(commits[:1], path))
        known = Kept(lineage.begin(split_lines(first)), commits[:1])
    new = commits[len(known.commits) :]
    numbers = [e.number for e in chain[len(known.commits) :]]
    texts = zip(numbers, map(split_lines, repo.texts(new, path)), strict=True)
    return Kept(lineage.extend(known.line, texts), commits)


def read_reviewed(repo: Checkout, ledger: Ledger) -> Reviewed | None:
    """Return the accepted base: the baseline until something was accepted; None before there is a campaign."""
    if ledger.created is None:
        return None
    commit = repo.ref(repo.accepted_ref(ledger.campaign)) or ledger.created.baseline
    return Reviewed(commit, tuple(lines_at(repo, ledger, commit)))


def lines_at(repo: Checkout, ledger: Ledger, commit: str) -> list[str]:
    return split_lines(repo.text_at(commit, control.canvas_path(ledger)))


def kept_line(ledger: Ledger) -> list[Experiment]:
    """Return the kept experiments from the baseline to the incumbent, by parents. Pure."""
    by_commit = {e.commit: e for e in ledger.experiments.values() if e.verdict is Verdict.KEEP}
    experiment = ledger.incumbent_experiment
    chain: list[Experiment] = []
    while experiment is not None and len(chain) <= len(by_commit):
        chain.append(experiment)
        experiment = by_commit.get(experiment.parent) if experiment.number else None
    return chain[::-1]
