"""No honest canvas is refused: the real engine, with everything that defends the ruler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.attacks.arena import Ended, fight
from tests.attacks.honest.anchors import Pairs
from tests.attacks.patching import canvas, change

BUDGET = "0.05 TFLOP"


def zoo(kind: str, canvases: Mapping[str, Pairs], budget: str = BUDGET) -> tuple[Any, Callable[..., None]]:
    """Return a fixture, and a test: each canvas ends with a score."""

    @pytest.fixture(scope="module", name="ended")
    def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
        texts = {name: change(canvas(), *pairs) for name, pairs in canvases.items()}
        return fight(tmp_path_factory.mktemp(kind) / "campaign", texts, budget=budget)

    @pytest.mark.parametrize("name", canvases)
    def is_scored(name: str, ended: Ended, record_property: Callable[[str, object], None]) -> None:
        scored = name in ended.experiments and ended.experiments[name].score is not None
        record_property("honest", "scored" if scored else "refused")
        assert scored, ended.told(name)

    return ended, is_scored
