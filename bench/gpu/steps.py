"""The steps of the GPU check, in order of what is worth knowing first: the deadline takes from the end."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.gpu import campaign
from bench.gpu.harness import Shell, Step, StepFailed
from bench.gpu.place import Place
from bench.gpu.report import Figures, Result
from bench.gpu.runs import last_object, objects, run, summary


@dataclass(frozen=True)
class Sizes:
    """How much each step does."""

    corpus_bytes: int
    long: str  # budget of a run whose score is compared
    short: str  # budget of a run that only has to work
    counted: str  # budget in FLOP, of a few steps
    experiments: int


# Estimated, as nothing of this has run on a GPU: 96 MB are 25 million tokens, and 30 s two epochs of them at a
# published 1.7 million tokens a second.
ON_GPU = Sizes(96_000_000, long="30s", short="5s", counted="200 TFLOP", experiments=3)
DRY = Sizes(1_500_000, long="33k tokens", short="17k tokens", counted="0.1 TFLOP", experiments=1)

MEMORY_SHARE = 0.6  # of what the default canvas took: too little for all its rows, enough for half of them
NATS_APART, COSINE = 0.02, 0.99  # bf16 rounds to three digits
UPDATE_COSINE = 0.9  # estimated: Muon raises the smallest singular values to 1, and with them what was rounded


@dataclass(frozen=True)
class Check:
    """What the steps of one check share."""

    place: Place
    sizes: Sizes
    results: Mapping[str, Result] = field(default_factory=dict)  # so far

    def figure(self, step: str, name: str) -> float | None:
        """Return a number that an earlier step measured."""
        value = self.results[step].figures.get(name) if step in self.results else None
        return value if isinstance(value, int | float) else None


def machine(check: Check, shell: Shell) -> Figures:
    """Say what this machine is."""
    return last_object(shell.run(check.place.python, "machine.py", folder=check.place.canvases))


def prepare(check: Check, shell: Shell) -> Figures:
    """Collect the text and prepare it."""
    place = check.place
    written = shell.run(place.python, "-m", "bench.gpu.corpus", str(place.corpus), str(check.sizes.corpus_bytes))
    described = last_object(shell.run(place.python, "prepare.py", "--json", folder=place.canvases))
    return last_object(written) | {name: described[name] for name in ("train_tokens", "val_tokens")}


def agree(check: Check, shell: Shell) -> Figures:
    """Compare the compiled canvas with the plain one; fails where they differ by more than rounding."""
    figures = last_object(shell.run(check.place.python, "agree.py", folder=check.place.canvases))
    apart, gradient, update = (figures[n] for n in ("nats_apart", "gradient_cosine", "update_cosine"))
    assert isinstance(apart, float) and isinstance(gradient, float) and isinstance(update, float)
    if not (apart <= NATS_APART and gradient >= COSINE and update >= UPDATE_COSINE):  # true of NaN too
        raise StepFailed("the compiled canvas computes something else than the plain one that is scored", figures)
    return figures


def cold(check: Check, shell: Shell) -> Figures:
    """Run the default canvas without any compiled code."""
    shutil.rmtree(check.place.inductor, ignore_errors=True)
    figures = run(check.place, shell, "train.py", check.sizes.long)
    tokens, stored = figures["total_tokens_M"], check.figure("prepare", "train_tokens")
    if isinstance(tokens, float) and stored:
        figures["epochs"] = round(tokens * 1e6 / stored, 2)
    return figures


def warm(check: Check, shell: Shell) -> Figures:
    """Run the default canvas again, with what the cold start compiled."""
    return run(check.place, shell, "train.py", check.sizes.short)


def original(check: Check, shell: Shell) -> Figures:
    """Run the original's model within the budget of the cold start, and compare the scores."""
    figures = run(check.place, shell, "original.py", check.sizes.long)
    theirs, ours = figures["val_bpb"], check.figure("cold", "val_bpb")
    if isinstance(theirs, float) and ours is not None and not check.place.dry:  # there the models are not theirs
        figures["default_lower_percent"] = round(100 * (theirs - ours) / theirs, 3)
    return figures


def oom(check: Check, shell: Shell) -> Figures:
    """Run the default canvas in a part of the memory that it took; fails where no rows were halved."""
    whole = check.figure("cold", "peak_vram_mb")
    if whole is None:
        raise StepFailed("step cold measured no memory, of which a part would be allowed here")
    allowed = {"GPU_CHECK_MEMORY_MB": str(MEMORY_SHARE * whole)}
    printed = shell.run(
        check.place.python, "starved.py", folder=check.place.canvases, AUTORESEARCH_BUDGET=check.sizes.short, **allowed
    )
    figures = summary(printed)
    halvings = sum(1 for found in objects(printed) if "fitted" in found)
    figures |= {"allowed_mb": round(MEMORY_SHARE * whole), "halvings": halvings}
    if not halvings:
        raise StepFailed("memory sufficed for all rows, so nothing was halved", figures)
    return figures


def counted(check: Check, shell: Shell) -> Figures:
    """Run the default canvas for a few steps of a budget in FLOP, whose counted steps are not compiled."""
    return run(check.place, shell, "train.py", check.sizes.counted)


def experiments(check: Check, shell: Shell) -> Figures:
    """Run a campaign; fails where not every experiment was scored."""
    sizes, place = check.sizes, check.place
    return campaign.run(place, shell, budget=sizes.short, experiments=sizes.experiments)


TRAINS = ("torch", "numpy", "tiktoken", "rustbpe")
STEPS: tuple[Step[Check], ...] = (
    Step("machine", 45, (4, 5, 10, 11), machine, ("torch", "numpy")),
    Step("prepare", 90, (), prepare, TRAINS),
    Step("agree", 90, (5, 8, 12), agree, ("torch", "numpy")),
    Step("cold", 150, (5, 6, 8, 10, 12), cold, TRAINS),
    Step("warm", 60, (1,), warm, TRAINS),
    Step("original", 150, (), original, TRAINS),
    Step("oom", 100, (2, 9), oom, TRAINS),
    Step("counted", 75, (7,), counted, TRAINS),
    Step("campaign", 400, (1, 2), experiments, (*TRAINS, *campaign.NEEDS)),
)
