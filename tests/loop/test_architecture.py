"""ARCHITECTURE.md names every room, and no room that is not there."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
PAGE = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_every_room_of_the_engine_is_named() -> None:
    rooms = {p.name for p in (TOP / "loop").rglob("*.py") if p.name != "__init__.py"}
    assert sorted(room for room in rooms if room not in PAGE) == []


def test_every_room_of_the_server_is_named() -> None:
    rooms = {p.name for p in (TOP / "server").rglob("*.py") if p.name != "__init__.py"}
    assert sorted(room for room in rooms if room not in PAGE) == []


def test_no_room_is_named_that_is_not_there() -> None:
    there = {p.name for p in TOP.rglob("*.py") if ".venv" not in p.parts}
    assert sorted(set(re.findall(r"`(?:[a-z]+/)?([a-z_]+\.py)`", PAGE)) - there) == []
