"""Every defence can be switched off in the ruler as it is now: else the attacks on it would be claimed by no test."""

import ast

import pytest

from tests.attacks.defences import DEFENCES, ruler_without


@pytest.mark.parametrize("names", [(), *((name,) for name in DEFENCES)], ids=lambda names: "".join(names) or "none")
def test_the_ruler_without_a_defence_is_still_a_ruler(names):
    assert ast.parse(ruler_without(names, audited="audit" in names)).body
