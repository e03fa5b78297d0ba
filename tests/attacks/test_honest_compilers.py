"""Honest canvases that import or run torch's compiler: what it takes counts, and the default budget has room for it."""

from __future__ import annotations

from prepare import CPU
from tests.attacks.claims import MARKS
from tests.attacks.honest import CANVASES, SLOW_TO_START
from tests.attacks.zoo import zoo

pytestmark = MARKS
ended, test_an_honest_canvas_is_scored = zoo(
    "compilers", {name: CANVASES[name] for name in sorted(SLOW_TO_START)}, CPU.budget
)
