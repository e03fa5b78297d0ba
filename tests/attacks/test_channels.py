"""Processes that tell each other the later tokens, or that an audit is being answered."""

from __future__ import annotations

from tests.attacks.channels import BITS, TALKS
from tests.attacks.claims import MARKS, claims

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims(
    "channels", (*TALKS, *BITS), sides=2
)
