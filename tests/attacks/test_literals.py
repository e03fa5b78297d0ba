"""Attacks of one kind: none scores better than honest work, and each does where its defence is off."""

from __future__ import annotations

import pytest

from tests.attacks.arena import Ended, fight_with, fight_without
from tests.attacks.kinds import Attack
from tests.attacks.literals import LITERALS

pytestmark = [pytest.mark.bubblewrap, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def with_all(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return fight_with(tmp_path_factory.mktemp("literals"), LITERALS)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return fight_without(tmp_path_factory.mktemp("literals-without"), LITERALS)


@pytest.mark.parametrize("attack", LITERALS, ids=lambda attack: attack.name)
def test_it_wins_without_its_defence(attack: Attack, without: Ended) -> None:
    assert without.wins(attack.name), without.told(attack.name)


@pytest.mark.parametrize("attack", LITERALS, ids=lambda attack: attack.name)
def test_it_gains_nothing(attack: Attack, with_all: Ended) -> None:
    assert with_all.judged(attack.name) and not with_all.wins(attack.name), with_all.told(attack.name)
