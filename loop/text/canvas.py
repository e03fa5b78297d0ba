"""What can be read from a canvas's text: its syntax tree, fingerprint, lines of code. Pure; nothing of it is run."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
import warnings
from functools import lru_cache
from typing import TypeAlias

from loop.text.diff import BOM

Owner: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def unusable(data: bytes, name: str) -> str:
    """Return why a canvas on disk cannot begin a campaign, "" where nothing speaks against it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"{name}: not UTF-8 (byte {error.start}); save it as UTF-8"
    if text.startswith("version https://git-lfs"):
        return f"{name}: this is a Git LFS pointer, not the file; run 'git lfs pull'"
    if name.endswith(".py"):
        try:
            with warnings.catch_warnings(action="ignore"):
                compile(data, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            return f"{name}{f', line {line}' if line else ''}: {getattr(error, 'msg', error)}; fix it"
    return ""


@lru_cache(maxsize=256)  # a search looks at many texts again and again, 20 ms each
def fingerprint(text: str) -> str:
    """Return a hash that layout, comments and docstrings do not change; of the words where it is not Python."""
    tree = parse(text)
    content = None if tree is None else _dump(tree)
    if content is None:
        content = " ".join(text.split())
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=8)
def code_lines(text: str) -> list[str]:
    """Return the lines that hold code, without their comments."""
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    tree = parse(text)
    if tree is not None:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
        for owner in _documented(tree):
            first, last = owner.body[0].lineno, owner.body[0].end_lineno or 0
            lines[first - 1 : last] = [""] * (last - first + 1)
    return [line.rstrip() for line in lines if line.strip()]


def framework(tree: ast.Module | None) -> str:
    """Return the framework that a canvas names, FRAMEWORK = "mlx" at its top level; torch where it names none.

    prepare.py reads it by the same rule.
    """
    for node in tree.body if tree else ():
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="FRAMEWORK")], value=ast.Constant(value=str(name)))
                | ast.AnnAssign(target=ast.Name(id="FRAMEWORK"), value=ast.Constant(value=str(name)))
            ) if name:
                return name
    return "torch"


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree of a text, None where it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about "\\d" and the like: the canvas's own affair
            return ast.parse(text.removeprefix(BOM))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _dump(tree: ast.Module) -> str | None:
    for owner in _documented(tree):
        del owner.body[0]
    try:
        return ast.dump(tree, include_attributes=False)
    except (RecursionError, ValueError):  # a number of more than 4,300 digits
        return None


def _documented(tree: ast.Module) -> list[Owner]:
    """Return what has a docstring."""
    owners = [node for node in ast.walk(tree) if isinstance(node, Owner)]
    return [node for node in owners if ast.get_docstring(node, clean=False) is not None]
