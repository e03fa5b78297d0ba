"""No honest canvas is refused: the real engine, with everything that defends the ruler."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attacks.arena import Ended, fight
from tests.attacks.honest import CANVASES
from tests.attacks.patching import canvas, change

pytestmark = [pytest.mark.bubblewrap, pytest.mark.timeout(1800)]
BUDGET = "0.05 TFLOP"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    texts = {name: change(canvas(), *pairs) for name, pairs in CANVASES.items()}
    return fight(tmp_path_factory.mktemp("zoo") / "campaign", texts, budget=BUDGET, repeats=2)


@pytest.mark.parametrize("name", CANVASES)
def test_an_honest_canvas_is_scored(name: str, zoo: Ended, record_property: Callable[[str, object], None]) -> None:
    scored = name in zoo.experiments and zoo.experiments[name].score is not None
    record_property("honest", "scored" if scored else "refused")
    assert scored, zoo.told(name)
