"""What is remembered of an incumbent, and what a text lacks or merely reseeds beside it. Pure."""

from __future__ import annotations

import ast
import copy
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from loop.text.canvas import framework
from loop.text.diff import BOM
from loop.trust.findings import Finding, Rule
from loop.trust.rules import findings

SEEDERS = frozenset(["seed", "manual_seed", "manual_seed_all", "default_rng", "RandomState"])
SEED_NAME = re.compile(r"(\w*_)?seed", re.I)
LANDMARKS = {
    "build_model": "build_model() is missing; the scorer needs it to load the checkpoint",
    "submit": "prepare.submit() is never called: the run would end without a checkpoint",
    "__main__": "the call of main() under 'if __name__ == \"__main__\"' is gone: nothing would run",
}


@dataclass(frozen=True)
class Incumbent:
    """A text that is compared with many others."""

    found: tuple[tuple[str, str], ...]  # rule and source of what it does itself
    landmarks: frozenset[str]
    statements: dict[str, ast.stmt]  # top-level, by their structure
    framework: str


@functools.lru_cache(maxsize=4)
def incumbent_of(text: str, metric: str) -> Incumbent:
    """Return what is remembered of a text; of one that is no Python, nothing."""
    try:
        tree = ast.parse(text.removeprefix(BOM))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.Module([], [])
    found = tuple((finding.rule, source) for finding, source in findings(tree, metric))
    try:
        statements = {ast.dump(node): node for node in tree.body}
    except (RecursionError, ValueError):
        statements = {}
    return Incumbent(found, frozenset(_landmarks(tree)), statements, framework(tree))


def lacking(tree: ast.Module, incumbent: Incumbent) -> Iterator[Finding]:
    """Yield what the contract needs, the incumbent has and a tree has not."""
    now = _landmarks(tree)
    for what, message in LANDMARKS.items():
        if what in incumbent.landmarks and what not in now:
            yield Finding(1, Rule.CONTRACT, message)
    if (named := framework(tree)) != incumbent.framework:
        measured = f"the campaign measures a canvas in {incumbent.framework}, and no two frameworks have one budget"
        yield Finding(1, Rule.CONTRACT, f"FRAMEWORK is {named}; {measured}")


def _landmarks(tree: ast.Module) -> set[str]:
    functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    targets = [target for n in tree.body if isinstance(n, ast.Assign) for target in n.targets]
    names = (functions | {n.id for n in targets if isinstance(n, ast.Name)}) & {"build_model"}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="submit") | ast.Name(id="submit")):
                names.add("submit")
            case ast.Constant(value="__main__"):
                names.add("__main__")
    return names


def reseeded(tree: ast.Module, incumbent: Incumbent) -> Iterator[Finding]:
    """Yield a finding where only seeds differ; looks closely at the few top-level statements that changed."""
    new = {ast.dump(node): node for node in tree.body}
    changed = [node for structure, node in new.items() if structure not in incumbent.statements]
    gone = [node for structure, node in incumbent.statements.items() if structure not in new]
    if changed and len(changed) == len(gone) and list(map(_sowed, changed)) == list(map(_sowed, gone)):
        message = "only the random seed changes; a lucky seed is not an idea"
        yield Finding(changed[0].lineno, Rule.SEED, message)


class _Sow(ast.NodeTransformer):
    """Replaces every seed by the same."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SEEDERS and node.args:
            return ast.Constant("seeded")
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if all(isinstance(t, ast.Name) and SEED_NAME.fullmatch(t.id) for t in node.targets):
            return ast.Pass()
        return self.generic_visit(node)


def _sowed(statement: ast.stmt) -> str:
    return ast.dump(_Sow().visit(copy.deepcopy(statement)))
