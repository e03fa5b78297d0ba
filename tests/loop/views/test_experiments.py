"""An experiment in words."""

from __future__ import annotations

import pytest

from loop.record.types import (
    Cost,
)
from loop.views.experiments import cost_text


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (Cost(), ""),
        (Cost(10_000, 1_240, 0.034), "$0.0340, 11,240 tokens"),
        (Cost(10_000, 1_240, 1.2), "$1.20, 11,240 tokens"),
        (Cost(10, 2, 0.0), "$0.00, 12 tokens"),
        (Cost(10, 2, None), "price unknown, 12 tokens"),
        (Cost(0, 0, None), "price unknown"),
    ],
)
def test_what_a_proposal_cost(cost: Cost, text: str) -> None:
    assert cost_text(cost) == text
