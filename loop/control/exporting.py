"""The exports of a campaign: written here, or by a process of their own for who must stay light."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from loop.control import control
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from loop.record.types import Refused


@dataclass(frozen=True)
class Written:
    """Where the exports are, and the campaign in a few lines."""

    table: Path
    picture: Path
    page: Path
    summary: str

    @property
    def message(self) -> str:
        """What to tell a human."""
        return f"wrote {', '.join(path.name for path in (self.table, self.picture, self.page))}\n{self.summary}"


def write(folder: Path, campaign: str | None = None) -> Written:
    """Write results.tsv, progress.png and report.html into a campaign's folder; raises Refused."""
    from loop.git.repo import Repo
    from loop.views import report

    ledger = control.load(folder, campaign)
    exports = report.exports(folder.resolve(), ledger.campaign, _commits(folder))
    Repo(folder).exclude(exports.names)
    summary = report.write(ledger, exports, lambda e: control.diff(folder, ledger, e.parent, e.commit))
    return Written(exports.table, exports.picture, exports.page, summary)


def write_apart(folder: Path, campaign: str | None = None) -> Written:
    """Write them in a process of its own, whose matplotlib the caller does not load; raises Refused."""
    command = [sys.executable, "-P", "-m", "loop", "-C", str(folder), "report", "--json"]
    command += ["--campaign", campaign] if campaign else []
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise Refused(done.stderr.strip().removeprefix("autoresearch: ") or "the report could not be written")
    told = json.loads(done.stdout)
    return Written(Path(told["table"]), Path(told["picture"]), Path(told["page"]), told["summary"])


def _commits(folder: Path) -> set[str]:
    """Return the commits of all experiments of the repository, by which a table of ours is recognised."""
    with Journal(find_home(folder).journal) as journal:
        ledgers = {name: Ledger(name) for name in journal.campaigns()}
        for entry in journal.read():
            ledgers[entry.campaign].feed([entry])
    return {e.commit for ledger in ledgers.values() for e in ledger.experiments.values()}
