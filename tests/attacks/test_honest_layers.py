"""Honest layers and schedules."""

from __future__ import annotations

from tests.attacks.claims import MARKS
from tests.attacks.honest.layers import LAYERS
from tests.attacks.honest.schedules import SCHEDULES
from tests.attacks.zoo import zoo

pytestmark = MARKS
ended, test_an_honest_canvas_is_scored = zoo("layers", {**LAYERS, **SCHEDULES})
