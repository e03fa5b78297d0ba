"""Reading what a run must not know."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.reading import READING

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("reading", READING)
