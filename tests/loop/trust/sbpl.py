"""A small reader of sandbox profiles: what one says of an operation. It knows what ours use and fails on the rest.

Written from what the language's users report, and not from Apple's compiler: nothing here has run on a Mac.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKEN = re.compile(r'\s*(?:(#?"(?:[^"\\]|\\.)*")|([()])|([^\s()"#;]+))')
# Each family of operations, and the filters that a rule about it may have.
PATHS, TARGETS, SOCKETS = {"literal", "subpath"}, {"target"}, {"local", "remote"}
FAMILIES = {
    "file-read*": PATHS, "file-read-data": PATHS, "file-read-metadata": PATHS, "file-read-xattr": PATHS,
    "file-write*": PATHS, "file-write-create": PATHS, "file-write-data": PATHS, "file-write-unlink": PATHS,
    "file-map-executable": PATHS, "process-exec*": PATHS, "process-fork": set(), "process-info*": TARGETS,
    "signal": TARGETS, "sysctl-read": {"sysctl-name", "sysctl-name-prefix"},
    "mach-lookup": {"global-name", "xpc-service-name"}, "iokit-open": {"iokit-user-client-class"},
    "ipc-posix-shm*": {"ipc-posix-name-regex"}, "ipc-posix-sem": set(), "system-socket": set(), "network*": SOCKETS,
    "network-bind": SOCKETS, "network-inbound": SOCKETS, "network-outbound": SOCKETS,
}  # fmt: skip


class Malformed(Exception):
    """No profile, or more of the language than this reader knows. `sandbox-exec` ends with 65."""


class Pattern(str):
    """A text that was written #"..."."""


@dataclass(frozen=True)
class Rule:
    allow: bool
    operations: tuple[str, ...]
    filters: tuple[Any, ...]


@dataclass
class Profile:
    """The rules of a text, with its parameters put in."""

    text: str
    parameters: Mapping[str, str]
    rules: list[Rule] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        version, default, *rules = read(self.text)
        if version != ["version", "1"] or default != ["deny", "default"]:
            raise Malformed(f"{version} {default}")
        self.rules = [self._rule(rule) for rule in rules]
        if unused := self.parameters.keys() - self.used:
            raise Malformed(f"{sorted(unused)} are in no rule")

    def allows(self, operation: str, subject: str = "") -> bool:
        """Return what the last matching rule says of, say, `file-read-data` and a path, `signal` and `others`."""
        for rule in reversed(self.rules):
            if any(covers(name, operation) for name in rule.operations) and (
                not rule.filters or any(matches(f, subject) for f in rule.filters)
            ):
                return rule.allow
        return False

    def reads(self, path: object) -> bool:
        return self.allows("file-read-data", str(path))

    def writes(self, path: object) -> bool:
        """Return whether a file may be made, changed and removed; fails where only some of it is allowed."""
        found = {self.allows(f"file-write-{what}", str(path)) for what in ("create", "data", "unlink", "mode")}
        assert len(found) == 1, f"{path}: partly writable"
        return found.pop()

    def _rule(self, rule: Any) -> Rule:
        if not isinstance(rule, list) or len(rule) < 2 or rule[0] not in ("allow", "deny"):
            raise Malformed(str(rule))
        operations = tuple(word for word in rule[1:] if isinstance(word, str))
        filters = tuple(self._filter(word) for word in rule[1:] if isinstance(word, list))
        for operation in operations:
            if operation not in FAMILIES or not {f[0] for f in filters} <= FAMILIES[operation]:
                raise Malformed(f"{operation} with {filters}")
        return Rule(rule[0] == "allow", operations, filters)

    def _filter(self, words: Sequence[Any]) -> tuple[Any, ...]:
        match words:
            case ["literal" | "subpath" as kind, ["param", str(name)]] if name in self.parameters:
                self.used.add(name)
                value = self.parameters[name]
            case ["local" | "remote" as kind, "unix-socket", [*path]]:
                return (kind, self._filter(path))
            case [str(kind), str(value)]:
                pass
            case _:
                raise Malformed(str(words))
        if kind in PATHS and not value.startswith("/"):
            raise Malformed(f"{value} is not absolute")
        return (kind, value)


def read(text: str) -> list[Any]:
    """Return the expressions of a text; a list is one in brackets."""
    stack: list[list[Any]] = [[]]
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise Malformed(text[at : at + 20])
        at = found.end()
        quoted, bracket, word = found.groups()
        if bracket == "(":
            stack.append([])
        elif bracket == ")":
            if len(stack) == 1:
                raise Malformed("a bracket is closed that was not opened")
            done = stack.pop()
            stack[-1].append(done)
        elif word:
            stack[-1].append(word)
        else:
            stack[-1].append(Pattern(quoted[2:-1]) if quoted[0] == "#" else re.sub(r"\\(.)", r"\1", quoted[1:-1]))
    if len(stack) > 1:
        raise Malformed("a bracket is not closed")
    return stack[0]


def covers(name: str, operation: str) -> bool:
    return operation.startswith(name[:-1]) if name.endswith("*") else operation == name


def matches(rule: tuple[Any, ...], subject: str) -> bool:
    match rule:
        case [
            "literal" | "target" | "sysctl-name" | "global-name" | "xpc-service-name" | "iokit-user-client-class",
            name,
        ]:
            return bool(subject == name)
        case ["subpath", place]:
            return Path(subject).is_relative_to(place)
        case ["sysctl-name-prefix", prefix]:
            return subject.startswith(prefix)
        case ["ipc-posix-name-regex", Pattern() as pattern]:
            return re.search(pattern, subject) is not None
        case ["local" | "remote", path]:
            return matches(path, subject)
        case _:
            raise Malformed(str(rule))
