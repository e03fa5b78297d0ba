"""Texts of a small campaign, and how a test reads it and cuts a text against what was accepted."""

from __future__ import annotations

from loop.review import pulling
from loop.review.kept import read_kept, read_reviewed
from loop.review.reverts import read_removals
from loop.text.diff import split_lines
from loop.text.holding import Holding, holding
from loop.text.hunks import Hunk, hunks
from loop.text.lineage import Kept, Removal, Reviewed, authors, parts_of
from tests.campaigns import Campaign

BASE = "import os\nLR = 0.1\nWD = 0.2\n\n\ndef main():\n    print('val_bpb: 1.0')\n\n\nmain()\n"
THIRD = BASE.replace("LR = 0.1", "LR = 0.3")
FOURTH = THIRD.replace("    print", "    clip = 1.0\n    print")
HALVED, AGAIN = FOURTH.replace("0.3", "0.15"), FOURTH.replace("0.3", "0.075")


def read(campaign: Campaign) -> tuple[Kept, Reviewed]:
    kept = read_kept(campaign.repo, campaign.ledger, None)
    seen = read_reviewed(campaign.repo, campaign.ledger)
    assert kept is not None and seen is not None
    return kept, seen


def held(campaign: Campaign, text: list[str], removals: tuple[Removal, ...] | None = None) -> Holding:
    known = read_removals(campaign.repo, campaign.ledger) if removals is None else removals
    return holding(read(campaign)[0], known, text)


def pulled(campaign: Campaign, text: list[str]) -> list[str]:
    return pulling.pulled("train.py", held(campaign, text))


def cut(campaign: Campaign, text: str) -> list[Hunk]:
    kept, seen = read(campaign)
    lines = split_lines(text)
    return hunks(seen.lines, lines, authors(parts_of(kept.line, lines)))
