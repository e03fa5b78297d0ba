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
from typing import Any, NoReturn

CANVAS = os.path.abspath(sys.argv[1])
VERDICT = os.dup(1)  # a channel of its own: what the canvas prints goes into the log
os.dup2(2, 1)
sys.path.insert(0, os.path.dirname(CANVAS))
for name in ("AUTORESEARCH_GATE_FD", "AUTORESEARCH_RUN"):
    os.environ.pop(name, None)

import prepare  # noqa: E402

import numpy as np  # noqa: E402  # isort: skip
from numpy.typing import NDArray  # noqa: E402  # isort: skip

PROFILE = prepare.PROFILE
TORCH = getattr(PROFILE, "framework", "torch") == "torch"  # an older prepare.py knows no other
CONTEXT = min(PROFILE.context, 256)
SUBMITTED: list[Any] = []

if TORCH:
    import torch


def main() -> NoReturn:
    stand_in()
    if TORCH:
        torch.set_num_threads(max(1, min(2, PROFILE.threads)))
        torch.manual_seed(0)
    canvas = loaded()
    if not callable(getattr(canvas, "build_model", None)):
        fail("no_checkpoint", "there is no build_model(); the scorer needs it")
    fresh: Any = canvas.build_model() if TORCH else None
    canvas.main()
    if not SUBMITTED:
        fail("no_checkpoint", "main() ended without prepare.submit()")
    look_at(Module(fresh, SUBMITTED[-1]) if TORCH else Arrays(canvas, SUBMITTED[-1]))
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


def batches(rows: int, **_: object) -> Iterator[tuple[Any, Any]]:
    kind, given = (np.int64, torch.from_numpy) if TORCH else (np.int32, np.asarray)
    blocks = (some_rows(seed)[:rows].astype(kind) for seed in itertools.count())
    return ((given(block[:, :-1]), given(block[:, 1:])) for block in blocks)


def submit(model: Any, **_: object) -> None:
    SUBMITTED.append(getattr(model, "_orig_mod", model))


def stand_in() -> None:
    """Put the above in place of what prepare.py offers."""
    ours: dict[str, Any] = {"Budget": Budget, "batches": batches, "submit": submit}
    if TORCH:
        ours["device"] = lambda: torch.device("cpu")
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


class Module:
    """A fresh torch module with the weights that were submitted."""

    def __init__(self, fresh: torch.nn.Module, model: torch.nn.Module) -> None:
        try:
            fresh.load_state_dict({name: tensor.detach() for name, tensor in model.state_dict().items()})
        except Exception as error:
            do_not_load(error)
        self.model = fresh.eval()

    def shake(self) -> None:
        with torch.inference_mode():
            for weights in self.model.parameters():
                weights.add_(0.02 * torch.randn_like(weights))

    def logits(self, tokens: NDArray[np.int64]) -> Any:
        """Return the logits as an array; what is no tensor as it is."""
        with torch.inference_mode():
            found = self.model(torch.from_numpy(tokens))
        return found.float().numpy() if isinstance(found, torch.Tensor) else found


class Arrays:
    """What build_model() makes of the arrays that were submitted, in any other framework."""

    def __init__(self, canvas: ModuleType, arrays: dict[str, Any]) -> None:
        self.canvas = canvas
        self.arrays = {name: np.array(value) for name, value in arrays.items()}
        self.build()

    def build(self) -> None:
        try:
            self.predict = self.canvas.build_model(self.arrays)
        except Exception as error:
            do_not_load(error)

    def shake(self) -> None:
        dice = np.random.default_rng(0)
        for name, weights in self.arrays.items():
            noise = 0.02 * dice.standard_normal(weights.shape)
            self.arrays[name] = (weights + noise).astype(weights.dtype)
        self.build()

    def logits(self, tokens: NDArray[np.int64]) -> Any:
        return np.asarray(self.predict(tokens.astype(np.int32)))


def do_not_load(error: Exception) -> NoReturn:
    said = " ".join(str(error).split())[:200]
    fail("no_checkpoint", f"the submitted weights do not load into build_model(): {said}")


def look_at(model: Module | Arrays) -> None:
    """Fail where the logits have another shape, are not finite, or depend on later tokens."""
    tokens, vocab = some_rows(1)[:, :CONTEXT], PROFILE.vocab
    logits = model.logits(tokens)
    if not isinstance(logits, np.ndarray) or logits.shape != (2, CONTEXT, vocab):
        found = logits.shape if isinstance(logits, np.ndarray) else type(logits).__name__
        fail("bad_shape", f"the model returns {found}, not logits of shape (2, {CONTEXT}, {vocab})")
    if not np.isfinite(logits.astype(np.float32)).all():
        fail("nan", "the logits are not finite after two steps")
    model.shake()  # what begins at zero would hide who sees what
    logits = model.logits(tokens).astype(np.float32)
    half, other = CONTEXT // 2, tokens.copy()
    other[:, half:] = (other[:, half:] + 1) % vocab
    change = np.abs(model.logits(other).astype(np.float32) - logits)[:, :half].max()
    if change > 1e-4 + 1e-3 * np.abs(logits).max():
        fail("non_causal", f"logits change by {change:.2g} when later tokens change: the model sees the future")


def some_rows(seed: int) -> NDArray[np.int64]:  # (2, CONTEXT + 1)
    return np.random.default_rng(seed).integers(0, PROFILE.vocab, (2, CONTEXT + 1))


def fail(kind: str, message: str) -> NoReturn:
    say([kind, message])
    os._exit(3)


def say(finding: list[str]) -> None:
    os.write(VERDICT, (json.dumps(finding) + "\n").encode())


if __name__ == "__main__":
    main()
