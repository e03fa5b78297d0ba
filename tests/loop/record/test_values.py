"""The text of one setting → its value, or a sentence that says what to write."""

from __future__ import annotations

import pytest

from loop.record import values
from loop.record.values import Budget, BudgetKind, counted, parse_budget


@pytest.mark.parametrize(
    ("text", "kind", "amount", "written"),
    [
        ("15s", BudgetKind.WALL, 15, "15s"),
        ("90 sec", BudgetKind.WALL, 90, "90s"),
        ("5m", BudgetKind.WALL, 300, "5m"),
        ("1.5h", BudgetKind.WALL, 5400, "90m"),
        ("500k tokens", BudgetKind.TOKENS, 500_000, "500k tokens"),
        ("1M tokens", BudgetKind.TOKENS, 1e6, "1M tokens"),
        ("2 TFLOP", BudgetKind.FLOPS, 2e12, "2 TFLOP"),
    ],
)
def test_a_budget_is_read_and_written_in_its_unit(text: str, kind: BudgetKind, amount: float, written: str) -> None:
    assert parse_budget(text) == Budget(kind, amount)
    assert str(parse_budget(text)) == written and parse_budget(written) == parse_budget(text)


@pytest.mark.parametrize(
    ("text", "finding"),
    [("5", "has no unit"), ("5 days", "unknown unit"), ("0s", "out of range"), ("soon", "not a budget")],
)
def test_a_budget_that_is_none_is_told_how_to_be_written(text: str, finding: str) -> None:
    with pytest.raises(ValueError, match=rf"{finding}.*write 15s, 5m or 2h"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["train.py", "src/model.py", "src\\model.py", "./train.py", "..train.py"])
def test_a_canvas_is_a_file_of_this_folder(text: str) -> None:
    assert values.canvas(text).count("\\") == 0


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("../train.py", "not a file of this folder"),
        ("src/../../train.py", "not a file of this folder"),
        ("src\\..\\..\\train.py", "not a file of this folder"),
        (".git/config", "not a file of this folder"),
        (".", "not a file of this folder"),
        ("/etc/passwd", "an absolute path"),
        ("C:\\train.py", "an absolute path"),
        ("~/train.py", "an absolute path"),
        ("prepare.py", "is fixed and cannot be the canvas"),
        ("sub/program.md", "is fixed and cannot be the canvas"),
    ],
)
def test_no_other_file_can_be_the_one_that_an_agent_changes(text: str, finding: str) -> None:
    with pytest.raises(ValueError, match=finding):
        values.canvas(text)


@pytest.mark.parametrize(("text", "pairs"), [("0", 0), ("2", 2), ("50", 50)])
def test_pairs_are_none_or_enough_for_an_interval(text: str, pairs: int) -> None:
    assert values.pairs(text) == pairs
    for refused in ("1", "51", "-2", "some"):
        with pytest.raises(ValueError, match="write"):
            values.pairs(refused)


@pytest.mark.parametrize("text", ["python train.py; rm -rf .", "a | b", "a > b", "(a)", "a & b"])
def test_a_run_is_one_plain_command_without_a_shell(text: str) -> None:
    with pytest.raises(ValueError, match="uses the shell"):
        values.run(text)
    assert values.run("python train.py --note 'a; b'")


@pytest.mark.parametrize("text", ["http://user:word@host/", "https://host/?key=1"])
def test_an_address_holds_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match="keys are read from the environment"):
        values.address(text)
    assert values.address("http://localhost:11434/v1")


@pytest.mark.parametrize(("count", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
def test_one_is_counted_in_the_singular(count: int, words: str) -> None:
    assert counted(count, "run") == words
