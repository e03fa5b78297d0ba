"""Budgets that are not spent, second ones, foreseen steps; work that the counter cannot see."""

from __future__ import annotations

from tests.attacks.budgets import BUDGETS, UNCOUNTED
from tests.attacks.claims import MARKS, claims
from tests.attacks.outputs import ACCOUNTS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims(
    "budgets", (*BUDGETS, *UNCOUNTED, *ACCOUNTS), audited=False, slow=True
)
