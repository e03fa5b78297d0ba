"""Build the model of a canvas and take two steps on a tiny batch, in a process of its own, before a run is spent.

For canvases with our contract (prepare.py, build_model, main). It runs on the CPU with stand-ins for prepare's data,
clock and submit, so it needs no data, writes no checkpoint and leaves the accelerator to the run that trains.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from loop.record.types import Failure, FailureKind
from loop.runs.failure import bound_passed, clean, failure_in
from loop.runs.leash import Child, supervise
from loop.runs.progress import LOG, read_tail
from loop.settings.devices import CUDA
from loop.trust.limits import machine

LIMIT_S = 120.0
# What fails for want of an accelerator, which a rehearsal has not.
FOREIGN = re.compile("|".join((*CUDA.words, "not implemented for", "out of memory")), re.I)

PROGRAM = Path(__file__).with_name("two_steps.py").read_text(encoding="utf-8")


async def dry_run(
    *,
    folder: Path,
    scratch: Path,
    canvas: str,
    python: str,
    environment: Mapping[str, str],
    wrap: tuple[str, ...] = (),
    limit_s: float = LIMIT_S,
) -> Failure | None:
    """Return why a run of the canvas in `folder` would fail, None where it seems to run or nothing can be told.

    `folder` holds the campaign's files as a run has them, `scratch` takes the log, `environment` and `wrap` are what a
    run is given. A rehearsal that takes longer than `limit_s`, fills the disk, or fails by something that only an
    accelerator has, tells nothing. Like a run it is supervised: nothing that it started outlives it, or us.
    """
    child = Child(
        argv=(*wrap, python, "-c", PROGRAM, canvas),
        folder=folder,
        environment=environment,
        log=scratch / LOG,
        limit_s=limit_s,
        watch=(folder, scratch),
        reply=True,
    )
    supervised = await supervise(child)
    supervised.send("go")
    try:
        ending = await supervised.ended()
    finally:
        await supervised.stop()
    if bound := bound_passed(ending.why, machine()):
        return bound
    if ending.why or ending.exit_code is None:
        return None
    return read(ending.reply, read_tail(scratch / LOG, 1 << 18), ending.exit_code, folder, canvas)


def read(verdict: str, output: str, code: int, folder: Path, canvas: str) -> Failure | None:
    """Return what a rehearsal tells: its verdict, else what was printed, which is the canvas's own words. Pure."""
    if lines := verdict.split("\n")[:-1]:
        try:
            finding = json.loads(lines[-1])
            return Failure(FailureKind(finding[0]), clean(str(finding[1]), folder)[:400]) if finding else None
        except (ValueError, LookupError, TypeError):
            return None
    if code == 0:
        return Failure(FailureKind.NO_CHECKPOINT, f"{canvas} ends the process when it is imported or run")
    failure = failure_in(clean(output, folder), canvas)
    # Only a line of the canvas is the patch's fault; a lack of something that a CPU has not is nobody's.
    if not failure.line or FOREIGN.search(failure.message):
        return failure if failure.kind in (FailureKind.SYNTAX, FailureKind.IMPORT) and failure.line else None
    return failure
