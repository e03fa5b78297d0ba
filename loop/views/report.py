"""The exports of a campaign: results.tsv, progress.png, report.html. Never read back."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Refused
from loop.views.findings import MAKER, findings
from loop.views.page import page
from loop.views.plot import plot
from loop.views.tables import HEADER, tsv


@dataclass(frozen=True)
class Exports:
    """Where results.tsv, progress.png and report.html of a campaign are."""

    table: Path
    picture: Path
    page: Path

    @property
    def names(self) -> list[str]:
        return [path.name for path in (self.table, self.picture, self.page)]


def write(ledger: Ledger, exports: Exports, diff: Callable[[Experiment], str]) -> str:
    """Write all exports and return the campaign in a few lines; raises Refused. `diff` gives a patch's text."""
    found = findings(ledger)
    _replace(exports.table, tsv(ledger).encode("utf-8", "replace"))
    _replace(exports.picture, plot(found))
    _replace(exports.page, page(ledger, found, diff).encode("utf-8", "replace"))
    return found.summary


def exports(folder: Path, campaign: str, commits: Collection[str]) -> Exports:
    """Return where results.tsv, progress.png and report.html may be written: a file of the user's own is left alone.

    `commits` are those of every campaign here. A user of the original tool has a results.tsv and a
    progress.png of earlier nights: ours are then called results-<campaign>.tsv and progress-<campaign>.png; so is a
    report.html of somebody else's left alone.
    """
    table, picture, page = folder / "results.tsv", folder / "progress.png", folder / "report.html"
    if table.exists() and not _is_ours(table, commits):
        table = folder / f"results-{campaign}.tsv"
    if picture.exists() and MAKER.encode() not in picture.read_bytes()[:4096]:
        picture = folder / f"progress-{campaign}.png"
    if page.exists() and MAKER.encode() not in page.read_bytes()[:4096]:
        page = folder / f"report-{campaign}.html"
    return Exports(table, picture, page)


def _is_ours(table: Path, commits: Collection[str]) -> bool:
    """Return whether every row of a results.tsv is of a campaign of ours; an empty table is nobody's loss."""
    lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    known = {commit[:7] for commit in commits}
    return not lines or (lines[0] == HEADER and all(line.partition("\t")[0] in known for line in lines[1:]))


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: who reads it meanwhile sees the old one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)
    except OSError as error:
        step = "a report needs room there and the right to write"
        raise Refused(f"{path.name}: cannot be written ({error.strerror}); {step}") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
