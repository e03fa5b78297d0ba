"""An entry's body ↔ its kind and its JSON, as the journal holds them. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from loop.record.entries import Body
from loop.record.types import JournalError

KINDS: dict[str, type] = {kind.__name__: kind for kind in get_args(Body)}


def encode(body: Body) -> tuple[str, str]:
    """Return an entry's kind and the rest of it as JSON."""
    return type(body).__name__, json.dumps(asdict(body), ensure_ascii=False)


def decode(kind: str, data: str) -> Body:
    """Return the body of this kind that the JSON tells. Unknown fields are dropped; an unknown kind is a JournalError.

    What cannot be understood raises ValueError, TypeError or AttributeError.
    """
    if kind not in KINDS:
        raise JournalError(f"the journal holds an entry of the unknown kind {kind}; update autoresearch")
    body: Body = _builder(KINDS[kind])(json.loads(data))
    return body


def _plain(value: Any) -> Any:
    return value


@cache
def _builder(kind: Any) -> Callable[[Any], Any]:
    """Return what rebuilds a value of the annotated type from JSON: dataclasses, enums, tuples, dicts, optional ones.

    Made once for each type: a night of 10,000 experiments is half a million values.
    """
    if isinstance(kind, UnionType):
        some = _builder(next(k for k in get_args(kind) if k is not NoneType))
        return lambda value: None if value is None else some(value)
    if get_origin(kind) is tuple:
        item = _builder(get_args(kind)[0])
        return lambda value: tuple(map(item, value))
    if get_origin(kind) is dict:
        inner = _builder(get_args(kind)[1])
        return lambda value: {k: inner(v) for k, v in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        built = {f.name: _builder(hints[f.name]) for f in fields(kind)}

        def rebuild(value: dict[str, Any]) -> Any:
            return kind(**{name: build(value[name]) for name, build in built.items() if name in value})

        return rebuild
    return kind if issubclass(kind, Enum) else _plain
