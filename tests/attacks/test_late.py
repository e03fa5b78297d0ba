"""Late submits, and writes after the submit."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.training import LATE

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("late", LATE)
