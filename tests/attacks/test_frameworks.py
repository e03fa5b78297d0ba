"""Attacks of a canvas that is not in torch: the same audit stops them, and no patch leaves its campaign's framework."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.arena import Ended, fight
from tests.attacks.claims import MARKS
from tests.attacks.defences import ruler_without, switch_off
from tests.ruler.arrays import canvas

pytestmark = MARKS
AHEAD, SEARCHED = "looks one token ahead", "counts of the scored rows"
ATTACKS = {
    AHEAD: canvas("logits[:, :-1] += ahead(tokens)"),
    # What every earlier batch of the scored rows held is added to the table.
    SEARCHED: canvas("logits = np.log(np.exp(logits) + 20 * counted(tokens))").replace(
        "calls = []",
        "calls = []\n\n\ndef counted(tokens):\n    known = calls[0] if calls else np.zeros((512, 512), np.float32)\n"
        "    answer = known[tokens].copy()\n    np.add.at(known, (tokens[:, :-1], tokens[:, 1:]), 1)\n"
        "    calls[:] = [known]\n    return answer\n",
    ),
}
LEAVES = canvas().replace('FRAMEWORK = "numpy"', "pass")


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Ended]:
    """One campaign with the audit and one without; the text of a patch is not looked at in either."""
    folder: Path = tmp_path_factory.mktemp("frameworks")
    texts = {**ATTACKS, "names no framework": LEAVES}
    settings = {"baseline": canvas(), "budget": "60k tokens"}
    with pytest.MonkeyPatch.context() as patch:
        switch_off(["preflight", "rehearsal"], patch)
        return (
            fight(folder / "audited", texts, prepare=ruler_without([]), **settings),
            fight(folder / "open", texts, prepare=ruler_without(["audit"]), **settings),
        )


@pytest.mark.parametrize("name", ATTACKS)
def test_a_leak_wins_only_where_nothing_is_audited(
    campaigns: tuple[Ended, Ended], name: str, record_property: Callable[[str, object], None]
) -> None:
    audited, unaudited = campaigns
    assert unaudited.wins(name), unaudited.told(name)
    assert audited.judged(name) and audited.gain(name) == 0.0, audited.told(name)
    record_property("attack", "stopped")


def test_a_patch_that_names_no_framework_is_measured_in_its_campaigns(campaigns: tuple[Ended, Ended]) -> None:
    audited, _ = campaigns
    assert audited.experiments["names no framework"].score == audited.honest, audited.told("names no framework")
