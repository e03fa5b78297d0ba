"""Steps of a budget, and work whose cost is known."""

from __future__ import annotations

from collections.abc import Callable

import torch

import prepare


def steps(budget: prepare.Budget, work: Callable[[], object], tokens: int = 64) -> int:
    """Work until the budget is spent; return how many steps that were."""
    while budget.remains():
        work()
        budget.spend(tokens=tokens, loss=1.0)
    return budget.steps


def matmul(size: int) -> None:
    """Do work whose cost grows with the cube of a size."""
    (torch.ones(size, size) @ torch.ones(size, size, requires_grad=True)).sum().backward()
