"""What git and the evidence still tell of a campaign whose journal is lost or too old. Reads; records nothing.

A ref says that an experiment was proposed, its commit what it was and by whom, the branch which were kept. No score is
here: a number in a run's log is repeated as words, for nothing says how that run ended.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from loop.git.repo import Repo
from loop.record.campaign_facts import LOST, CampaignCreated
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Proposed
from loop.record.home import Home
from loop.record.ledger import Ledger
from loop.record.types import Author, AutoResearchError, Cost, Metric, ProgramError, ScoreSource
from loop.runs.progress import LOG, number_printed, read_tail
from loop.runs.ruler import is_ruler
from loop.settings.program import parse
from loop.text.canvas import fingerprint
from loop.text.patch import Patch

ATTEMPT = re.compile(r"refs/autoresearch/([^/]+)/(\d+)")
TRAILER = re.compile(r"^Proposed-by: (.+)$", re.M)
RUN = re.compile(r"run-(\d+)")


@dataclass(frozen=True)
class Traces:
    """One campaign in git: the commit of every experiment, and those of them that its branch holds, in its order."""

    attempts: dict[int, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    def unknown(self, ledger: Ledger, sound: bool = True) -> list[int]:
        """Return the experiments that the journal does not know.

        Of a sound journal one beyond its last is none: a kill between git and the journal leaves it.
        """
        missing = sorted(self.attempts.keys() - ledger.experiments.keys())
        left = [max(ledger.experiments, default=-1) + 1]
        return [] if missing == [0] or (sound and missing == left) else missing


def traces(repo: Repo, campaign: str = "") -> dict[str, Traces]:
    """Return what git holds of every campaign that has attempts, or of one."""
    attempts: dict[str, dict[int, str]] = {}
    for name, commit in repo.refs(f"refs/autoresearch/{campaign}").items():
        if found := ATTEMPT.fullmatch(name):
            attempts.setdefault(found[1], {})[int(found[2])] = commit
    result = {}
    for campaign, commits in attempts.items():
        tip = repo.ref(repo.branch(campaign))
        line = repo.line_of(tip, commits[0]) if tip is not None and 0 in commits else []
        ours = set(commits.values())
        result[campaign] = Traces(dict(sorted(commits.items())), tuple(c for c in reversed(line) if c in ours))
    return result


def offer(repo: Repo) -> str:
    """Return what to do where git holds experiments and no journal knows them, "" where it holds none."""
    names = [name for name, found in traces(repo).items() if any(found.attempts)]
    if not names:
        return ""
    return (
        f"git holds the experiments of {', '.join(names)}, but their journal is gone; "
        "'autoresearch rebuild' restores what the last backup, git and the evidence hold; "
        "'autoresearch start --new' begins another campaign"
    )


def created(repo: Repo, found: Traces) -> CampaignCreated | None:
    """Return what git tells of a campaign's conditions, None where it does not tell its canvas.

    The budget and the comparison key are not in git: such a campaign can be read and not continued.
    """
    baseline = found.attempts.get(0)
    if baseline is None:
        return None
    paths = {p for commit in found.attempts.values() if commit != baseline for p in _own_change(repo, commit)}
    if len(paths) != 1:
        return None
    path = PurePosixPath(paths.pop())
    for folder in path.parents:
        place = "" if folder == PurePosixPath() else folder.as_posix()
        try:
            program = parse(repo.text_at(baseline, "/".join(filter(None, (place, "program.md")))))
        except ProgramError:
            return None
        except AutoResearchError:
            continue
        sealed = _has_ruler(repo, baseline, place)
        return CampaignCreated(
            folder=place,
            canvas=path.relative_to(folder).as_posix(),
            run=program.run,
            budget=LOST,
            metric=program.metric,
            source=ScoreSource.SEALED if sealed else ScoreSource.SELF_REPORTED,
            comparison_key="",
            device="",
            sandbox="",
            baseline=baseline,
        )
    return None


def proposed(repo: Repo, number: int, commit: str, path: str, ledger: Ledger) -> tuple[Proposed, float]:
    """Return an experiment as its commit tells it, and when it was made. What it cost is not known."""
    parent, at, message = repo.described(commit)
    text = repo.text_at(commit, path)
    if number == 0:
        return Proposed(0, commit, "", "the baseline: what was on disk", Author.HUMAN, "human", 0, 0,
                        fingerprint=fingerprint(text), restored=True), at  # fmt: skip
    patch = Patch.between(repo.text_at(parent, path), text)
    by = TRAILER.search(message)
    proposer = by[1].strip() if by else ""
    author = _author(proposer, ledger)
    free = author in (Author.HUMAN, Author.KNOBS)
    return Proposed(
        experiment=number,
        commit=commit,
        parent=parent,
        hypothesis=message.partition("\n")[0],
        author=author,
        proposer=proposer,
        lines_added=patch.lines_added,
        lines_removed=patch.lines_removed,
        fingerprint=patch.fingerprint,
        knobs=patch.knobs,
        cost=Cost() if free else Cost(dollars=None),
        restored=True,
    ), at


def unrecorded_runs(home: Home, campaign: str, experiment: Experiment) -> list[Path]:
    """Return the folders of runs that have printed something and that the journal knows nothing of."""
    recorded = {run.attempt for run in experiment.runs}
    folder = home.experiment(campaign, experiment.number)
    runs = [(int(found[1]), place) for place in folder.glob("run-*") if (found := RUN.fullmatch(place.name))]
    return [place for attempt, place in sorted(runs) if attempt not in recorded and read_tail(place / LOG, 1)]


def printed(runs: list[Path], metric: Metric) -> list[float]:
    """Return the numbers that the logs of these runs end with, under the metric's name."""
    found = (number_printed(read_tail(place / LOG, 1 << 20).replace("\r", "\n"), metric) for place in runs)
    return [number for number in found if number is not None]


def _own_change(repo: Repo, commit: str) -> list[str]:
    parent, _, _ = repo.described(commit)
    return repo.changed(parent, commit) if parent else []


def _has_ruler(repo: Repo, commit: str, folder: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=repo.home.root) as scratch:
        copy = Path(scratch) / "prepare.py"
        try:
            copy.write_text(repo.text_at(commit, "/".join(filter(None, (folder, "prepare.py")))), encoding="utf-8")
        except AutoResearchError:
            return False
        return is_ruler(copy)


def _author(proposer: str, ledger: Ledger) -> Author:
    """Return who a proposer's name means: as in the entries that are left, else by its form."""
    if proposer in (Author.HUMAN, Author.KNOBS):
        return Author(proposer)
    known = (e.author for e in ledger.experiments.values() if e.proposer == proposer)
    return next(known, Author.COMMAND if " " in proposer or "/" not in proposer else Author.MODEL)
