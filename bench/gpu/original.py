"""The original's model, optimizers and schedules on our rows: what the default canvas is compared with.

Source: karpathy/autoresearch, train.py at 228791f (2026-03-25). Its architecture is the one that our train.py varies,
from the same papers, so the parts are imported and the values are its own: KNOBS for sizes, initial weights, rates and
schedules. What differs in kind is below: Muon's momentum rises with the steps, and embeddings are kept in bf16.
Three things are ours on both sides: the loader, flex attention in the place of FlashAttention 3, and the clock, which
starts after compilation (the original does not count its first eleven steps).

Lay it beside prepare.py and train.py and run it like train.py.
"""

from __future__ import annotations

from torch import nn

import prepare
import train

KNOBS: dict[str, int | float | str] = {
    "VALUE_EMBED_EVERY": 2,
    "VALUE_GATE_CHANNELS": 32,
    "MLP_RATIO": 4,
    "SOFTCAP": 15.0,
    "INIT_SCALE": 1.0,
    "INPUT_SCALE": 0.1,
    "EMBEDDING_LR": 0.6,
    "UNEMBEDDING_LR": 0.004,
    "MATRIX_LR": 0.04,
    "ADAM_BETA1": 0.8,
    "ADAM_BETA2": 0.95,
    "MUON_MOMENTUM": 0.95,
    "MUON_MOMENTUM_START": 0.85,
    "MUON_MOMENTUM_RAMP": 0.0,  # by steps instead: see Muon
    "MUON_BETA2": 0.95,
    "MATRIX_DECAY": 0.2,
    "DEPTH": 8,
    "HEADS": 4,  # a width of depth x 64
    "HEAD_DIM": 128,
    "WINDOW_PATTERN": "SSSL",
    "ROPE_BASE": 10000,
    "TOTAL_BATCH": 524288,
    "DEVICE_BATCH": 128,
    "SCALAR_LR": 0.5,
    "EMBEDDING_DECAY": 0.0,
    "VALUE_DECAY": 0.0,
    "WARMUP": 0.0,
    "WARMDOWN": 0.5,
    "FINAL_LR": 0.0,
}
# Without a GPU, sizes at which the same code takes seconds; nothing is compared there.
SMALL: dict[str, int | float | str] = {
    "DEPTH": 2, "HEADS": 2, "HEAD_DIM": 32, "TOTAL_BATCH": 8192, "DEVICE_BATCH": 8,
}  # fmt: skip
RAMP_STEPS = 300  # of Muon's momentum


class Muon(train.Muon):
    """Muon whose momentum rises over the first steps, however long the run is."""

    def step(self, number: int, share: float, scale: float) -> None:
        """Take step `number`, counted from 1, at `scale` times the full rate."""
        start, full = float(KNOBS["MUON_MOMENTUM_START"]), float(KNOBS["MUON_MOMENTUM"])
        train.MUON_MOMENTUM = start + (full - start) * min(1.0, (number - 1) / RAMP_STEPS)
        super().step(number, share, scale)


def build_model() -> train.GPT:
    """Return the original's model on the CPU, initialised; for a GPU its embeddings, and so their moments, are bf16."""
    for name, value in knobs().items():
        setattr(train, name, value)
    model = train.GPT(vocab=prepare.PROFILE.vocab, context=prepare.PROFILE.context)
    if prepare.device().type == "cuda":
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                module.bfloat16()
    return model


def knobs() -> dict[str, int | float | str]:
    """Return the value of every knob of train.py on this machine."""
    window = prepare.PROFILE.context // 2 + 1  # half the context before the token, and itself
    return KNOBS | ({} if prepare.device().type == "cuda" else SMALL) | {"SHORT_WINDOW": window}


def main() -> None:
    train.Muon = Muon  # type: ignore[misc]
    train.build_model = build_model
    train.main()


if __name__ == "__main__":
    main()
