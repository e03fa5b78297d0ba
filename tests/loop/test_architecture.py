"""ARCHITECTURE.md names every module, and no module that is not there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")


def modules(top: Path) -> set[str]:
    """Return the names of Python files below a folder; tests beside this one make and remove hidden folders there."""
    found: set[str] = set()
    for _, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found |= {name for name in files if name.endswith(".py")}
    return found


@pytest.mark.parametrize("package", ["loop", "server"])
def test_every_module_is_named(package: str) -> None:
    assert sorted(name for name in modules(TOP / package) - {"__init__.py"} if name not in PAGE) == []


def test_no_module_is_named_that_is_not_there() -> None:
    assert sorted(set(re.findall(r"`(?:[a-z]+/)?([a-z_]+\.py)`", PAGE)) - modules(TOP)) == []
