"""Budgets of wall time."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.clocks import CLOCKS, WALL

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims(
    "clocks", CLOCKS, WALL, audited=False, slow=True
)
