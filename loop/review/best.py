"""The best canvas without git: read it, write it over the one on disk, make an experiment's text the incumbent again.

Writes the one file that its caller names, on an explicit command, and never over a text that nothing else holds.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from loop.control import control, queueing
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Refused, RepoError
from loop.review.checkout import Checkout
from loop.text.diff import converted, split_lines
from loop.text.numbers import number
from loop.views.standing import tip_text


def read_best(folder: Path, ledger: Ledger, wanted: int | None = None) -> tuple[Experiment, str, str]:
    """Return the best experiment, or the one that is wanted, its canvas, and the words that name it."""
    best = ledger.best
    experiment = best if wanted is None else ledger.find(wanted)
    if experiment is None:
        raise Refused(f"campaign {ledger.campaign} has no score yet; name an experiment: 'autoresearch best N'")
    text = control.text(folder, ledger, experiment.commit)
    score = "no score" if experiment.score is None else number(experiment.score)
    if best is None or experiment.number != best.number:
        return experiment, text, f"#{experiment.number} {score}" + (f"; the best is #{best.number}" if best else "")
    tip = tip_text(ledger)
    return experiment, text, f"best #{experiment.number} {score}" + (f"; {tip}" if tip else "")


def write_best(folder: Path, ledger: Ledger, experiment: Experiment, text: str) -> str:
    """Write an experiment's canvas over the one on disk and return its name; refused where that has your own edits."""
    path = folder / control.begun(ledger).canvas
    if path.is_symlink():
        raise Refused(f"{path.name}: a symbolic link; write where it points: 'autoresearch best > FILE'")
    if path.exists() and _only_here(folder, ledger, path):
        raise Refused(
            f"{path.name}: has edits that no experiment holds, and they would be lost; save them under another name, "
            "propose them, or print the best instead: 'autoresearch best > FILE'"
        )
    fresh = path.with_name(f".{path.name}.autoresearch")
    try:
        fresh.write_bytes(text.encode("utf-8"))
        if path.exists():
            fresh.chmod(path.stat().st_mode & 0o777)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return f"{path.name} now has the text of #{experiment.number}"


def _only_here(folder: Path, ledger: Ledger, path: Path) -> bool:
    """Return whether the text on disk is nowhere else: no experiment's, and not the one that HEAD has."""
    repo, inside = Checkout(folder), control.canvas_path(ledger)
    try:
        lines = split_lines(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        return True
    known = list(repo.texts([e.commit for e in ledger.experiments.values()], inside))
    with suppress(RepoError):
        known.append(repo.text_at("HEAD", inside))
    return all(converted(lines, split_lines(text)) != split_lines(text) for text in known)


def return_to(folder: Path, number: int, campaign: str | None = None) -> control.Answer:
    """Queue an experiment's text as the human's own, so that it becomes the incumbent again; raises Refused."""
    ledger = control.load(folder, campaign)
    experiment = ledger.find(number)
    if number == ledger.incumbent:
        raise Refused(f"#{number} is the incumbent already; the branch holds it")
    if experiment.score is None:
        raise Refused(f"#{number} has no score, and what gave none is not returned to")
    text = control.text(folder, ledger, experiment.commit)
    hypothesis = f"return to #{number}: {experiment.hypothesis}"
    return queueing.propose(folder, text, hypothesis, campaign=ledger.campaign, returns=number)
