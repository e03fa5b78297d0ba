"""What the server may import, what it may load, and that its one table is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from server import app
from server.features import commands, reverting, review, showing
from tests.server.editor import ROOT

ALLOWED = {"server", "pygls", "lsprotocol", "watchdog", "loop", *sys.stdlib_module_names}
FORBIDDEN = {"sqlite3", "subprocess", "torch", "litellm", "matplotlib", "git", "yaml"}
# The chapters of the engine that are light, and what else facts and commands need, in a thread of their own.
CHAPTERS = {"record", "text", "settings", "review", "control", "views"}
ALONE = {
    "loop.trust.preflight", "loop.trust.findings", "loop.setup.campaigns", "loop.proposers.providers",
    "loop.runs.progress",
}  # fmt: skip
SOURCES = sorted((ROOT / "server").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            ours = node.module.split(".")[0] == "loop"
            names |= {f"{node.module}.{a.name}" for a in node.names} if ours else {node.module}
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_of_the_server_imports_nothing_heavy(path: Path) -> None:
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] in ALLOWED - FORBIDDEN, name
        assert parts[0] != "loop" or parts[1] in CHAPTERS or ".".join(parts[:3]) in ALONE, name


def test_before_initialize_is_answered_nothing_of_ours_but_the_wire_is_loaded() -> None:
    program = "import sys, server.app; server.app.Server(); print(*sorted(m for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    loaded = set(done.stdout.split())
    assert {m for m in loaded if m.startswith(("loop", "server"))} == {"server", "server.app", "server.wire"}
    assert not loaded & FORBIDDEN - {"subprocess"}, "asyncio itself loads subprocess"


def test_every_row_of_the_table_names_a_function() -> None:
    for row in (*app.DOCUMENT.values(), *app.SESSION.values()):
        module, _, name = row.partition(".")
        assert callable(getattr(import_module(f"server.features.{module}"), name)), row


def test_every_command_is_announced_and_exists() -> None:
    assert {f"autoresearch.{name}" for name in app.COMMANDS} == {
        *commands.COMMANDS,
        *showing.COMMANDS,
        *review.COMMANDS,
        *reverting.COMMANDS,
    }
