"""Sizes that a reader can count on: of source files, of the modules of loop/ and server/, and of their functions."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

TOP = Path(__file__).parents[1]
LANGUAGES = {".py", ".ts", ".js", ".mjs", ".lua"}
NOT_OURS = {"node_modules", "__pycache__", "build", "dist", "site"}
FOLDERS = {".ci", "bench", "editors", "loop", "server", "tests"}
MOST_LINES, MOST_IN_THE_MIDDLE = 300, 130
LONG_FUNCTION, MOST_LONG_FUNCTIONS = 40, 5
# One file each, which a campaign's folder has a copy of.
ONE_FILE = {"prepare.py", "train.py", "train_mlx.py"}


def sources(top: Path) -> Iterator[Path]:
    """Yield the source files below a folder; of the hidden folders only .ci is ours."""
    for place, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in NOT_OURS and (name == ".ci" or name[0] != ".")]
        yield from (Path(place, name) for name in files if Path(name).suffix in LANGUAGES)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def long_functions(text: str) -> list[str]:
    """Return the names of the functions with more lines than a function should have."""
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [f.name for f in functions if f.end_lineno is not None and f.end_lineno - f.lineno >= LONG_FUNCTION]


SIZES = {path.relative_to(TOP): lines(path) for path in sources(TOP)}
MODULES = {path: size for path, size in SIZES.items() if path.parts[0] in ("loop", "server")}


def test_every_folder_and_language_is_counted() -> None:
    assert {path.parts[0] for path in SIZES} >= FOLDERS | ONE_FILE
    assert {path.suffix for path in SIZES} == LANGUAGES
    assert len(SIZES) > 500 and len(MODULES) > 200


def test_no_source_file_is_too_long_but_those_that_are_one_file_each() -> None:
    long = {path.as_posix(): size for path, size in SIZES.items() if size > MOST_LINES}
    assert long.keys() == ONE_FILE, {name: size for name, size in long.items() if name not in ONE_FILE}


def test_the_canvas_in_jax_is_as_short_as_the_readme_says() -> None:
    assert 0 < lines(TOP / "examples/jax/train.py") <= 60
    assert "canvas of sixty lines" in (TOP / "README.md").read_text(encoding="utf-8")


def test_the_module_in_the_middle_is_short() -> None:
    assert 0 < median(MODULES.values()) <= MOST_IN_THE_MIDDLE


@pytest.mark.parametrize(("length", "found"), [(LONG_FUNCTION, []), (LONG_FUNCTION + 1, ["f"])])
def test_a_long_function_is_seen_wherever_it_is(length: int, found: list[str]) -> None:
    body = "\n".join(["        pass"] * (length - 1))
    assert long_functions(f"class C:\n    async def f(self):\n{body}\n    def g(self): ...\n") == found


def test_hardly_any_function_is_long() -> None:
    python = [path for path in MODULES if path.suffix == ".py"]
    long = [f"{path}: {name}" for path in python for name in long_functions((TOP / path).read_text(encoding="utf-8"))]
    assert python and len(long) <= MOST_LONG_FUNCTIONS, long
