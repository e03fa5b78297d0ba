"""Every key is documented as it is read."""

from __future__ import annotations

import pytest

from loop.settings.program import (
    KEYS,
    Program,
    check,
    override,
)
from tests.loop.settings.front_matter import front


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_every_key_is_documented_and_its_example_works(key):
    group, _, last = key.name.rpartition(".")
    line = f"{group}: {{{last}: {key.example}}}" if group else f"{key.name}: {key.example}"
    assert check(front(line)) == []
    assert key.doc.endswith(".") and key.default


@pytest.mark.parametrize(
    "key", [k for k in KEYS.values() if " " not in k.default or k.name == "run"], ids=lambda k: k.name
)
def test_the_documented_default_is_the_real_one(key):
    assert override(Program(), {key.name: key.default}) == Program()
