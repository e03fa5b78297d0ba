"""Processes that tell each other with one bit that an audit is being answered."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.scoring import BITS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("bits", BITS)
