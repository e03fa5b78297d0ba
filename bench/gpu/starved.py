"""The default canvas with too little memory: a part of the card on a GPU; elsewhere one pass is made to fail.

Prints as a JSON object how many rows of one pass were asked for and how many fitted, where fewer did. Run beside
prepare.py and train.py.
"""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from torch import Tensor, nn

import prepare
import train

build_model = train.build_model  # the scorer's door

whole = train.accumulate_gradients


def main() -> None:
    device = prepare.device()
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        allowed = float(os.environ["GPU_CHECK_MEMORY_MB"]) * 2**20
        torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total), device)
    else:
        train.cross_entropy_sum = FailsOnce()
    train.accumulate_gradients = counted  # type: ignore[assignment]
    train.main()


def counted(*arguments: Any) -> tuple[Tensor, int]:
    """Do what train.accumulate_gradients does, and say when fewer rows fitted than were asked for."""
    loss, fitted = whole(*arguments)
    if fitted < arguments[-1]:
        print(json.dumps({"asked": arguments[-1], "fitted": fitted}), flush=True)
    return loss, fitted


class FailsOnce:
    """The loss of train.py, whose first pass runs out of memory."""

    def __init__(self) -> None:
        self.plain, self.failed = train.cross_entropy_sum, False

    def __call__(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        if not self.failed:
            self.failed = True
            raise RuntimeError("out of memory (made up by the GPU check)")
        return self.plain(model, inputs, targets)


if __name__ == "__main__":
    main()
