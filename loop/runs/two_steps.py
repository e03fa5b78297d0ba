"""Build a canvas's model, take two steps on a tiny batch, load what was submitted and look at its logits.

A program: rehearsal.py runs its text in the Python of the experiments; nothing imports it. The argument is the canvas.
On standard output it says what fails, as `[kind, message]` in JSON (the kinds are those of FailureKind), or `[]`. What
the canvas raises ends it with a traceback.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import NoReturn

CANVAS = os.path.abspath(sys.argv[1])
VERDICT = os.dup(1)  # a channel of its own: what the canvas prints goes into the log
os.dup2(2, 1)
sys.path.insert(0, os.path.dirname(CANVAS))
for name in ("AUTORESEARCH_GATE_FD", "AUTORESEARCH_RUN"):
    os.environ.pop(name, None)

import prepare  # noqa: E402

import torch  # noqa: E402  # isort: skip

PROFILE, CPU = prepare.PROFILE, torch.device("cpu")
CONTEXT = min(PROFILE.context, 256)
SUBMITTED: list[torch.nn.Module] = []


def main() -> NoReturn:
    torch.set_num_threads(max(1, min(2, PROFILE.threads)))
    stand_in()
    torch.manual_seed(0)
    canvas = loaded()
    if not callable(getattr(canvas, "build_model", None)):
        fail("no_checkpoint", "there is no build_model(); the scorer needs it")
    fresh = canvas.build_model()
    canvas.main()
    if not SUBMITTED:
        fail("no_checkpoint", "main() ended without prepare.submit()")
    take_weights(fresh, SUBMITTED[-1])
    with torch.inference_mode():
        look_at(fresh.eval())
    say([])
    os._exit(0)


class Budget:
    """Two steps, in place of the ruler's."""

    def __init__(self) -> None:
        self.steps = self.tokens = self.flop = 0
        self.seconds = 0.0

    @property
    def share(self) -> float:
        return min(1.0, self.steps / 2)

    def remains(self) -> bool:
        return self.steps < 2

    def spend(self, *, tokens: int, loss: float) -> None:
        self.steps, self.tokens = self.steps + 1, self.tokens + tokens
        if not math.isfinite(float(loss)):
            fail("nan", f"the training loss is {loss} at step {self.steps}")


def batches(rows: int, **_: object) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    return ((block[:rows, :-1], block[:rows, 1:]) for block in map(some_rows, itertools.count()))


def submit(model: torch.nn.Module, **_: object) -> None:
    SUBMITTED.append(getattr(model, "_orig_mod", model))


def stand_in() -> None:
    """Put the above in place of what prepare.py offers."""
    ours = {"device": lambda: CPU, "Budget": Budget, "batches": batches, "submit": submit}
    if hasattr(prepare, "batches_on_the_fly"):
        ours["batches_on_the_fly"] = batches
    for offered, stand in ours.items():
        setattr(prepare, offered, stand)


def loaded() -> ModuleType:
    """Return the canvas as a module."""
    spec = importlib.util.spec_from_file_location("canvas", CANVAS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["canvas"] = module
    spec.loader.exec_module(module)
    return module


def take_weights(fresh: torch.nn.Module, model: torch.nn.Module) -> None:
    try:
        fresh.load_state_dict({name: tensor.detach() for name, tensor in model.state_dict().items()})
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        fail("no_checkpoint", f"the submitted weights do not load into build_model(): {said}")


def look_at(model: torch.nn.Module) -> None:
    """Fail where the logits have another shape, are not finite, or depend on later tokens."""
    tokens, vocab = some_rows(1)[:, :CONTEXT], PROFILE.vocab
    logits = model(tokens)
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != (2, CONTEXT, vocab):
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        fail("bad_shape", f"the model returns {found}, not logits of shape (2, {CONTEXT}, {vocab})")
    if not torch.isfinite(logits.float()).all():
        fail("nan", "the logits are not finite after two steps")
    for weights in model.parameters():  # what begins at zero would hide who sees what
        weights.add_(0.02 * torch.randn_like(weights))
    logits = model(tokens).float()
    half, other = CONTEXT // 2, tokens.clone()
    other[:, half:] = (other[:, half:] + 1) % vocab
    change = (model(other).float() - logits)[:, :half].abs().max().item()
    if change > 1e-4 + 1e-3 * logits.abs().max().item():
        fail("non_causal", f"logits change by {change:.2g} when later tokens change: the model sees the future")


def some_rows(seed: int) -> torch.Tensor:  # (2, CONTEXT + 1)
    return torch.randint(0, PROFILE.vocab, (2, CONTEXT + 1), generator=torch.Generator().manual_seed(seed))


def fail(kind: str, message: str) -> NoReturn:
    say([kind, message])
    os._exit(3)


def say(finding: list[str]) -> None:
    os.write(VERDICT, (json.dumps(finding) + "\n").encode())


if __name__ == "__main__":
    main()
