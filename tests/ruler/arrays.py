"""A canvas in NumPy, which stands for every framework that is not torch, and what is changed in it."""

COUNTS = """
import math, os, sys
import prepare
import numpy as np

FRAMEWORK = "numpy"


def build_model(weights):
    table = weights["table"]

    def predict(tokens):
        assert tokens.dtype == np.int32
        logits = table[tokens]
        return logits

    return predict


def main():
    budget, batches, size = prepare.Budget(), prepare.batches(4), prepare.PROFILE.vocab
    counts = np.ones((size, size), np.float32)
    while budget.remains():
        inputs, targets = next(batches)
        np.add.at(counts, (inputs, targets), 1)
        loss = -np.log(counts[inputs, targets] / counts[inputs].sum(-1)).mean()
        budget.spend(tokens=inputs.size, loss=float(loss))
    prepare.submit({"table": np.log(counts)}, depth=1)


if __name__ == "__main__":
    main()
"""
ANSWER = "        return logits\n"

# What a model does with its logits, and the end that it gets.
ROGUES = {
    "looks one token ahead": ("logits[:, :-1] += ahead(tokens)", "non_causal"),
    "looks ahead at rare targets": ("logits[:, :-1] += (tokens[:, 1:] > 99)[..., None] * ahead(tokens)", "non_causal"),
    "a mean over the row": ("logits += logits.mean(1, keepdims=True)", "non_causal"),
    "a mean over the batch": ("logits *= 2 + tokens.mean() / 99", "depends_on_rows"),
    "counts of earlier batches": ("calls.append(1); logits *= 1 + len(calls) / 10", "depends_on_rows"),
    "chance": ("logits += np.random.default_rng().normal(size=logits.shape)", "depends_on_rows"),
    "another shape": ("logits = logits[:, :-1]", "bad_shape"),
    "nothing": ("logits = None", "bad_shape"),
    "infinite": ("logits[:] = np.inf", "nan"),
    "no chance at all": ("logits[..., 5:] = -np.inf", "nan"),
    "no memory": ("raise MemoryError('Unable to allocate 9 bytes')", "oom"),
    "words of another framework for it": ("raise RuntimeError('[metal::malloc] Attempting to allocate')", "oom"),
    "dies": ("os._exit(0)", "crash"),
    "writes to every pipe": ("[write(fd) for fd in range(3, 99)]", "crash"),
}  # fmt: skip
HELPERS = """
calls = []


def ahead(tokens):
    return 9 * np.eye(prepare.PROFILE.vocab, dtype=np.float32)[tokens[:, 1:]]


def write(fd):
    try:
        os.write(fd, b'{"number": 0, "dtype": "float32", "val_bpb": 0.1}\\n')
    except OSError:
        pass


"""


def canvas(line: str = "") -> str:
    """Return the canvas whose model does something else with its logits before it returns them."""
    changed = COUNTS.replace(ANSWER, f"        {line}\n{ANSWER}" if line else ANSWER)
    return changed.replace("def build_model", HELPERS + "def build_model")
