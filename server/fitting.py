"""What a client can do, and every result in a form that it understands. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lsprotocol import types as t

from server.documents import Document


@dataclass(frozen=True)
class Client:
    """What a client says that it can do, as far as we care."""

    lens_refresh: bool = False
    hint_refresh: bool = False
    progress: bool = False
    show_document: bool = False
    disabled_actions: bool = False
    hierarchical_symbols: bool = False
    markdown_completion: bool = False
    markdown_hover: bool = False
    status: bool = False  # wants `autoresearch/status`

    @classmethod
    def of(cls, capabilities: t.ClientCapabilities) -> Client:
        def told(*path: str) -> Any:
            at: Any = capabilities
            for name in path:
                at = at.get(name) if isinstance(at, dict) else getattr(at, name, None)
            return at or ()

        def has(*path: str) -> bool:
            return bool(told(*path))

        return cls(
            lens_refresh=has("workspace", "code_lens", "refresh_support"),
            hint_refresh=has("workspace", "inlay_hint", "refresh_support"),
            progress=has("window", "work_done_progress"),
            show_document=has("window", "show_document", "support"),
            disabled_actions=has("text_document", "code_action", "disabled_support"),
            hierarchical_symbols=has("text_document", "document_symbol", "hierarchical_document_symbol_support"),
            markdown_completion=t.MarkupKind.Markdown
            in told("text_document", "completion", "completion_item", "documentation_format"),
            markdown_hover=t.MarkupKind.Markdown in told("text_document", "hover", "content_format"),
            status=has("experimental", "autoresearch"),
        )

    def fitted(self, method: str, document: Document, result: Any) -> Any:
        """Return the result of a feature in the form that this client understands."""
        if method == t.TEXT_DOCUMENT_CODE_ACTION and not self.disabled_actions:
            return [action for action in result if action.disabled is None]
        if method == t.TEXT_DOCUMENT_DOCUMENT_SYMBOL and not self.hierarchical_symbols:
            return _flat(document, result)
        if method == t.TEXT_DOCUMENT_COMPLETION and not self.markdown_completion:
            for item in result:
                item.documentation = unmarked(item.documentation.value)
        if method == t.TEXT_DOCUMENT_HOVER and result is not None and not self.markdown_hover:
            result.contents = t.MarkupContent(t.MarkupKind.PlainText, unmarked(result.contents.value))
        return result


def unmarked(text: str) -> str:
    """Return our Markdown as plain text, for a client that shows no Markdown: no fences, rules, stars, escapes."""
    fenced, lines = False, list[str]()
    for line in text.splitlines():
        if re.fullmatch(r"```\w*", line):
            fenced = not fenced
        elif fenced:
            lines.append(line)
        elif not re.fullmatch(r"---|\|[-|]+\|", line):
            lines.append(_unmarked_line(line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _unmarked_line(line: str) -> str:
    """Return a line of prose without stars and escapes; what stands between backticks is code and stays."""
    parts = re.split(r"(?<!\\)`", line)
    parts[::2] = [re.sub(r"\\([\\`*_{}\[\]<>|!~])", r"\1", part.replace("**", "")) for part in parts[::2]]
    return "".join(parts)


def _flat(document: Document, tree: list[t.DocumentSymbol]) -> list[t.SymbolInformation]:
    """Return the outline for clients that know no tree."""
    found: list[t.SymbolInformation] = []
    for symbol in tree:
        found.append(t.SymbolInformation(t.Location(document.uri, symbol.range), symbol.name, symbol.kind))
        found.extend(_flat(document, list(symbol.children or [])))
    return found
