"""`python -m bench`: run the benches that are named, or all, and print their tables."""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from bench.stubs import scratch
from bench.table import load, show

FIRST = ("engine", "duty", "loader", "score", "idle")


def names() -> list[str]:
    """Return the modules of this folder that are benches: they say `def run(`."""
    folder = Path(__file__).parent
    found = [m.name for m in pkgutil.iter_modules([str(folder)]) if m.name != "__main__" and not m.ispkg]
    benches = [name for name in found if "\ndef run(" in (folder / f"{name}.py").read_text(encoding="utf-8")]
    return sorted(benches, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what is promised of speed.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of: {', '.join(names())}")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: shows that every bench works, measures nothing"
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(names())):
        parser.error(f"no bench {', '.join(unknown)}; there are: {', '.join(names())}")
    with ExitStack() as stack:
        if options.quick:  # what is prepared from a tiny corpus stays out of the user's cache
            os.environ["AUTORESEARCH_CACHE"] = str(stack.enter_context(scratch()))
        for name in options.names or names():
            before, began = load(), time.monotonic()
            print(show(import_module(f"bench.{name}").run(options.quick), began, before), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
