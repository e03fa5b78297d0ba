"""Predictions that know the later tokens or the other rows; scores that a run prints itself."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.leaks import LEAKS
from tests.attacks.outputs import OUTPUTS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("leaks", (*LEAKS, *OUTPUTS))
