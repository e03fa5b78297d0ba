"""Budgets that are not spent, second ones, steps whose counting is foreseen."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.training import BUDGETS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("budgets", BUDGETS)
