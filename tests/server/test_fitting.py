"""A client is sent only what it understands: disabled actions, a tree and Markdown only where it says that it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as t

from server.documents import Document
from server.fitting import Client

PLACE = t.Range(t.Position(0, 0), t.Position(1, 0))
DOCUMENT = Document("file:///p.md", Path("/p.md"), 1, "# a\n## b\n")
INNER = t.DocumentSymbol("b", t.SymbolKind.String, PLACE, PLACE)
TREE = [t.DocumentSymbol("a", t.SymbolKind.String, PLACE, PLACE, children=[INNER])]
ACTIONS = [t.CodeAction("now"), t.CodeAction("later", disabled=t.CodeActionDisabled("no campaign runs"))]


@pytest.mark.parametrize(
    ("method", "result", "client", "names"),
    [
        pytest.param(t.TEXT_DOCUMENT_CODE_ACTION, ACTIONS, Client(disabled_actions=True), ["now", "later"], id="shown"),
        pytest.param(t.TEXT_DOCUMENT_CODE_ACTION, ACTIONS, Client(), ["now"], id="not shown"),
        pytest.param(t.TEXT_DOCUMENT_DOCUMENT_SYMBOL, TREE, Client(hierarchical_symbols=True), ["a"], id="a tree"),
        pytest.param(t.TEXT_DOCUMENT_DOCUMENT_SYMBOL, TREE, Client(), ["a", "b"], id="a list"),
    ],
)
def test_what_is_sent_is_what_the_client_understands(
    method: str, result: list[Any], client: Client, names: list[str]
) -> None:
    found = client.fitted(method, DOCUMENT, result)
    assert [getattr(one, "title", None) or one.name for one in found] == names


@pytest.mark.parametrize(("client", "words"), [(Client(markdown_hover=True), "**a**"), (Client(), "a")])
def test_a_hover_is_markdown_only_for_those_that_show_it(client: Client, words: str) -> None:
    hover = t.Hover(t.MarkupContent(t.MarkupKind.Markdown, "**a**"))
    assert client.fitted(t.TEXT_DOCUMENT_HOVER, DOCUMENT, hover).contents.value == words
    assert client.fitted(t.TEXT_DOCUMENT_HOVER, DOCUMENT, None) is None
