"""Work where the counter cannot see it."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.training import UNCOUNTED

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("uncounted", UNCOUNTED)
