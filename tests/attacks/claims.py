"""The claims on the attacks of one kind: tests, and the two campaigns that they ask, for a module to take up.

pytestmark = MARKS
defended, undefended, test_it_wins_without_its_defence, test_it_gains_nothing = claims("bits", BITS)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.attacks.arena import BUDGET, Ended, fight_with, fight_without
from tests.attacks.kinds import Attack
from tests.attacks.still_winning import OPEN

WHICH = "AUTORESEARCH_ATTACKS"
# One test of a file drives a whole campaign, the others ask how it ended.
MARKS = [pytest.mark.bubblewrap, pytest.mark.timeout(1800)]


def claims(
    kind: str,
    attacks: Iterable[Attack],
    budget: str = BUDGET,
    *,
    sides: int = 1,
    audited: bool = True,
    slow: bool = False,
) -> tuple[Any, Any, Callable[..., None], Callable[..., None]]:
    """Return fixtures and tests: each attack wins without its defence, and gains nothing where it is on.

    `sides` is the number of processes that share the rows; `audited` tells whether the undefended ones are audited.
    Where these are `slow`, because each trains five budgets, they run on demand only.
    """
    attacks = tuple(attacks)
    each = pytest.mark.parametrize("attack", attacks, ids=lambda attack: attack.name)

    @pytest.fixture(scope="module", name="defended")
    def defended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
        return fight_with(tmp_path_factory.mktemp(kind), attacks, budget, sides)

    @pytest.fixture(scope="module", name="undefended")
    def undefended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
        return fight_without(tmp_path_factory.mktemp(f"{kind}-undefended"), attacks, budget, sides, audited)

    @each
    @pytest.mark.skipif(slow and os.environ.get(WHICH) != "all", reason=f"slow; {WHICH}=all runs it")
    def wins(attack: Attack, undefended: Ended) -> None:
        assert undefended.wins(attack.name), undefended.told(attack.name)

    @each
    def gains_nothing(attack: Attack, defended: Ended, record_property: Callable[[str, object], None]) -> None:
        assert defended.judged(attack.name), defended.told(attack.name)
        won = defended.wins(attack.name)
        record_property("attack", "won" if won else "stopped")
        if attack.name in OPEN:
            assert defended.gain(attack.name) <= OPEN[attack.name], defended.told(attack.name)
        else:
            assert not won, defended.told(attack.name)

    return defended, undefended, wins, gains_nothing
