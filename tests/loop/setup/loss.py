"""Journals that are lost or damaged, for tests of what is restored."""

from __future__ import annotations

from pathlib import Path

from loop.record import backup
from loop.record.journal import Journal
from loop.record.ledger import Ledger
from tests.campaigns import Campaign

CANVAS = "LR = 0.04\nBATCH = 8192\nDEPTH = 4\n"
PAGE = 4096


def follow(night: Campaign) -> None:
    """Let the branch follow the incumbent, as the engine does."""
    incumbent = night.ledger.incumbent_experiment
    assert incumbent is not None
    branch = night.repo.branch(night.name)
    night.repo.move_ref(branch, incumbent.commit, night.repo.ref(branch))


def back_up(night: Campaign) -> None:
    assert backup.back_up(night.home) is not None


def lose(night: Campaign) -> None:
    night.journal.close()
    night.home.journal.unlink()


def after(night: Campaign) -> Ledger:
    with Journal(night.home.journal) as journal:
        return Ledger(night.name).feed(journal.read(campaign=night.name))


def break_page(night: Campaign, words: bytes) -> None:
    """Overwrite the page that holds these words, which must be no other."""
    night.journal.close()
    content = night.home.journal.read_bytes()
    at = content.index(words) // PAGE * PAGE
    night.home.journal.write_bytes(content[:at] + b"\xa5" * PAGE + content[at + PAGE :])


def log_of(night: Campaign, number: int, attempt: int, text: str) -> Path:
    place = night.home.run(night.name, number, attempt)
    place.mkdir(parents=True)
    (place / "run.log").write_text(text)
    return place
