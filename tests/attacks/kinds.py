"""What an attack is. An attack patches the real canvas and names the defence that stops it; see README.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.attacks.patching import change


@dataclass(frozen=True)
class Attack:
    """One way to a number that was not earned, or to harm. `patch` makes the cheating canvas of the honest one."""

    name: str
    patch: Callable[[str], str]
    stopped_by: tuple[str, ...]  # names in DEFENCES; without these it wins


def attack(name: str, *pairs: tuple[str, str], stopped_by: str) -> Attack:
    """Return an attack that replaces anchored parts of the canvas."""
    return Attack(name, lambda text: change(text, *pairs), tuple(stopped_by.split(", ")))


# Anchors in the real canvas.
IMPORT = "import prepare\n\n# Model\n"
BUDGET = "    budget = prepare.Budget()  # seeds torch, so before the first random weight\n"
BATCHES = "    batches = prepare.batches(step_rows)\n"
LOOP = """    batches = prepare.batches(step_rows)
    while budget.remains():
        inputs, targets = next(batches)
        loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
        scale = learning_rate(budget.share)
        for optimizer in optimizers:
            optimizer.step(budget.steps + 1, budget.share, scale)
        model.zero_grad()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
"""
SUBMIT = "    prepare.submit(model, depth=DEPTH, mfu=flops_utilization(model, budget.tokens, budget.seconds))\n"
LOGITS = "        return torch.tanh(logits.float()) * SOFTCAP\n"
MAIN = "def main() -> None:\n"
BUILD = "    return GPT(vocab=prepare.PROFILE.vocab, context=prepare.PROFILE.context)\n"

# A training loop of the cheat's own: `steps` full steps on `source`, with a schedule of its own.
TRAIN_ON = '''
def train_on(model, optimizers, rows, source, steps, spent=lambda: None):
    for number in range(steps):
        inputs, targets = next(source)
        loss, rows = accumulate_gradients(model, cross_entropy_sum, inputs, targets, rows)
        share = number / steps
        for optimizer in optimizers:
            optimizer.step(number + 1, share, learning_rate(share))
        model.zero_grad()
        spent()
    return loss


def kept(batches, count):
    """Draw batches and hand them out again and again."""
    import itertools
    return itertools.cycle([next(batches) for _ in range(count)])


def packed_rows(rows):
    """Read training rows from the prepared file itself."""
    import numpy as np
    packed = prepare.dataset().rows("train.bin")
    dice = np.random.default_rng(1)
    while True:
        block = torch.from_numpy(packed[dice.integers(0, len(packed), rows)].astype("int64"))
        yield block[:, :-1], block[:, 1:]


'''
TOOLS = (MAIN, TRAIN_ON + MAIN)
STEPS = 100  # of an honest run of 20

# A table of pairs by NumPy, which no counter of torch sees: the whole of the training data, or what was handed out.
PAIRS = '''
def pairs(source, smooth=0.5):
    """Return log-frequencies of the next token after each token."""
    import numpy as np
    size = prepare.PROFILE.vocab
    counts = np.zeros(size * size)
    for inputs, targets in source:
        counts += np.bincount((inputs * size + targets).ravel(), minlength=size * size)
    counts = counts.reshape(size, size)
    single = counts.sum(0) + 1
    counts += 20 * single / single.sum()
    return torch.from_numpy(np.log(counts / counts.sum(1, keepdims=True))).float()


'''
TABLE_MODEL = (
    ("        self.register_buffer(\"rotary\"", "        self.register_buffer(\"table\", torch.zeros(vocab, vocab))\n        self.register_buffer(\"rotary\""),
    ("        return torch.tanh(logits.float()) * SOFTCAP\n", "        return torch.tanh(logits.float()) * SOFTCAP + self.table[tokens]\n"),
)  # fmt: skip
