"""`python -m tests.chapters`: the coverage that the last tests measured, a line for each chapter."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from coverage import Coverage

TOP = Path(__file__).parents[1]


def chapter(path: Path) -> str:
    """Return the folder of a file below the top: `loop/views`, `server/features`."""
    return path.parent.as_posix()


def table(lines: dict[str, tuple[int, int]]) -> str:
    """Return a line for each chapter, (lines run, lines that could run), the total last."""
    run, all_ = (sum(column) for column in zip(*lines.values(), strict=True))
    rows = [*sorted(lines.items()), ("total", (run, all_))]
    return "\n".join(f"{name:<22} {100 * done / max(1, of):5.1f} %  of {of:>5} lines" for name, (done, of) in rows)


def main() -> None:
    """Print the table, from the data file that the tests left."""
    coverage = Coverage(data_file=str(TOP / "build/coverage"))
    coverage.load()
    lines: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name in coverage.get_data().measured_files():
        _, statements, _, missing, _ = coverage.analysis2(name)
        done, of = lines[chapter(Path(name).relative_to(TOP))]
        lines[chapter(Path(name).relative_to(TOP))] = (done + len(statements) - len(missing), of + len(statements))
    print(table(lines))


if __name__ == "__main__":
    main()
