"""What a run prints and writes about itself."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.outputs import ACCOUNTS, OUTPUTS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("outputs", (*OUTPUTS, *ACCOUNTS))
