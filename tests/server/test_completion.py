"""Completion in the front matter, as the text that it leads to."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as t

from server.convert import Encoding
from server.documents import Document
from server.features.completion import complete
from server.snapshot import Snapshot
from tests.server.editor import edited

FOLDER = Path("/campaign")


def completed(front: str, encoding: str = "utf-16") -> dict[str, str]:
    """Return label → text after the item was taken at the place marked with `|`."""
    whole = f"---\n{front}\n---\n# T\n"
    before, _, after = whole.partition("|")
    text = before + after
    line = before.count("\n")
    ours = Encoding(encoding)
    position = t.Position(line, ours.width(before.rpartition("\n")[2]))
    document = Document("file:///campaign/program.md", FOLDER / "program.md", 1, text)
    params = t.CompletionParams(t.TextDocumentIdentifier(document.uri), position)
    found = {}
    for item in complete(Snapshot(FOLDER), document, ours, params):
        assert isinstance(item.text_edit, t.TextEdit)
        found[item.label] = edited(text, [item.text_edit], encoding).removeprefix("---\n").removesuffix("\n---\n# T\n")
    return found


@pytest.mark.parametrize(
    ("front", "label", "expected"),
    [
        pytest.param("mo|", "model", "model: ", id="a key"),
        pytest.param("|", "stop.experiments", "stop: {experiments: 100}", id="a key of a group"),
        pytest.param("model: |", "knobs", "model: knobs", id="a value"),
        pytest.param("model: anthropic/cl|", "anthropic/claude-sonnet-4-5", "model: anthropic/claude-sonnet-4-5",
                     id="a value with a slash, begun"),
        pytest.param("stop: {hours: 1, ex|}", "experiments", "stop: {hours: 1, experiments: }", id="inside braces"),
        pytest.param("model: [openai/gpt-5, kn|]", "knobs", "model: [openai/gpt-5, knobs]", id="inside a list"),
        pytest.param("model: openai/gpt-5, kn|", "knobs", "model: openai/gpt-5, knobs", id="behind a comma"),
        pytest.param("mod|le: knobs", "model", "model: knobs", id="a key whose value stands there"),
        pytest.param("stop: {ho|ur: 3}", "hours", "stop: {hours: 3}", id="such a key inside braces"),
        pytest.param("stop:\n  ho|", "hours", "stop:\n  hours: ", id="inside a block"),
        pytest.param("metric: {name: é😋, goal: ma|}", "maximize", "metric: {name: é😋, goal: maximize}",
                     id="behind letters of two units"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_an_item_replaces_what_was_begun(front: str, label: str, expected: str, encoding: str) -> None:
    assert completed(front, encoding)[label] == expected


@pytest.mark.parametrize("front", ["model: knobs\n---\n|", "unknown: |"])
def test_nothing_is_offered_elsewhere(front: str) -> None:
    assert completed(front) == {}


def test_a_key_with_its_value_is_not_offered_in_place_of_a_key_alone() -> None:
    assert "queue" in completed("mod|el: knobs") and "stop.hours" not in completed("mod|el: knobs")
