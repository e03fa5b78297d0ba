"""What the modules of the server may import, of each other and of the engine; and that the table is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from server import table
from tests.server.editor import ROOT

ALLOWED = {"server", "pygls", "lsprotocol", "watchdog", "loop", *sys.stdlib_module_names}
FORBIDDEN = {"sqlite3", "subprocess", "torch", "litellm", "matplotlib", "git", "yaml"}
# The chapters of the engine that are light, and what else the reader and the commands need, in a thread of their own.
CHAPTERS = {"record", "text", "settings", "review", "control", "views"}
ALONE = {
    "loop.trust.preflight", "loop.trust.findings", "loop.setup.campaigns", "loop.proposers.providers",
    "loop.runs.progress",
}  # fmt: skip
# From the door down: a layer imports itself and those after it.
LAYERS: dict[str, tuple[str, ...]] = {
    "the door": ("app",),
    "what the table names": ("lifecycle", "requests", "commands"),
    "what is sent unasked": ("publish", "news", "progress"),
    "what is asked": ("asked",),
    "the session": ("session", "reverts"),
    "the thread that reads": ("watcher", "events", "reader", "tail"),
    "what is shown": ("features",),
    "what is known": ("target", "reading", "snapshot"),
    "the protocol's rim": ("fitting", "convert", "documents", "wire", "table"),
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "server").rglob("*.py"))
    if path.name != "__init__.py"
}
LOADS = {"server.app": {**table.DOCUMENT, **table.SESSION}, "server.commands.execute": table.COMMANDS}


def imported(path: Path) -> set[str]:
    """Return the full names of what a file imports, at any depth of it and for types alone too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path}: an import is written with its full name"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def arrows() -> dict[str, set[str]]:
    """Return module → modules of the server that it imports, or loads by a row of the table."""
    rows = {name: {f"server.{row.rpartition('.')[0]}" for row in rows.values()} for name, rows in LOADS.items()}
    return {name: (imported(path) | rows.get(name, set())) & MODULES.keys() - {name} for name, path in MODULES.items()}


def layer(module: str) -> int:
    """Return where a module stands, the door first."""
    part = module.split(".")[1]
    (found,) = [place for place, names in enumerate(LAYERS.values()) if part in names]
    return found


def reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    found, left = set[str](), [start]
    while left:
        new = graph[left.pop()] - found
        found |= new
        left += new
    return found


def test_every_module_is_in_one_layer_and_every_layer_has_modules() -> None:
    layers = [layer(module) for module in MODULES]
    assert len(MODULES) > 40 and {*layers} == {*range(len(LAYERS))}
    named = {name for names in LAYERS.values() for name in names}
    assert named == {module.split(".")[1] for module in MODULES}


def test_an_import_is_seen_wherever_it_stands_and_a_row_of_the_table_is_one() -> None:
    graph = arrows()
    assert "server.session" in graph["server.app"], "under TYPE_CHECKING"
    assert "server.reader" in graph["server.watcher"], "inside a function"
    assert "server.features.diagnostics" in graph["server.publish"], "from a package"
    assert {"server.features.lenses", "server.commands.execute"} <= graph["server.app"], "by the table"
    assert "server.commands.pulling" in graph["server.commands.execute"], "by the table"
    loaders = {name for name, path in MODULES.items() if "load" in names_called(path)}
    assert loaders == {*LOADS}, "whoever loads by the table is counted"
    importers = [name for name, path in MODULES.items() if {"import_module", "__import__"} & names_called(path)]
    assert importers == ["server.table"]


def names_called(path: Path) -> set[str]:
    """Return what a file calls by name; a function that imports also as an attribute, `importlib.import_module`."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    imports = {func.attr for func in calls if isinstance(func, ast.Attribute) and "import" in func.attr}
    return imports | {func.id for func in calls if isinstance(func, ast.Name)}


def test_no_module_imports_one_of_a_layer_above() -> None:
    graph = arrows()
    upward = [f"{name} -> {other}" for name in graph for other in graph[name] if layer(other) < layer(name)]
    assert sum(map(len, graph.values())) > 100 and sorted(upward) == []


def test_imports_run_in_no_circle() -> None:
    graph = arrows()
    assert sorted(name for name in graph if name in reached(name, graph)) == []
    assert "a" in reached("a", {"a": {"b"}, "b": {"c"}, "c": {"a"}}), "a circle of three is one"


@pytest.mark.parametrize("path", MODULES.values(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_of_the_server_imports_nothing_heavy(path: Path) -> None:
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] in ALLOWED - FORBIDDEN, name
        chapter = parts[0] != "loop" or len(parts) < 3 or parts[1] in CHAPTERS
        assert chapter or ".".join(parts[:3]) in ALONE, name


def test_before_initialize_is_answered_nothing_of_ours_but_the_wire_is_loaded() -> None:
    program = "import sys, server.app; server.app.Server(); print(*sorted(m for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    loaded = set(done.stdout.split())
    ours = {m for m in loaded if m.startswith(("loop", "server"))}
    assert ours == {"server", "server.app", "server.table", "server.wire"}
    assert not loaded & FORBIDDEN - {"subprocess"}, "asyncio itself loads subprocess"


@pytest.mark.parametrize("row", [*table.DOCUMENT.values(), *table.SESSION.values(), *table.COMMANDS.values()])
def test_every_row_of_the_table_names_a_function(row: str) -> None:
    assert callable(table.load(row))
