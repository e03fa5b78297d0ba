"""What the modules may import: the "never" column of ARCHITECTURE.md, read from every import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((TOP / "loop").rglob("*.py"))
}
# From the door down: a chapter imports itself and those after it.
CHAPTERS = (
    "cli", "engine", "review", "control", "views", "setup", "proposers", "runs", "trust", "settings", "git", "text",
    "record", "system",
)  # fmt: skip


def imported(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, at any depth of it, by importlib too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path}: an import is written with its full name"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            names |= {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return names


IMPORTS = {name: {other for other in imported(path) if other != name} for name, path in MODULES.items()}


def chapter(module: str) -> str:
    """Return the chapter of a module of loop/, "" for what stands before the first one."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in CHAPTERS else ""


def arrows() -> Counter[tuple[str, str]]:
    """Return how many pairs of modules there are in which one of a chapter imports one of another, or of its own."""
    return Counter(
        (chapter(module), chapter(other))
        for module in MODULES
        for other in IMPORTS[module] & MODULES.keys()
        if chapter(module) and chapter(other)
    )


def drawn(counts: Counter[tuple[str, str]]) -> str:
    """Return the table of arrows: a chapter in each row imports those of the columns.

    Left of the diagonal, where an arrow would point up, a cell is blank where there is none.
    """
    rows = [" " * 10 + "".join(f"{name[:4]:>5}" for name in CHAPTERS)]
    for y, name in enumerate(CHAPTERS):
        cells = (counts[name, other] or ("" if x < y else ".") for x, other in enumerate(CHAPTERS))
        rows.append(f"{name:<10}" + "".join(f"{cell:>5}" for cell in cells))
    return "\n".join(rows)


def upward(counts: Counter[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(name, other) for name, other in counts if CHAPTERS.index(other) < CHAPTERS.index(name)}


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_every_folder_is_a_chapter_and_every_chapter_has_modules() -> None:
    folders = {path.name for path in (TOP / "loop").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(CHAPTERS)
    for name in CHAPTERS:
        assert sum(chapter(module) == name for module in MODULES) > 2, name
    assert {module for module in MODULES if not chapter(module)} == {"loop", "loop.__main__"}


def test_an_import_in_any_form_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("def f():\n    import a.b\n    from c import d\nimportlib.import_module('e.f')\n__import__('g')\n")
    assert imported(file) == {"a.b", "c", "c.d", "e.f", "g"}


def test_no_arrow_in_the_table_of_imports_points_up() -> None:
    """`pytest -s` shows the table."""
    counts = arrows()
    print(f"\nimports from chapters (rows) of chapters (columns), by pairs of modules:\n{drawn(counts)}")
    assert upward(counts) == set()
    assert all(sum(counts[name, other] for other in CHAPTERS) for name in CHAPTERS), "each row has arrows"


def test_an_arrow_that_points_up_is_seen_in_the_table() -> None:
    counts = arrows() + Counter({("text", "engine"): 7})
    assert upward(counts) == {("text", "engine")}
    before, after = drawn(arrows()).splitlines(), drawn(counts).splitlines()
    (change,) = [(a.split(), b.split()) for a, b in zip(before, after, strict=True) if a != b]
    assert change[1] == ["text", "7", *change[0][1:]]


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_chapter_imports_one_above_it(name: str) -> None:
    below = CHAPTERS[CHAPTERS.index(name) :]
    ours = [module for module in MODULES if chapter(module) == name]
    table = [f"{module} -> {other}" for module in ours for other in IMPORTS[module] & MODULES.keys()
             if other != "loop" and chapter(other) not in below]  # fmt: skip
    assert ours and sorted(table) == []


def test_no_modules_import_each_other_in_a_circle_of_any_length() -> None:
    """What is imported for its types alone counts too. A chapter's own `__init__` may name what is in it."""
    files = {module for module, path in MODULES.items() if path.name != "__init__.py"}
    TopologicalSorter({module: IMPORTS[module] & files for module in files}).prepare()


@pytest.mark.parametrize("room", MODULES.values(), ids=lambda p: str(p.relative_to(TOP)))
def test_the_engine_knows_no_editor_and_imports_no_campaign(room: Path) -> None:
    forbidden = {"server", "lsprotocol", "pygls", "torch", "numpy", "tiktoken", "train", "prepare", "tests"}
    if room.name == "lsp.py":  # it starts that program, by its name
        forbidden.remove("server")
    if room.name == "two_steps.py":  # it is run in the experiments' Python
        forbidden -= {"torch", "numpy", "prepare"}
    assert not packages(room) & forbidden


@pytest.mark.parametrize("program", ["loop.runs.two_steps", "loop.trust.breakout"])
def test_a_program_that_is_run_elsewhere_is_alone(program: str) -> None:
    assert program in MODULES and IMPORTS[program] & MODULES.keys() == set()
    assert [name for name in MODULES if program in IMPORTS[name]] == []


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("sqlite3", {"journal.py", "backup.py", "salvage.py"}),
        ("git", {"plumbing.py"}),
        ("litellm", {"llm.py"}),
        ("matplotlib", {"plot.py"}),
        ("rich", {"watch.py", "view.py"}),
        ("click", {path.name for path in (TOP / "loop" / "cli").glob("*.py")}),
    ],
)
def test_a_heavy_or_dangerous_library_has_one_home(package: str, allowed: set[str]) -> None:
    users = {room.name for room in MODULES.values() if package in packages(room)}
    assert users <= allowed


def test_the_supervisor_imports_the_standard_library_and_a_few_modules_that_import_no_more_of_ours() -> None:
    ours = {name for name in MODULES if name.startswith("loop.runs.supervisor.")}
    system = {"loop.system", *(name for name in MODULES if name.startswith("loop.system."))}
    bare = {"loop.record.clearing", "loop.trust.bounds", *system}
    chapters = {"loop", "loop.record", "loop.runs", "loop.runs.supervisor", "loop.trust"}
    assert len(ours) > 5 and {other for name in ours for other in IMPORTS[name]} & MODULES.keys() <= ours | bare
    for name in ours | bare:
        assert packages(MODULES[name]) <= sys.stdlib_module_names | {"loop"}, name
    assert len(system) > 3 and {name for name in bare | chapters if IMPORTS[name] & MODULES.keys() - system} == set()


@pytest.mark.parametrize("name", ["prepare.py", "train.py"])
def test_the_ruler_and_the_canvas_import_nothing_of_ours(name: str) -> None:
    assert not packages(TOP / name) & {"loop", "server", "tests"}


def test_whoever_asks_never_loads_the_engine_or_anything_heavy() -> None:
    code = (
        "import sys, loop.cli.app, loop.control.control\n"
        "heavy = {'torch', 'litellm', 'git', 'matplotlib', 'rich', 'jinja2', 'asyncio', 'email'}\n"
        "print(sorted((heavy | {'loop.engine.engine'}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
