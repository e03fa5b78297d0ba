"""Completion in the front matter of program.md: keys with their documentation, and the values that a key takes."""

from __future__ import annotations

import re

from lsprotocol import types as t

from loop.record.values import SOURCES
from loop.settings import devices
from loop.settings.program import KEYS, Key
from loop.text.diff import BOM
from server.convert import Encoding, markdown
from server.documents import Document, Role
from server.snapshot import Snapshot

VALUES: dict[str, tuple[str, ...]] = {
    "model": ("knobs", "anthropic/claude-sonnet-4-5", "openai/gpt-5", "gemini/gemini-2.5-pro", "ollama/qwen3-coder"),
    "metric.goal": ("minimize", "maximize"),
    "devices": devices.SUGGESTED,
    "data": SOURCES,
    "budget": ("30s", "5m", "500k tokens", "2 TFLOP"),
    "command": (
        '"claude -p --permission-mode acceptEdits"',
        '"codex exec --skip-git-repo-check --sandbox workspace-write -"',
        '"gemini --approval-mode auto_edit --skip-trust"',
    ),
}
KEY = re.compile(r"\s*([A-Za-z_.-]*)\s*(:?)\s*")


def front_matter(document: Document) -> range:
    """Return the lines between the two `---`; to the end of the file while the second one is missing."""
    lines = document.lines
    if not lines or lines[0].removeprefix(BOM).strip() != "---":
        return range(0)
    end = next((n for n in range(1, len(lines)) if lines[n].strip() == "---"), len(lines))
    return range(1, end)


def group_at(document: Document, line: int, column: int) -> str:
    """Return the group that a place is inside of (`stop: {` or an indented block), "" at the top level."""
    before = document.line(line)[:column]
    inside = re.match(r"\s*([a-z_]+)\s*:\s*\{[^}]*$", before)
    if inside:
        return inside[1]
    if not before[:1].isspace():
        return ""
    for above in range(line - 1, -1, -1):
        found = re.match(r"([a-z_]+)\s*:\s*$", document.line(above))
        if found:
            return found[1]
        if not document.line(above)[:1].isspace():
            break
    return ""


def key_at(document: Document, line: int) -> Key | None:
    """Return the key that a line of the front matter sets."""
    if line not in front_matter(document):
        return None
    name = KEY.match(document.line(line))
    group = group_at(document, line, 1)
    return KEYS.get(f"{group}.{name[1]}" if group and name else name[1] if name else "") or next(
        (key for key in KEYS.values() if name and key.name.startswith(f"{name[1]}.")), None
    )


def complete(
    snapshot: Snapshot, document: Document, encoding: Encoding, params: t.CompletionParams
) -> list[t.CompletionItem]:
    """Return what may stand at a place of the front matter."""
    line = params.position.line
    if snapshot.role(document) is not Role.PROGRAM or line not in front_matter(document):
        return []
    text = document.line(line)
    column = encoding.characters(text, params.position.character)
    group = group_at(document, line, column)
    begun = re.split(r"[{,]", text[:column])[-1] if group and "{" in text[:column] else text[:column]
    name, colon, value = begun.partition(":")
    if colon and name.strip() in KEYS and KEYS[name.strip()].many:
        value = re.split(r"[\[,]", value)[-1]
    written = (value if colon else name).lstrip()  # what the client's own idea of a word would cut at "/" or "."
    rest = "" if colon else re.split(r"[^A-Za-z_.-]", text[column:], maxsplit=1)[0]  # of the key that the cursor is in
    start, end = encoding.width(text[: column - len(written)]), encoding.width(text[: column + len(rest)])
    place = t.Range(t.Position(line, start), t.Position(line, end))
    if colon:
        full = f"{group}.{name.strip()}" if group and f"{group}.{name.strip()}" in KEYS else name.strip()
        return [_value(KEYS[full], value, place) for value in _values(full)] if full in KEYS else []
    fitting = [key for key in KEYS.values() if not group or key.name.startswith(f"{group}.")]
    if text[column + len(rest) :].lstrip().startswith(":"):  # its value stands there: only another name will do
        return [_key(key, group, place, "") for key in fitting if group or "." not in key.name]
    return [_key(key, group, place) for key in fitting]


def _values(name: str) -> tuple[str, ...]:
    key = KEYS[name]
    plain = tuple(v for v in (key.default, key.example) if re.fullmatch(r"[\w./:-]+", v))
    return VALUES.get(name) or tuple(dict.fromkeys(plain))


def _key(key: Key, group: str, place: t.Range, colon: str = ": ") -> t.CompletionItem:
    home, _, last = key.name.rpartition(".")
    return t.CompletionItem(
        label=last if group else key.name,
        kind=t.CompletionItemKind.Property,
        detail=f"default: {key.default}",
        documentation=markdown(f"{key.doc}\n\nExample: `{key.example}`"),
        text_edit=t.TextEdit(place, f"{last}{colon}" if group or not home else f"{home}: {{{last}: {key.default}}}"),
    )


def _value(key: Key, value: str, place: t.Range) -> t.CompletionItem:
    return t.CompletionItem(
        label=value,
        kind=t.CompletionItemKind.Value,
        detail="default" if value == key.default else None,
        documentation=markdown(key.doc),
        text_edit=t.TextEdit(place, value),
    )
