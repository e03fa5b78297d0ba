"""Every bench runs in a tiny size and prints its table. No time is asserted here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import names
from bench.table import Row, Table, percentile, show

ROOT = Path(__file__).resolve().parents[1]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("name", names())
def test_a_bench_prints_its_table(name: str) -> None:
    done = bench("--quick", name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{name}: ") and "measured" in done.stdout
    assert "MISSED" not in done.stdout


def test_an_unknown_bench_is_refused_with_the_names_there_are() -> None:
    done = bench("engines")
    assert done.returncode == 2
    assert "no bench engines; there are: " in done.stderr and "engine" in done.stderr


def test_the_goal_stands_beside_the_measurement() -> None:
    rows = [Row("median", "90 ms", "<= 100 ms", True), Row("p99", "400 ms", "<= 300 ms", False), Row("part", "3 ms")]
    lines = show(Table("engine", "Counted: all.", rows), 0.0, "load 1.0").splitlines()
    assert [line.split()[-1] for line in lines[2:5]] == ["met", "MISSED", "ms"]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.0, 1), (1.0, 100)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected
