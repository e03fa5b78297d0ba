"""Training before the clock or on data that was not handed out; tampering with the ruler by computed names."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.early import EARLY
from tests.attacks.tampering import TAMPERING

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims(
    "early", (*EARLY, *TAMPERING), audited=False, slow=True
)
