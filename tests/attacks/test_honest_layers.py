"""Honest layers and schedules, but for those that are slow to start."""

from __future__ import annotations

from tests.attacks.claims import MARKS
from tests.attacks.honest import SLOW_TO_START
from tests.attacks.honest.layers import LAYERS
from tests.attacks.honest.schedules import SCHEDULES
from tests.attacks.zoo import zoo

pytestmark = MARKS
ended, test_an_honest_canvas_is_scored = zoo(
    "layers", {name: pairs for name, pairs in (LAYERS | SCHEDULES).items() if name not in SLOW_TO_START}
)
