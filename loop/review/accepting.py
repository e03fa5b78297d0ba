"""What a human accepts: the accepted base moves over hunks, and on their command the branch gets commits of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from loop.control import control
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import MergeConflict, Refused, RepoError
from loop.review.checkout import Checkout
from loop.text import lineage
from loop.text.diff import in_form_of, split_lines
from loop.text.hunks import Hunk, advance_all, hunks
from loop.text.lineage import Kept, Lineage, Reviewed
from loop.text.merge import merge_again
from loop.text.numbers import plain
from loop.views.experiments import score_text, verdict_text


def accept(folder: Path, ledger: Ledger, seen: Reviewed, taken: Sequence[Hunk], experiments: Sequence[int]) -> Reviewed:
    """Move the accepted base over these hunks, cut from `seen`; raises Refused where another editor was quicker."""
    repo = Checkout(folder)
    text = advance_all(seen.lines, taken)
    whose = " ".join(f"#{n}" for n in experiments) or "an edit by hand"
    message = f"Accepted {whose}\n\nCampaign: {ledger.campaign}\n"
    path = control.canvas_path(ledger)
    commit = repo.commit_text(seen.commit, path, "".join(text), message, time.time())
    name = repo.accepted_ref(ledger.campaign)
    try:
        repo.move_ref(name, commit, repo.ref(name) and seen.commit)
    except RepoError as error:
        raise Refused("something else was accepted meanwhile; look again, then accept what is left") from error
    return Reviewed(commit, tuple(text))


def commit_accepted(
    folder: Path, ledger: Ledger, kept: Kept, seen: Reviewed, buffer: Sequence[str] | None
) -> list[tuple[tuple[int, ...], str]]:
    """Put one commit for each accepted experiment on the user's branch. Raises Refused.

    A hunk goes with the last experiment that wrote it. Returned are the commits, each with all experiments that wrote
    what it changes, its own the last. `buffer` is the canvas as an editor shows it, None where it is not open. Lines
    that no experiment wrote are the user's own: those of HEAD stay, others are theirs to commit.
    """
    repo, path = Checkout(folder), control.canvas_path(ledger)
    branch, head = repo.branch_to_commit_on(path)
    disk = repo.on_disk(path)
    if buffer is not None and in_form_of("".join(buffer), disk) != disk:
        raise Refused(f"{path}: has unsaved changes; save it first")
    was = split_lines(repo.text_at(head, path))
    text = _with_accepted(repo, path, kept, seen, was)
    shares = _shares(path, kept.line, was, text)
    if not shares:
        raise Refused(f"{path}: everything accepted is committed already")
    versions: list[tuple[str, str]] = []
    taken: list[Hunk] = []
    for experiments, share in shares:
        taken += share
        message = commit_message(ledger, [ledger.find(number) for number in experiments])
        versions.append(("".join(advance_all(was, taken)), message))
    made = repo.commit_on_branch(branch, head, path, versions)
    return [(experiments, commit) for (experiments, _), commit in zip(shares, made, strict=True)]


def _shares(
    path: str, line: Lineage, was: Sequence[str], text: Sequence[str]
) -> list[tuple[tuple[int, ...], list[Hunk]]]:
    """Return the hunks between two texts by the last experiment that wrote each, in the order of the keeps.

    Beside them stand all experiments that wrote them. Raises Refused for a hunk that no experiment wrote.
    """
    parts = lineage.parts_of(line, text)
    groups: dict[int, list[Hunk]] = {}
    wrote: dict[int, set[int]] = {}
    for hunk in hunks(was, text, lineage.authors(parts)):
        theirs = parts[hunk.start : hunk.start + len(hunk.new)]
        experiments = lineage.experiments_of(line, hunk.old, hunk.new, theirs)
        if not experiments:
            raise Refused(f"{path}, line {hunk.start + 1}: is not in HEAD and no experiment wrote it; commit it first")
        groups.setdefault(experiments[-1], []).append(hunk)
        wrote.setdefault(experiments[-1], set()).update(experiments)
    return [(lineage.in_order(line, wrote[last]), groups[last]) for last in lineage.in_order(line, groups)]


def _with_accepted(repo: Checkout, path: str, kept: Kept, seen: Reviewed, was: Sequence[str]) -> list[str]:
    """Return HEAD's lines with what was accepted since the baseline; raises Refused where both changed a line."""
    first = kept.commits[0]
    base = split_lines(repo.text_at(first, path))
    known = {*base, *(line for step in kept.line.steps for line in step.added)}
    with suppress(RepoError):  # the baseline is what was on disk, its parent what was committed
        known.update(split_lines(repo.text_at(f"{first}^", path)))
    try:
        return merge_again(base, was, seen.lines, known)
    except MergeConflict as error:
        raise Refused(
            f"{path} in HEAD, {error}, you and what you accepted; nothing was committed. "
            "Commit the file yourself, as you want it"
        ) from error


def commit_message(ledger: Ledger, experiments: Sequence[Experiment]) -> str:
    """Return the message of a commit on the user's branch: the last one's hypothesis, the evidence of each. Pure."""
    metric = ledger.created.metric.name if ledger.created else "score"

    def evidence(one: Experiment) -> str:
        return f"{metric} {score_text(one)}, {one.source or 'unknown source'}: {verdict_text(one)}"

    *others, experiment = experiments
    body = [evidence(experiment)] + ([plain(experiment.explanation)] if experiment.explanation else [])
    body += [f"With #{one.number}, {plain(one.hypothesis, 72)}: {evidence(one)}" for one in others]
    trailers = {
        "Campaign": ledger.campaign,
        "Experiment": experiment.number,
        "Proposed-by": plain(experiment.proposer),
    }
    tail = "\n".join(f"{name}: {value}" for name, value in trailers.items())
    return f"{plain(experiment.hypothesis, 72)}\n\n" + "\n".join(body) + f"\n\n{tail}\n"
