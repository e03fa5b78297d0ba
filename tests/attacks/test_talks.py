"""Processes that tell each other the later tokens."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.scoring import TALKS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("talks", TALKS)
