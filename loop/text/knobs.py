"""The knobs in a canvas's text: find them, say what a literal is worth, turn them. Pure, and nothing of it is run.

A knob is an UPPER_CASE name that a line of its own assigns one plain literal: a number (`-1e-4`, `2**18`), a string
or a truth value. It stands at the top level or, as the header of train.py says, in a branch of a top-level
`if prepare.PROFILE.name == "gpu":`: each `if` and `elif` holds for the profile it names, the `else` for any other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from loop.text.canvas import parse
from loop.text.diff import BOM, LINE

Value: TypeAlias = int | float | bool | str

NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")
DEEPEST = 50  # operations within another that a knob's value may have; Python's own limit is near 1000
LARGEST = 1e30  # 2**18 is the value of a knob; 9**9**9 is an attack on anybody who opens the file


@dataclass(frozen=True)
class Knob:
    """One knob and the place of its literal: line from 1, columns from 0 in characters, the end excluded."""

    name: str
    literal: str
    value: Value
    line: int
    column_start: int
    column_end: int
    comment: str = ""  # what follows on its line, without the #
    profile: str = ""  # where it holds: "" everywhere, "gpu" there only, "not gpu gpu-8" everywhere but in these


def knobs(text: str, profile: str | None = None) -> dict[str, Knob]:
    """Return the knobs that hold for `profile` by name; of a name assigned twice the last, which wins when it runs.

    None takes every branch for alive. A text that is not Python has no knobs.
    """
    return {knob.name: knob for knob in all_knobs(text) if _holds(knob.profile, profile)}


@lru_cache(maxsize=8)
def all_knobs(text: str) -> tuple[Knob, ...]:
    """Return every knob in the order of the lines, those of both branches of a profile too."""
    tree = parse(text)
    lines = LINE.findall(text.removeprefix(BOM))
    return () if tree is None else tuple(k for n, p in _statements(tree) if (k := _knob(n, p, lines)) is not None)


def value_of(literal: str) -> Value | None:
    """Return what a literal is worth, None where it is none that a knob may have."""
    tree = parse(literal.strip())
    match tree:
        case ast.Module(body=[ast.Expr(value=node)]):
            return _value(node)
        case _:
            return None


def with_knob(text: str, name: str, literal: str, profile: str | None = None) -> str:
    """Return the text with one knob's literal replaced and every other byte as it was; KeyError where there is none."""
    return with_knobs(text, {name: literal}, profile)


def with_knobs(text: str, literals: Mapping[str, str], profile: str | None = None) -> str:
    """Return the text with several literals replaced, as `with_knob` does one."""
    found = knobs(text, profile)
    lines = LINE.findall(text.removeprefix(BOM))
    for name, literal in literals.items():
        knob = found[name]
        line = lines[knob.line - 1]
        lines[knob.line - 1] = line[: knob.column_start] + literal + line[knob.column_end :]
    return (BOM if text.startswith(BOM) else "") + "".join(lines)


def _holds(where: str, profile: str | None) -> bool:
    if profile is None or not where:
        return True
    return profile not in where.split()[1:] if where.startswith("not ") else where == profile


def _statements(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the statements that may hold a knob, with the profile for which they do."""
    for node in tree.body:
        branches = list(_branches(node))
        yield from branches or [(node, "")]


def _branches(node: ast.stmt, named: tuple[str, ...] = ()) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the statements in an `if` over profiles, nothing for any other statement; `named` are those before it."""
    match node:
        case ast.If(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=str(name))])) if any(
            "PROFILE" in getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(left)
        ):
            yield from ((inner, name) for inner in node.body)
            for inner in node.orelse:
                yield from list(_branches(inner, (*named, name))) or [(inner, " ".join(("not", *named, name)))]


def _knob(node: ast.stmt, profile: str, lines: list[str]) -> Knob | None:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=literal) if NAME.match(name):
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as literal) if NAME.match(name):
            pass
        case _:
            return None
    value = _value(literal)
    if value is None or node.lineno != literal.end_lineno:
        return None
    line = lines[node.lineno - 1]
    begin, start, end = (
        len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "surrogatepass"))
        for offset in (node.col_offset, literal.col_offset, literal.end_col_offset or 0)
    )
    rest = line[end:].strip()
    if line[:begin].strip() or rest[:1] not in ("", "#"):
        return None
    return Knob(name, line[start:end], value, node.lineno, start, end, rest.lstrip("# "), profile)


def _value(node: ast.expr, deepest: int = DEEPEST) -> Value | None:
    """Return what a literal or a small product of numbers is worth; None for anything else."""
    match node:
        case _ if not deepest:
            return None
        case ast.Constant(value=bool() | str() as value):
            return value
        case ast.Constant(value=int() | float() as value):
            return value if abs(value) < LARGEST else None  # which no NaN is
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = _value(operand, deepest - 1)
            return None if number is None or isinstance(number, bool | str) else -number
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.Pow() as op, right=right):
            return _calculate(_value(left, deepest - 1), op, _value(right, deepest - 1))
        case _:
            return None


def _calculate(a: Value | None, op: ast.operator, b: Value | None) -> Value | None:
    if a is None or b is None or isinstance(a, bool | str) or isinstance(b, bool | str):
        return None
    try:
        if isinstance(op, ast.Pow):
            value = a**b if abs(b) <= 64 else None
        else:
            value = a * b if isinstance(op, ast.Mult) else a / b
    except ArithmeticError:
        return None
    return value if isinstance(value, int | float) and abs(value) < LARGEST else None
