"""A results.tsv of the original tool as history."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.record.types import RepoError
from loop.settings.history import read_results


def forgotten(commit: str) -> str:
    raise RepoError(f"no {commit}")


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\x0c", "\x1e", "\r", '"'], ids=ascii)
def test_only_the_end_of_a_line_ends_a_row(tmp_path: Path, odd: str) -> None:
    lines = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription", f"a1b2c3d\t0.99\t44.0\tkeep\twider{odd}model", ""]
    (tmp_path / "results.tsv").write_bytes("\r\n".join(lines).encode())
    [row] = read_results(tmp_path / "results.tsv", forgotten)
    assert (row.score, row.verdict, row.hypothesis) == (0.99, "keep", f"wider{odd}model")
