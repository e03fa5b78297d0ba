"""Training before the clock, or on data that was not handed out."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.training import EARLY

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("early", EARLY)
