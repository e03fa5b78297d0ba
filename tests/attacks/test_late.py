"""Late submits and writes after the submit; trained weights in the text of the canvas."""

from __future__ import annotations

from tests.attacks.claims import MARKS, claims
from tests.attacks.late import LATE
from tests.attacks.literals import LITERALS

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims(
    "late", (*LATE, *LITERALS), audited=False, slow=True
)
