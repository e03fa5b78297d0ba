"""The YAML front matter of program.md → line and text of every known key, and the problems.

The only module that reads YAML. It reads events and nodes and never constructs objects, so YAML's idea of types (yes is
true, 1:30 is 90) and its tags do not matter. Pure: takes text, reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from loop.record.types import Fix, Problem
from loop.settings.keys import GROUPS, KEYS, Key, example, unknown

MAX_CHARACTERS = 20_000  # a front matter is a screenful
MAX_DEPTH = 3  # `stop: {experiments: 100}` is 2; a third level is found and explained by its key

Texts = dict[str, tuple[int, str]]  # full key name → its line (1-based) and the text of its value
Span = tuple[int, int, int, int]  # line and column of the start, of the end; both 0-based, in characters


@dataclass(frozen=True)
class Pair:
    """A key and its value where they stand in program.md; `name` is the full one, of known keys or not."""

    name: str
    key: Span
    value: Span


@dataclass
class Front:
    """Front matter on its way from text to values. `offset` lines of program.md stand above it."""

    text: str
    offset: int
    problems: list[Problem] = field(default_factory=list)
    texts: Texts = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)  # in their order; what is given twice is there twice

    def read(self) -> Front:
        """Fill `texts`, `pairs` and `problems`."""
        if len(self.text) > MAX_CHARACTERS:
            self._problem(0, None, f"over {MAX_CHARACTERS} characters of keys; put prose below the second '---'")
            return self
        try:
            if not self._refuses():
                self._root(yaml.compose(self.text, Loader=yaml.SafeLoader))
        except yaml.reader.ReaderError as error:
            self._problem(error.position, None, "a control character is not allowed here; remove it", Fix())
        except yaml.MarkedYAMLError as error:
            unclosed = error.context_mark is not None and "stream" in str(error.problem)
            mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
            self._problem(_index(mark), None, _explain(error))
        return self

    def _line(self, index: int) -> int:
        return self.offset + 1 + self.text.count("\n", 0, index)

    def _span(self, node: yaml.Node) -> Span:
        start, end = _index(node.start_mark), _index(node.end_mark)
        end = start + len(self.text[start:end].rstrip())  # a block ends where the next key begins
        return *self._place(start), *self._place(end)

    def _place(self, index: int) -> tuple[int, int]:
        return self._line(index) - 1, index - (self.text.rfind("\n", 0, index) + 1)

    def _problem(self, index: int, key: str | None, message: str, fix: Fix | None = None) -> None:
        self.problems.append(Problem(self._line(index), key, message, fix))

    def _refuses(self) -> bool:
        """Refuse anchors, aliases, tags and deep nesting.

        Events come lazily, so a billion laughs or a thousand brackets are refused before they are expanded.
        """
        depth = 0
        for event in yaml.parse(self.text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if getattr(event, "anchor", None) is not None:
                finding = "anchors and aliases (& and *) are not supported; write the value out, or quote it"
            elif getattr(event, "tag", None) is not None:
                finding = "tags (!) are not supported; write the plain value, or quote it"
            elif depth > MAX_DEPTH:
                finding = f"this is nested too deeply; no key needs more than '{example('stop')}'"
            else:
                continue
            self._problem(_index(event.start_mark), None, finding)
            return True
        return False

    def _root(self, root: yaml.Node | None) -> None:
        if isinstance(root, yaml.MappingNode):
            self._walk(root, "")
        elif root is not None:
            self._problem(_index(root.start_mark), None, "here are no keys; write lines such as 'model: knobs'")

    def _walk(self, node: yaml.MappingNode, group: str) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            full = f"{group}.{name}" if group else name
            at = _index(key.start_mark)
            self.pairs.append(Pair(full, self._span(key), self._span(value)))
            if name in seen:
                self._problem(at, full, f"{full} is given twice; keep one of the two", Fix())
            elif full in GROUPS and isinstance(value, yaml.MappingNode):
                self._walk(value, full)
            elif full == "metric" and isinstance(value, yaml.ScalarNode):
                self._take(KEYS["metric.name"], at, value)
            elif full in KEYS:
                self._take(KEYS[full], at, value)
            elif full in GROUPS and value.value:
                self._problem(at, full, f"{full} holds keys of its own; write {example(full)}")
            elif full not in GROUPS:
                self._problem(at, full, *unknown(name, group))
            seen.add(name)

    def _take(self, key: Key, at: int, node: yaml.Node) -> None:
        """Note the text of one value; whether it is a good one is for the key's own reader."""
        several = isinstance(node, yaml.SequenceNode) and key.many
        items = node.value if several else [node]
        finding = "the list is empty" if not items else ""
        for item in items:
            if not isinstance(item, yaml.ScalarNode):
                kind = "a list" if isinstance(item, yaml.SequenceNode) else "keys of its own"
                finding = f"{key.name} does not take {kind}"
            elif item.style is None and item.tag.endswith(":bool"):
                finding = f"YAML reads {item.value} as true or false; put it in quotes if you mean the word"
        if finding:
            self._problem(at, key.name, f"{finding}; write {example(key.name)}")
        else:
            self.texts[key.name] = (self._line(at), ", ".join(item.value.strip() for item in items))


def _index(mark: Any) -> int:
    """Return where in the text a mark points; PyYAML leaves some marks out."""
    return int(mark.index) if mark is not None else 0


def _explain(error: yaml.MarkedYAMLError) -> str:
    """Return the sentence for a YAML syntax error."""
    finding = error.problem or "a syntax error"
    if "'\\t'" in finding:
        return "a tab where YAML needs spaces; indent with spaces"
    if "mapping values are not allowed" in finding:
        return "a second ': ' is on this line, or it is indented too far; put the value in quotes"
    if "single document" in (error.context or "") or "<document start>" in finding:
        return "the front matter ends twice; put prose below the second '---'"
    if "stream" in finding:
        return "a bracket or a quote that is opened here is never closed; close it"
    if "expected ',' or" in finding:
        return "a comma or a closing bracket is missing before this; close the bracket that opens above"
    return f"the YAML is broken ({finding}); compare with '{example('stop')}' and quote odd values"
