"""Make each mistake in a copy of the tree and run the tests that mirror it. The working tree is never touched."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutants.mutant import Mutant

TOP = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "build", "dist", "site")
OPTIONS = ("-x", "-q", "-rf", "--tb=no", "-p", "no:xdist", "-p", "no:cacheprovider")
LONGEST = 10  # times what the tests take of the unchanged tree: a mutant that loops for ever is noticed too
AT_LEAST_S = 120.0


class Fate(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"


class Unusable(Exception):
    """The tests say nothing about a mutant: they fail without it, or cannot even be collected with it."""


@dataclass(frozen=True)
class Result:
    """What came of a mutant, and by which test it was noticed."""

    mutant: Mutant
    fate: Fate
    by: str = ""


def probe(mutants: Sequence[Mutant], top: Path = TOP) -> Iterator[Result]:
    """Yield what comes of each mutant; raises Stale for one that does not fit, and Unusable."""
    limits: dict[str, float] = {}
    for mutant in mutants:
        if mutant.chapter not in limits:
            limits[mutant.chapter] = _limit(mutant, top)
        with _copy(top) as root:
            mutant.apply(root)
            yield _result(mutant, root, limits[mutant.chapter])


def _limit(mutant: Mutant, top: Path) -> float:
    """Return how many seconds a chapter's tests may take; raises Unusable where they fail on the unchanged tree."""
    with _copy(top) as root:
        began = time.monotonic()
        code, said = _run(root, mutant.tests(root)[-1:], None)
        if code != 0:
            raise Unusable(f"the tests of loop/{mutant.chapter} fail without any mutant:\n{said}")
        return max(AT_LEAST_S, LONGEST * (time.monotonic() - began))


def _result(mutant: Mutant, root: Path, limit_s: float) -> Result:
    code, said = _run(root, mutant.tests(root), limit_s)
    match code:
        case None:
            return Result(mutant, Fate.KILLED, f"no end within {limit_s:.0f} s")
        case 0:
            return Result(mutant, Fate.SURVIVED)
        case 1:
            failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
            return Result(mutant, Fate.KILLED, failed[1] if failed else "")
        case _:
            raise Unusable(f"{mutant.path}: {mutant.means!r} ends pytest with {code}:\n{said}")


@contextmanager
def _copy(top: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        yield Path(shutil.copytree(top, Path(scratch) / "tree", ignore=LEFT_OUT))


def _run(root: Path, tests: Sequence[str], limit_s: float | None) -> tuple[int | None, str]:
    """Return pytest's exit code, None where it was ended at the limit, and what it printed."""
    # An editable install leads to the working tree; the copy must win in every process that a test starts, too.
    alone = {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *OPTIONS, *tests],
        cwd=root,
        env={**os.environ, **alone},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, said
