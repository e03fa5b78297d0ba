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
from loop.trust.limits import machine

LIMIT_S = 120.0
FOREIGN = re.compile(r"cuda|triton|nvcc|hip\b|flash|inductor|not implemented for|out of memory", re.I)  # of a CPU

SCRIPT = r"""
import importlib.util, itertools, json, os, sys
canvas = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.dirname(canvas))
VERDICT = os.dup(1)  # a channel of its own: what the canvas prints goes into the log
os.dup2(2, 1)
def tell(finding):
    os.write(VERDICT, (json.dumps(finding) + "\n").encode())
for name in ("AUTORESEARCH_GATE_FD", "AUTORESEARCH_RUN"):
    os.environ.pop(name, None)
import prepare, torch
profile, cpu, submitted = prepare.PROFILE, torch.device("cpu"), []
torch.set_num_threads(max(1, min(2, profile.threads)))
context = min(profile.context, 256)
def fail(kind, message):
    tell([kind, message])
    os._exit(3)
def some(seed):
    return torch.randint(0, profile.vocab, (2, context + 1), generator=torch.Generator().manual_seed(seed))
class Budget:
    def __init__(self):
        self.steps = self.tokens = self.flop = 0
        self.seconds = 0.0
    @property
    def share(self):
        return min(1.0, self.steps / 2)
    def remains(self):
        return self.steps < 2
    def spend(self, *, tokens, loss):
        self.steps, self.tokens = self.steps + 1, self.tokens + tokens
        if not float("-inf") < float(loss) < float("inf"):
            fail("nan", f"the training loss is {loss} at step {self.steps}")
def batches(rows, **_):
    return ((block[:rows, :-1], block[:rows, 1:]) for block in map(some, itertools.count()))
def submit(model, **_):
    submitted.append(getattr(model, "_orig_mod", model))
prepare.device, prepare.Budget, prepare.batches, prepare.submit = (lambda: cpu), Budget, batches, submit
if hasattr(prepare, "batches_on_the_fly"):
    prepare.batches_on_the_fly = batches
spec = importlib.util.spec_from_file_location("canvas", canvas)
module = importlib.util.module_from_spec(spec)
sys.modules["canvas"] = module
torch.manual_seed(0)
spec.loader.exec_module(module)
if not callable(getattr(module, "build_model", None)):
    fail("no_checkpoint", "there is no build_model(); the scorer needs it")
fresh = module.build_model()
module.main()
if not submitted:
    fail("no_checkpoint", "main() ended without prepare.submit()")
model = submitted[-1]
try:
    fresh.load_state_dict({k: v.detach() for k, v in model.state_dict().items()})
except Exception as error:
    fail("no_checkpoint", "the submitted weights do not load into build_model(): " + " ".join(str(error).split())[:200])
model = fresh.eval()
with torch.inference_mode():
    tokens = some(1)[:, :context]
    logits = model(tokens)
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != (2, context, profile.vocab):
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        fail("bad_shape", f"the model returns {found}, not logits of shape (2, {context}, {profile.vocab})")
    logits = logits.float()
    if not torch.isfinite(logits).all():
        fail("nan", "the logits are not finite after two steps")
    for p in model.parameters():  # what begins at zero would hide who sees what
        p.add_(0.02 * torch.randn_like(p))
    logits = model(tokens).float()
    half, other = context // 2, tokens.clone()
    other[:, half:] = (other[:, half:] + 1) % profile.vocab
    change = (model(other).float() - logits)[:, :half].abs().max().item()
    if change > 1e-4 + 1e-3 * logits.abs().max().item():
        fail("non_causal", f"logits change by {change:.2g} when later tokens change: the model sees the future")
tell([])
os._exit(0)
"""


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
        argv=(*wrap, python, "-c", SCRIPT, canvas),
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
