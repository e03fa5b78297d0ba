"""How much data a text carries beyond a campaign's baseline: trained weights and tables do not count as an idea.

They may stand in one literal, in many, in comments, names or blanks, since a canvas can read its own source. So all
that is new is weighed by what it compresses to, which a table cannot shrink and code can; against the baseline, not
the incumbent, so that nothing comes in by slices. Pure, about 30 ms.

What data buys at the CPU's default budget (two seeds, noise 0.012): 1 kB of unigram log-frequencies 0.039 bits per
byte, 7 kB of a low-rank table of pairs 0.017, 17 kB 0.034, 66 kB 0.070. So what the bounds below let pass buys 0.04 at
the most, as much as a canvas gets honestly by counting its first batches. 80 honest patches carry at most 430 bytes.
"""

from __future__ import annotations

import ast
import functools
import io
import tokenize
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 64 << 10  # bytes of a canvas, or of its baseline and a quarter of this
LITERAL = 1 << 10  # bytes of one literal: a long message has 200
TABLE = 2 << 10  # bytes of the literals in one display, call or sum: a table of the fastest GPUs has 700
DATA = 1 << 10  # bytes that all new literals compress to: those of a canvas written from scratch make 720
REMARKS = 6 << 10  # bytes that all new comments, docstrings, names and blanks compress to: from scratch 4700
NEW = 12 << 10  # bytes that everything new compresses to: a canvas written from scratch has 8200
WINDOW = 32 << 10  # bytes of known text that zlib can refer to


@dataclass(frozen=True)
class Smuggled:
    """Where a text carries more data than code needs, and a sentence that says so."""

    line: int
    message: str


def smuggled(text: str, baseline: str) -> Smuggled | None:
    """Return the first finding in a canvas that compiles, None where it carries no more than ideas need."""
    if found := _too_large(text, baseline):
        return found
    tree = _parsed(text)
    return _long_literal(text, tree, baseline) or _too_much(text, baseline)


def _too_large(text: str, baseline: str) -> Smuggled | None:
    size, most = len(text.encode(errors="replace")), LARGEST
    most = max(most, len(baseline.encode(errors="replace")) + LARGEST // 4)
    if size <= most:
        return None
    return Smuggled(1, f"the canvas has {size:,} bytes, at most {most:,} are allowed; trained weights do not count")


def _long_literal(text: str, tree: ast.Module, baseline: str) -> Smuggled | None:
    known = _sizes(baseline)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node, size in _literals(tree):
        single = isinstance(node, ast.Constant)
        most = LITERAL if single else TABLE
        if size > most and id(node) not in docstrings and known[size] == 0:
            what = "a literal" if single else "a table of literals"
            told = f"{what} of {size:,} bytes, at most {most:,} are allowed: data has to be learnt in the run"
            return Smuggled(getattr(node, "lineno", 1), told)
    return None


@functools.lru_cache(maxsize=4)
def _sizes(text: str) -> Counter[int]:
    """Return the sizes of the literals of a baseline, which are its author's choice."""
    return Counter(size for _, size in _literals(_parsed(text)))


def _literals(tree: ast.Module) -> Iterator[tuple[ast.AST, int]]:
    """Yield every literal, and every expression that holds several, with the bytes of the literals in it."""
    sizes: dict[int, int] = {}
    for node in reversed(list(ast.walk(tree))):  # what is inside comes before what is around it
        if isinstance(node, ast.Constant):
            sizes[id(node)] = _weight(node.value)
            yield node, sizes[id(node)]
        elif isinstance(node, ast.expr | ast.arguments | ast.keyword):
            sizes[id(node)] = sum(sizes.get(id(child), 0) for child in ast.iter_child_nodes(node))
            yield node, sizes[id(node)]


def _weight(value: object) -> int:
    if isinstance(value, bool | None) or value is Ellipsis:
        return 1
    if isinstance(value, int):
        return 1 + value.bit_length() // 8  # of a huge one no text could be made
    return len(value) if isinstance(value, bytes) else len(str(value).encode(errors="replace"))


def _too_much(text: str, baseline: str) -> Smuggled | None:
    for limit, what, stream in (
        (DATA, "its new literals carry", _data),
        (REMARKS, "its new comments, names and blanks carry", _remarks),
        (NEW, "what is new in it carries", _lines),
    ):
        size, line = _new(stream(text), _known(stream.__name__, baseline))
        if size > limit:
            told = f"{what} {size:,} bytes of data, at most {limit:,} are allowed over a campaign's baseline"
            return Smuggled(line, f"{told}; trained weights and tables have to be learnt in the run")
    return None


def _new(parts: list[tuple[int, str]], known: tuple[Counter[str], bytes]) -> tuple[int, int]:
    """Return what the parts that a baseline has not compress to, in bytes, and the line of the first of them."""
    left = known[0].copy()
    fresh = []
    for line, part in parts:
        if left[part] > 0:
            left[part] -= 1
        else:
            fresh.append((line, part))
    press = zlib.compressobj(9, zdict=known[1]) if known[1] else zlib.compressobj(9)
    text = "\n".join(part for _, part in fresh).encode(errors="replace")
    size = len(press.compress(text)) + len(press.flush())
    return size, fresh[0][0] if fresh else 1


@functools.lru_cache(maxsize=12)
def _known(stream: str, baseline: str) -> tuple[Counter[str], bytes]:
    parts = {"_data": _data, "_remarks": _remarks, "_lines": _lines}[stream](baseline)
    return Counter(part for _, part in parts), "\n".join(part for _, part in parts).encode()[-WINDOW:]


def _lines(text: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(text.splitlines(), 1)]


def _data(text: str) -> list[tuple[int, str]]:
    """Return every literal but docstrings, in order."""
    tree = _parsed(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docstrings]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return [(node.lineno, _spelt(node.value)) for node in found]


def _spelt(value: object) -> str:
    return hex(value) if type(value) is int and value.bit_length() > 64 else repr(value)


def _remarks(text: str) -> list[tuple[int, str]]:
    """Return each line's comment, names and unusual blanks, and the docstrings: what the code would run without."""
    found: list[tuple[int, str]] = []
    names: set[str] = set()
    before = (1, 0)
    opened = False  # the line has begun with something else than blanks
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found.append((token.start[0], token.string))
            elif token.type == tokenize.NAME and token.string not in names:
                names.add(token.string)
                found.append((token.start[0], token.string))
            elif token.type == tokenize.STRING and not opened:
                found += [(token.start[0], line) for line in token.string.splitlines()]
            if token.start[0] == before[0] and token.start[1] - before[1] > 1:
                found.append((token.start[0], " " * (token.start[1] - before[1])))
            if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                opened = False
            elif token.type != tokenize.COMMENT:
                opened = True
            before = token.end
    except (tokenize.TokenError, SyntaxError):
        pass
    blanks = ((n, line[len(line.rstrip()) :]) for n, line in enumerate(text.splitlines(), 1))
    return found + [(n, repr(blank)) for n, blank in blanks if blank]


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
