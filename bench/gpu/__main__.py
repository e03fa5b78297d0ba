"""`python -m bench.gpu`: run the GPU check, say how each step ended, and write report.json and a log for each step."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.gpu.goals import GOALS, judge
from bench.gpu.harness import Shell, perform
from bench.gpu.place import CHECKOUT, Place, code, commit
from bench.gpu.report import Report, Result, Status, results_of
from bench.gpu.steps import DRY, ON_GPU, STEPS, Check

MARGIN_S = 15.0  # of the minutes: for ending what still runs


def main(arguments: list[str] | None = None) -> int:
    """Run the check; return 0 if every step passed, 1 if one did not, 2 for a wrong command line."""
    began = time.monotonic()
    options = parse(arguments)
    output: Path = options.output.resolve()
    (output / "work").mkdir(parents=True, exist_ok=True)
    place = Place(output, dry=options.dry or not has_gpu())
    place.make(options.vendor)
    steps = [step for step in STEPS if not options.steps or step.name in options.steps]
    missing = place.lacks(frozenset(module for step in steps for module in step.needs))
    announce(place, options.dry, missing)

    path, version = output / "report.json", code()
    results = results_of(path, place.dry, version) if options.steps else {}
    check = Check(place, DRY if place.dry else ON_GPU, results)
    environment = place.environment()

    def shell(name: str, until: float) -> Shell:
        log = output / f"{name}.log"
        log.unlink(missing_ok=True)
        return Shell(log, until, environment, CHECKOUT)

    def so_far() -> Report:
        ordered = {step.name: results[step.name] for step in STEPS if step.name in results}
        goals = tuple(judge(goal, ordered, place.dry) for goal in GOALS)
        planned = tuple(step.name for step in steps)
        return Report(place.dry, version, commit(), planned, ordered, goals, time.monotonic() - began)

    for result in perform(steps, check, shell, began + 60 * options.minutes - MARGIN_S, missing):
        results[result.name] = result
        print(line(result), flush=True)
        so_far().write(path)  # after each step: a machine that is taken away leaves what was measured
    whole = so_far()
    print(verdict(whole, path))
    return 0 if whole.passed else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description="Check on a GPU what only a GPU can show.")
    names = [step.name for step in STEPS]
    parser.add_argument("--output", type=Path, default=Path("build/gpu"), help="folder for report.json and the logs")
    parser.add_argument("--dry", action="store_true", help="on the CPU, at tiny sizes; so it is where there is no GPU")
    parser.add_argument("--vendor", type=Path, help="folder with packages that this Python lacks; see docs/gpu.md")
    parser.add_argument("--minutes", type=float, default=8.0, help="end within so many minutes; 8 by default")
    parser.add_argument("--steps", nargs="+", choices=names, metavar="STEP", help=f"only these of {', '.join(names)}")
    options = parser.parse_args(arguments)
    if options.vendor and not options.vendor.is_dir():
        parser.error(f"--vendor: {options.vendor} is not a folder; docs/gpu.md says how to make one")
    return options


def has_gpu() -> bool:
    """Return whether torch finds a GPU; asked in a process of its own, which leaves none of its memory taken."""
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def announce(place: Place, asked: bool, missing: frozenset[str]) -> None:
    dry = f"{'' if asked else 'torch finds no GPU of NVIDIA or AMD: '}a dry run on the CPU, which measures nothing"
    print(f"GPU check: {dry if place.dry else 'on the GPU'}", flush=True)
    if missing:
        print(
            f"this Python ({sys.executable}) lacks {', '.join(sorted(missing))}: the steps that need them fail; "
            "docs/gpu.md says how to bring them in a folder for --vendor"
        )


def line(result: Result) -> str:
    shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in result.figures.items()}
    figures = ", ".join(f"{name} {value}" for name, value in shown.items())
    rest = " · ".join(filter(None, (result.detail, figures)))
    return f"{result.name:9} {result.status:9} {result.seconds:6.1f} s  {rest}"


def verdict(whole: Report, path: Path) -> str:
    """Return a line for each goal, then whether every step passed."""
    goals = [
        f"{goal.verdict:12}  {goal.name}: {goal.why or f'{goal.measured:g}'} (goal {goal.goal})" for goal in whole.goals
    ]
    bad = [result.name for result in whole.results.values() if result.status is not Status.PASSED]
    end = f"not passed: {', '.join(bad)}" if bad else f"all {len(whole.results)} steps passed"
    return "\n".join(["", *goals, "", f"GPU check: {end} in {whole.seconds:.0f} s; {path}"])


if __name__ == "__main__":
    # Commands have sessions of their own: who is told to end must end them first, as an exception does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
