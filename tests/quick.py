"""The plugin of `make quick`, `pytest -p tests.quick`: leaves out what starts a daemon, server, sandbox or training.

It goes by what a file imports and marks, so that a new file needs no entry anywhere.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
APART = {TESTS / name for name in ("attacks", "canvas", "editors", "nights", "ruler", "test_bench.py")}
# Who starts something, by its import or its mark.
STARTS = re.compile(
    r"^from tests import .*\bstub\b|^from tests\.(stub|server\.editor|server\.small|fake_llm|loop\.runs\.\w+) import"
    r"|mark\.bubblewrap",
    re.M,
)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a folder or a file; None leaves the choice to others."""
    conftest = collection_path / "conftest.py"
    return True if collection_path in APART or _starts(collection_path) or _starts(conftest) else None


def _starts(path: Path) -> bool:
    return path.suffix == ".py" and path.is_file() and bool(STARTS.search(path.read_text(encoding="utf-8")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that this was not all."""
    terminalreporter.write_line("quick: without daemons, servers, sandboxes and trainings; 'make test' has them")
