"""Prints how far the compiled canvas is from the plain one that is scored, as one JSON object.

One batch's loss and gradients, then one step of every optimizer, each computed both ways from the same weights. Where
there is no GPU, torch.compile traces and differentiates, and leaves out the code generator, which needs a C++ compiler.
Run beside prepare.py and train.py.
"""

from __future__ import annotations

import copy
import json

import torch
from torch import Tensor

import prepare
import train

ROWS = 4
STD = 0.02  # of every matrix: as initialised the blocks add nothing, so that attention would not count


def main() -> None:
    torch.manual_seed(0)
    device, sizes = prepare.device(), prepare.PROFILE
    plain = train.build_model().to(device)
    for module in plain.modules():
        if isinstance(module, train.Linear):
            torch.nn.init.normal_(module.weight, std=STD)
    compiled = copy.deepcopy(plain)
    tokens = torch.randint(sizes.vocab, (ROWS, sizes.context + 1)).to(device)
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    optimizers, others = train.build_optimizers(plain), train.build_optimizers(compiled)
    loss_sum = compile_on(device, compiled, others)
    loss, other_loss = train.cross_entropy_sum(plain, inputs, targets), loss_sum(compiled, inputs, targets)
    loss.backward()  # type: ignore[no-untyped-call]
    other_loss.backward()  # type: ignore[no-untyped-call]
    gradient_cosine = cosine(gradients(plain), gradients(compiled))
    before = weights(plain)
    for model in (plain, compiled):  # an update is compared on one gradient: AdamW's first step is its sign
        for param, given in zip(model.parameters(), plain.parameters(), strict=True):
            param.grad = train.gradient(given).clone()
    for both in zip(optimizers, others, strict=True):
        for optimizer in both:
            optimizer.step(1, 0.5, 1.0)
    said = {
        "nats_plain": loss.item() / targets.numel(),
        "nats_compiled": other_loss.item() / targets.numel(),
        "nats_apart": abs(loss.item() - other_loss.item()) / targets.numel(),
        "gradient_cosine": gradient_cosine,
        "update_cosine": cosine(weights(plain) - before, weights(compiled) - before),
    }
    print(json.dumps(said))


def compile_on(device: torch.device, model: train.GPT, optimizers: list[train.AdamW | train.Muon]) -> train.LossSum:
    """Return the loss compiled; compile the optimizers' updates in place."""
    if device.type in ("cuda", "xpu"):
        return train.compile_for_gpu(model, optimizers, ROWS, ROWS)[0]
    for optimizer in optimizers:
        optimizer.update = torch.compile(optimizer.update, dynamic=False, backend="aot_eager")
    loss_sum: train.LossSum = torch.compile(train.cross_entropy_sum, dynamic=False, backend="aot_eager")
    return loss_sum


def weights(model: torch.nn.Module) -> Tensor:  # -> (P,) fp32
    return torch.cat([p.detach().float().flatten() for p in model.parameters()])


def gradients(model: torch.nn.Module) -> Tensor:  # -> (P,) fp32
    return torch.cat([train.gradient(p).float().flatten() for p in model.parameters()])


def cosine(one: Tensor, other: Tensor) -> float:
    return torch.cosine_similarity(one.double(), other.double(), dim=0).item()


if __name__ == "__main__":
    main()
