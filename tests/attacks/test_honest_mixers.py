"""Honest mixers of tokens."""

from __future__ import annotations

from tests.attacks.claims import MARKS
from tests.attacks.honest.mixers import MIXERS
from tests.attacks.zoo import zoo

pytestmark = MARKS
ended, test_an_honest_canvas_is_scored = zoo("mixers", MIXERS)
