"""Review: the accepted base, the kept line as the editor needs it, pull, accept, the price of a revert, commits.

All of git that the language server needs, so that it runs none itself. Every function may wait for git or the daemon:
call it from a worker thread. Texts are in the repository's line ends; the caller converts (`diff.converted`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from loop.control import control
from loop.record.experiment import Experiment
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.ledger import Ledger
from loop.record.types import Author, MergeConflict, Refused, RepoError, Verdict
from loop.record.values import counted
from loop.review.checkout import Checkout
from loop.text import lineage
from loop.text.diff import changes, converted, in_form_of, split_lines
from loop.text.holding import Holding, holding
from loop.text.hunks import Hunk, advance_all, hunks, invert, take_out
from loop.text.lineage import Kept, Removal, Reviewed
from loop.text.merge import merge, merge_again
from loop.text.numbers import NAMED, names, plain, signed_number
from loop.views.experiments import score_text, verdict_text


def kept_line(ledger: Ledger) -> list[Experiment]:
    """Return the kept experiments from the baseline to the incumbent, by parents. Pure."""
    by_commit = {e.commit: e for e in ledger.experiments.values() if e.verdict is Verdict.KEEP}
    experiment = ledger.incumbent_experiment
    chain: list[Experiment] = []
    while experiment is not None and len(chain) <= len(by_commit):
        chain.append(experiment)
        experiment = by_commit.get(experiment.parent) if experiment.number else None
    return chain[::-1]


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
    return Reviewed(commit, tuple(_lines_at(repo, ledger, commit)))


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
            found.append(again or Removal(e.commit, tuple(_lines_at(repo, ledger, e.parent)), e.parent))
        for edit in _edits_since(ledger, e):
            again = read.get((edit.commit, e.commit))
            without = () if again else _taken_in(repo, ledger, e, edit)
            found += [again] if again else [Removal(edit.commit, without, e.commit)] if without else []
    return tuple(found)


def _edits_since(ledger: Ledger, revert: Experiment) -> list[Experiment]:
    """Return the kept edits that the human had measured between a revert and its undo."""
    last = revert.withdrawn_before or max(ledger.experiments) + 1
    later = [e for n, e in ledger.experiments.items() if revert.number < n < last]
    return [e for e in later if e.author is Author.HUMAN and e.removes is None and e.verdict is Verdict.KEEP]


def _taken_in(repo: Checkout, ledger: Ledger, revert: Experiment, edit: Experiment) -> tuple[str, ...]:
    """Return the text of a kept edit without a revert that it took in; () where it took in none of it."""
    commits = (revert.parent, revert.commit, edit.parent, edit.commit)
    before, after, parent, text = (_lines_at(repo, ledger, commit) for commit in commits)
    without = undone_in(before, after, parent, text)
    return () if without == text else tuple(without)


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
        """Whether it has no price yet; it may have begun."""
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


def _lines_at(repo: Checkout, ledger: Ledger, commit: str) -> list[str]:
    return split_lines(repo.text_at(commit, control.canvas_path(ledger)))


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


def pulled(path: str, held: Holding) -> list[str]:
    """Return a human's text with every keep that it lacks; raises Refused where one would come only in part. Pure."""
    if held.torn:
        raise _both_changed(path, names(held.torn))
    return list(held.whole)


def restored(folder: Path, ledger: Ledger, kept: Kept, text: Sequence[str], to: int) -> list[str]:
    """Return the text of an experiment with the human's own edits; what they reverted comes back. Raises Refused."""
    path = control.canvas_path(ledger)
    theirs = Checkout(folder).text_at(find(ledger, to).commit, path)
    try:
        return split_lines(merge("".join(holding(kept, (), text).base), "".join(text), theirs))
    except MergeConflict as error:
        raise _both_changed(path, f"#{to}") from error


def _both_changed(path: str, name: str) -> Refused:
    return Refused(
        f"{path}: your own edits and {name} changed the same lines; nothing was changed. "
        "Measure your edit, or undo it and pull again"
    )


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
        commit = find(ledger, experiments[-1]).commit
        try:
            without = take_out(_lines_at(Checkout(folder), ledger, commit), shown, taken, seen.lines)
        except Refused:  # no keep had all of them together: those that the incumbent has
            commit, without = kept.commits[-1], take_out(kept.line.lines, shown, taken, seen.lines, some=True)
    told = [find(ledger, number).hypothesis for number in experiments[-NAMED:]]
    about = "; ".join(plain(hypothesis, 120 // len(told)) for hypothesis in told)
    why = f"Without {names(experiments)}: {about}"
    return control.propose(folder, "".join(without), why, commit, removes, ledger.campaign)


def propose_text(folder: Path, ledger: Ledger, kept: Kept, held: Holding, hypothesis: str) -> control.Answer:
    """File what a human changed, on top of the incumbent: the keeps that their text lacks are none of their changes.

    Raises Refused for a text that has no change of theirs: adopting it would undo those keeps.
    """
    if held.whole == kept.line.lines:
        raise Refused(nothing_own(ledger, held.missing))
    answer = control.propose(folder, "".join(held.whole), hypothesis, kept.commits[-1], campaign=ledger.campaign)
    more = f"; measured with {names(held.missing)}, which this text lacks" if held.missing else ""
    return replace(answer, message=answer.message + more)


def nothing_own(ledger: Ledger, missing: Sequence[int], equal: int | None = None) -> str:
    """Return why a text with no change of the human's is not measured, what it would undo, and how to mean it. Pure."""
    if not missing:
        return "this text is the incumbent; there is nothing to measure"
    text = "this text has no change of yours" if equal is None else f"this text is that of #{equal}"
    deltas = [find(ledger, number).delta for number in missing]
    gain = "" if None in deltas else f" ({signed_number(sum(delta or 0.0 for delta in deltas))} together)"
    return (
        f"{text}; adopting it would undo {counted(len(missing), 'kept patch')}, {names(missing)}{gain}. "
        "If you mean that: autoresearch propose --as-is FILE"
    )


def propose_file(
    folder: Path, text: str, hypothesis: str, campaign: str | None = None, as_is: bool = False
) -> control.Answer:
    """File a version of the canvas: what its human changed in it, or with `as_is` the text itself. Raises Refused."""
    ledger, repo = control.load(folder, campaign), Checkout(folder)
    kept = read_kept(repo, ledger, None)
    if kept is None or as_is:
        return control.propose(folder, text, hypothesis, campaign=ledger.campaign)
    lines = converted(split_lines(text), kept.line.lines)
    held = holding(kept, read_removals(repo, ledger), lines)
    earlier = repo.texts(kept.commits, control.canvas_path(ledger))
    equal = [place for place, one in enumerate(earlier) if converted(split_lines(one), kept.line.lines) == lines]
    if equal:
        after = [step.experiment for step in kept.line.steps[equal[-1] :]]
        raise Refused(nothing_own(ledger, after, kept_line(ledger)[equal[-1]].number))
    return propose_text(folder, ledger, kept, held, hypothesis)


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
        before, after = _lines_at(repo, ledger, revert.parent), split_lines(_text_without(repo, ledger, revert))
        found.append((revert, [invert(hunk) for hunk in hunks(before, after)]))
    return found


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
        answer = control.withdraw(folder, removes, campaign, intent)
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


def find(ledger: Ledger, number: int) -> Experiment:
    """Return an experiment by its number; raises Refused."""
    if number not in ledger.experiments:
        last = max(ledger.experiments, default=None)
        span = "there is none yet" if last is None else f"there are #0 to #{last}"
        raise Refused(f"no experiment #{number} in campaign {ledger.campaign}; {span}")
    return ledger.experiments[number]


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
    parts = lineage.parts_of(kept.line, text)
    groups: dict[int, list[Hunk]] = {}
    wrote: dict[int, set[int]] = {}
    for hunk in hunks(was, text, lineage.authors(parts)):
        experiments = lineage.experiments_of(
            kept.line, hunk.old, hunk.new, parts[hunk.start : hunk.start + len(hunk.new)]
        )
        if not experiments:
            raise Refused(f"{path}, line {hunk.start + 1}: is not in HEAD and no experiment wrote it; commit it first")
        groups.setdefault(experiments[-1], []).append(hunk)
        wrote.setdefault(experiments[-1], set()).update(experiments)
    if not groups:
        raise Refused(f"{path}: everything accepted is committed already")
    versions: list[tuple[str, str]] = []
    taken: list[Hunk] = []
    order = [lineage.in_order(kept.line, wrote[number]) for number in lineage.in_order(kept.line, groups)]
    for experiments in order:
        taken.extend(groups[experiments[-1]])
        message = commit_message(ledger, [find(ledger, number) for number in experiments])
        versions.append(("".join(advance_all(was, taken)), message))
    return list(zip(order, repo.commit_on_branch(branch, head, path, versions), strict=True))


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
