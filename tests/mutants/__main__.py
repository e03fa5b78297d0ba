"""`python -m tests.mutants [CHAPTER ...]`: make every listed mistake, and say which the mirrored tests notice."""

from __future__ import annotations

import argparse
import sys

from tests.mutants.listed import MUTANTS
from tests.mutants.mutant import Stale
from tests.mutants.probe import Fate, Result, Unusable, probe


def main() -> int:
    """Return 0 where every mutant was killed, 1 where some survived, 2 where the list or the tests are not usable."""
    chapters = sorted({mutant.chapter for mutant in MUTANTS})
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=f"of loop/: {', '.join(chapters)}; default all")
    parser.add_argument("--only", default="", metavar="WORD", help="only mutants with this in their path or meaning")
    options = parser.parse_args()
    if unknown := sorted(set(options.chapters) - set(chapters)):
        parser.error(f"no mutants for {', '.join(unknown)}; there are some for {', '.join(chapters)}")
    chosen = [m for m in MUTANTS if m.chapter in (options.chapters or chapters) and options.only in m.path + m.means]
    results: list[Result] = []
    try:
        for result in probe(chosen):
            print(f"{result.fate:<9} {result.mutant.path}: {result.mutant.means}  {result.by}".rstrip(), flush=True)
            results.append(result)
    except (Stale, Unusable) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{table(results)}")
    return int(any(result.fate is Fate.SURVIVED for result in results))


def table(results: list[Result]) -> str:
    """Return how many mutants of each chapter were killed."""
    lines = [f"{'chapter':<10} {'mutants':>7} {'killed':>7} {'survived':>9}"]
    for chapter in [*sorted({r.mutant.chapter for r in results}), "all"]:
        fates = [r.fate for r in results if chapter in (r.mutant.chapter, "all")]
        killed, survived = fates.count(Fate.KILLED), fates.count(Fate.SURVIVED)
        lines.append(f"{chapter:<10} {len(fates):>7} {killed:>7} {survived:>9}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
