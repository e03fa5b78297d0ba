"""The mutation probe: its list fits the code, and it tells a mistake that tests notice from one that they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.listed import MUTANTS
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.probe import TOP, Fate, Unusable, probe

SUM = "loop/purse/sum.py"
CODE = "def total(prices):\n    return sum(prices) + 0\n"
TEST = "from loop.purse.sum import total\n\n\ndef test_prices_are_added():\n    assert total([1, 2]) == 3\n"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{Path(m.path).stem}: {m.means}")
def test_every_listed_mutant_fits_the_code_and_is_python(mutant: Mutant) -> None:
    text = (TOP / mutant.path).read_text(encoding="utf-8")
    compile(mutant.applied(text), mutant.path, "exec", dont_inherit=True)
    assert (TOP / "tests" / "loop" / mutant.chapter).is_dir()


def test_no_mutant_is_listed_twice() -> None:
    assert len({(m.path, m.old, m.new) for m in MUTANTS}) == len({m.means for m in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        pytest.param("product", "sum", "stands there 0 times", id="gone"),
        pytest.param("prices", "costs", "stands there 2 times", id="ambiguous"),
        pytest.param("+ 0", "+ (", "line 2 is no Python", id="no Python"),
        pytest.param("sum(prices)", "(sum(prices))", "changes nothing", id="no mistake"),
    ],
)
def test_a_mutant_that_does_not_fit_is_an_error_and_never_passed_over(old: str, new: str, finding: str) -> None:
    with pytest.raises(Stale, match=finding):
        Mutant(SUM, "wrong", old, new).applied(CODE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    packages = {"loop/__init__.py": "", "loop/purse/__init__.py": ""}
    for path, text in {**packages, SUM: CODE, "tests/loop/purse/test_sum.py": TEST}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_a_mistake_that_a_test_notices_is_killed_and_one_that_changes_nothing_it_asks_for_survives(tree: Path) -> None:
    noticed = Mutant(SUM, "a price too many", "+ 0", "+ 1")
    unnoticed = Mutant(SUM, "prices may be text", "sum(prices) + 0", "sum(map(int, prices))")
    found = [(result.fate, result.by) for result in probe([noticed, unnoticed], tree)]
    assert found == [(Fate.KILLED, "tests/loop/purse/test_sum.py::test_prices_are_added"), (Fate.SURVIVED, "")]
    assert (tree / SUM).read_text() == CODE, "the tree itself is never touched"


def test_tests_that_fail_without_a_mutant_or_cannot_be_collected_with_one_say_nothing(tree: Path) -> None:
    unimportable = Mutant(SUM, "no such module", "def total", "import nowhere\n\n\ndef total")
    with pytest.raises(Unusable, match="ends pytest with"):
        list(probe([unimportable], tree))
    (tree / SUM).write_text(CODE.replace("sum", "len"))
    with pytest.raises(Unusable, match="fail without any mutant"):
        list(probe([unimportable], tree))
