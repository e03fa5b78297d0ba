"""What the rooms may import: the "never" column of ARCHITECTURE.md, read from every import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROOMS = sorted((TOP / "loop").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, at any depth of it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_there_are_rooms_to_check() -> None:
    assert {"engine.py", "journal.py", "repo.py"} <= {p.name for p in ROOMS}


@pytest.mark.parametrize("room", ROOMS, ids=lambda p: p.name)
def test_the_engine_knows_no_editor_and_imports_no_campaign(room: Path) -> None:
    forbidden = {"server", "lsprotocol", "pygls", "torch", "numpy", "tiktoken", "train", "prepare", "tests"}
    assert not packages(room) & forbidden


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("sqlite3", {"journal.py", "backup.py"}),
        ("git", {"repo.py"}),
        ("litellm", {"llm.py"}),
        ("matplotlib", {"report.py"}),
        ("rich", {"watch.py", "view.py"}),
    ],
)
def test_a_heavy_or_dangerous_library_has_one_home(package: str, allowed: set[str]) -> None:
    users = {room.name for room in ROOMS if package in packages(room)}
    assert users <= allowed


@pytest.mark.parametrize("name", ["prepare.py", "train.py"])
def test_the_ruler_and_the_canvas_import_nothing_of_ours(name: str) -> None:
    assert not packages(TOP / name) & {"loop", "server", "tests"}


def test_whoever_asks_never_loads_the_engine_or_anything_heavy() -> None:
    code = (
        "import sys, loop.cli, loop.control\n"
        "heavy = {'torch', 'litellm', 'git', 'matplotlib', 'rich', 'jinja2', 'asyncio', 'loop.engine'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
