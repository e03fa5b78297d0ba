"""The text of a canvas → what dooms or forbids a run, before one is spent. Also the editor's tamper diagnostics.

Only what a patch brings is found: what the incumbent does too is the human's choice. It explains, it does not protect:
`getattr` with a computed name passes, the sealed scorer and the sandbox are what holds. Pure, some milliseconds.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from loop.record.types import Failure, FailureKind
from loop.text.diff import BOM
from loop.trust.smuggling import smuggled

RULER = "prepare"
SCORING = frozenset(
    (
        "score",
        "serve_models",
        "start_models",
        "Model",
        "SharedMemory",
        "VAL",
        "AUDIT",
        "deal",
        "batches_on_the_fly",
    )
)
STORAGE = frozenset(["dataset", "Dataset", "find_dataset", "prepare_dataset", "cache_root", "run_folder"])
HELD_OUT = re.compile(
    r"(^|[/\\])(val|valid|validation|audit)[\w-]*\.(bin|npy|pt|txt|jsonl|parquet)$|(^|[/\\])sealed([/\\]|$)"
    r"|shard_06542|validation-00000"
)
SEEDERS = frozenset(["seed", "manual_seed", "manual_seed_all", "default_rng", "RandomState"])
SEED_NAME = re.compile(r"(\w*_)?seed", re.I)
SETTERS = frozenset(["update", "setdefault", "putenv", "unsetenv", "pop", "__setitem__"])
OUTSIDE = {
    **dict.fromkeys(("socket", "urllib", "http", "requests", "ftplib", "httpx", "aiohttp"), "reaches for the network"),
    **dict.fromkeys(("subprocess", "ctypes", "pty", "multiprocessing"), "starts processes or native code"),
}
HIDING = frozenset(["eval", "exec", "__import__", "compile"])
# What counts a step's work is a mode of torch's dispatcher; nothing that an idea needs looks at those or leaves them.
COUNTER = re.compile(
    r"_?disable_current_modes|_DisableTorchDispatch|_get_current_dispatch_mode\w*|_len_torch_dispatch_stack|no_dispatch"
    r"|_(get_dispatch_stack_at|pop_torch_dispatch_stack|push_on_torch_dispatch_stack|pop_mode(_temporarily)?|unset_\w*mode)"
    r"|_(Exclude|Include)DispatchKeyGuard|_ForceDispatchKeyGuard|_AutoDispatchBelow\w+"
)
PRYING = {"gc": {"get_objects", "get_referrers", "get_referents"}, "sys": {"_getframe", "_current_frames"}}
OWN_SOURCE = frozenset(["getsource", "getsourcelines", "getsourcefile", "getlines"])


class Severity(StrEnum):
    """Refuse: the run would be wasted or invalid. Warn: a person may want to look."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """One finding in the canvas; `line` is 1-based."""

    line: int
    rule: str
    message: str
    severity: Severity = Severity.REFUSE


def check(
    text: str, incumbent: str = "", canvas: str = "train.py", metric: str = "val_bpb", baseline: str | None = None
) -> list[Finding]:
    """Return what is wrong with a patched canvas, by line; nothing for a canvas that is not Python.

    With a campaign's `baseline` it is also weighed how much data the text carries beyond that one. Of a script that
    measures itself, where a table may be the idea, there is none to give.
    """
    if not canvas.endswith(".py"):
        return []
    try:
        tree = ast.parse(text.removeprefix(BOM))
        compile(tree, canvas, "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = f": {error.text.strip()[:80]}" if error.text else ""
        return [Finding(error.lineno or 1, "syntax", f"{canvas} does not compile: {error.msg}{shown}")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Finding(1, "syntax", f"{canvas} does not compile: {type(error).__name__}: {error}"[:200])]
    before = _before(incumbent, metric)
    known = Counter(before.found)
    findings = []
    for finding, source in _Walk(tree, metric).findings():
        if known[(finding.rule, source)] > 0:
            known[(finding.rule, source)] -= 1
        else:
            findings.append(finding)
    if incumbent:
        findings += _contract(tree, before)
        with contextlib.suppress(RecursionError, ValueError):  # Python runs what this cannot compare or write down
            findings += _seed_only(tree, before)
    if baseline is not None and (found := smuggled(text.removeprefix(BOM), baseline.removeprefix(BOM))):
        findings.append(Finding(found.line, "data", found.message))
    return sorted(findings, key=lambda f: f.line)


def failure(findings: list[Finding]) -> Failure | None:
    """Return the first finding that refuses a run as the failure of that run, None where there is none."""
    first = next((f for f in findings if f.severity is Severity.REFUSE), None)
    if first is None:
        return None
    kind = FailureKind.SYNTAX if first.rule == "syntax" else FailureKind.OTHER
    return Failure(kind, first.message, first.line)


@dataclass(frozen=True)
class _Before:
    """What is remembered of an incumbent, which is compared with many texts."""

    found: tuple[tuple[str, str], ...]  # rule and source of what it does itself
    landmarks: frozenset[str]
    statements: dict[str, ast.stmt]  # top-level, by their structure


@functools.lru_cache(maxsize=4)
def _before(text: str, metric: str) -> _Before:
    try:
        tree = ast.parse(text.removeprefix(BOM))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.Module([], [])
    found = tuple((finding.rule, source) for finding, source in _Walk(tree, metric).findings())
    try:
        statements = {ast.dump(node): node for node in tree.body}
    except (RecursionError, ValueError):
        statements = {}
    return _Before(found, frozenset(_landmarks(tree)), statements)


class _Walk:
    """One pass over a tree."""

    def __init__(self, tree: ast.Module, metric: str) -> None:
        self.nodes = list(ast.walk(tree))
        self.parent = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}
        self.printed = re.compile(rf"\b{re.escape(metric)}\b\s*[:=]")
        self.rulers = {
            a.asname or a.name for n in self.nodes if isinstance(n, ast.Import) for a in n.names if a.name == RULER
        }
        froms = [n for n in self.nodes if isinstance(n, ast.ImportFrom) and n.module == RULER]
        self.taken = {a.asname or a.name for n in froms for a in n.names}
        calls = (n for n in self.nodes if isinstance(n, ast.Call) and self._ruler_name(n.func) == "Budget")
        self.first_budget = min(calls, key=lambda call: (call.lineno, call.col_offset), default=None)
        self.budgets = {
            target.id
            for n in self.nodes
            if isinstance(n, ast.Assign)
            and isinstance(n.value, ast.Call)
            and self._ruler_name(n.value.func) == "Budget"
            for target in n.targets
            if isinstance(target, ast.Name)
        }

    def findings(self) -> Iterator[tuple[Finding, str]]:
        """Yield findings with the source that they are about."""
        for node in self.nodes:
            for rule, message, severity in self._rules(node):
                statement: ast.AST = node
                while not isinstance(statement, ast.stmt) and statement in self.parent:
                    statement = self.parent[statement]
                yield Finding(getattr(node, "lineno", 1), rule, message, severity), _source(statement)

    def _rules(self, node: ast.AST) -> Iterator[tuple[str, str, Severity]]:
        refuse, warn = Severity.REFUSE, Severity.WARN
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                yield from self._stored(node)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if self._rebinds(node, name):
                yield "ruler", f"'{name}' is prepare.py's; a patch must not replace it", refuse
            case ast.FunctionDef(name=name) if name in self.taken and node in self.nodes[0].body:  # type: ignore[attr-defined]
                yield "ruler", f"'{name}' is prepare.py's; a patch must not replace it", refuse
            case ast.Attribute(attr=name) if self._ruler_name(node) is not None:
                yield from _internal(name)
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Constant(value=str(name)) if COUNTER.fullmatch(
                name
            ):
                yield (
                    "counter",
                    f"{name} belongs to what counts the work of a step; a patch must leave it alone",
                    refuse,
                )
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if name in PRYING.get(owner, ()):
                yield "prying", f"{owner}.{name}() finds objects that are not the canvas's", refuse
            case ast.Name(id="__file__") | ast.Attribute(attr="__file__"):
                yield "own source", "what a canvas reads of its own text or folder is no training", warn
            case ast.Attribute(value=ast.Name(id="inspect" | "linecache"), attr=name) if name in OWN_SOURCE:
                yield "own source", "what a canvas reads of its own text or folder is no training", warn
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in self.budgets and name.startswith("_"):
                yield "budget", "the budget's own state belongs to prepare.py", refuse
            case ast.ImportFrom(module=module, names=names):
                for alias in names if module == RULER else []:
                    yield from _internal(alias.name)
                for alias in names:
                    if COUNTER.fullmatch(alias.name) or alias.name in PRYING.get(module or "", ()):
                        yield "counter", f"{module}.{alias.name} is for what counts or inspects the run", refuse
                yield from _outside(module or "")
            case ast.Import(names=names):
                for alias in names:
                    yield from _outside(alias.name)
            case ast.ClassDef(bases=bases) if any(self._ruler_name(base) == "Budget" for base in bases):
                yield "budget", "a budget of one's own is none; use prepare.Budget() as it is", refuse
            case ast.Constant(value=str(text)) if not isinstance(self.parent.get(node), ast.Expr):
                if HELD_OUT.search(text):
                    yield "held-out data", "this names the held-out data, which a canvas must not read", refuse
                elif text.startswith("AUTORESEARCH_"):
                    yield self._variable(node, text)
            case ast.Call(func=func) if self._ruler_name(func) == "Budget" and node is not self.first_budget:
                yield "budget", "a run has one budget; a second prepare.Budget() buys nothing", refuse
            case ast.keyword(arg=str(name)) if name.startswith("AUTORESEARCH_"):
                yield "environment", f"{name} is set by the loop; a patch must not change it", refuse
            case ast.Call(func=ast.Name(id="print") | ast.Attribute(attr="write")) if self._prints_score(node):
                yield "printed score", "the score is measured elsewhere; a patch must not print or change it", refuse
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[target, *_]) if self._is_foreign(target):
                yield "ruler", "setattr on prepare.py or on the clock is not allowed", refuse
            case ast.Call(func=ast.Name(id=name)) if name in HIDING:
                yield "hidden code", f"{name}() hides code from these checks", warn

    def _stored(self, node: ast.Attribute | ast.Subscript) -> Iterator[tuple[str, str, Severity]]:
        root, path = _root(node)
        if root in self.rulers:
            yield "ruler", f"{path} is prepare.py's; a patch must not change it", Severity.REFUSE
        elif path in ("sys.modules", "sys.modules.prepare"):
            yield "ruler", "replacing an imported module is not allowed", Severity.REFUSE
        elif root == "time" and isinstance(node, ast.Attribute):
            yield "clock", f"{path} must not be replaced: the clock is not the canvas's", Severity.REFUSE
        elif root in self.budgets:
            yield "budget", "the budget's own state belongs to prepare.py", Severity.REFUSE

    def _rebinds(self, node: ast.Name, name: str) -> bool:
        """Tell whether a name of prepare.py is bound anew for the whole module; a local variable may be called so."""
        statement = self.parent.get(node)
        top = isinstance(self.parent.get(statement), ast.Module) if statement else False
        return (name in self.rulers or name in self.taken) and top

    def _ruler_name(self, node: ast.AST) -> str | None:
        """Return the name that an expression takes from prepare.py, None where it is not from there."""
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in self.rulers:
                return name
            case ast.Name(id=name) if name in self.taken:
                return name
            case _:
                return None

    def _is_foreign(self, target: ast.expr) -> bool:
        root, _ = _root(target)
        return root in self.rulers or root == "time" or root in self.budgets

    def _variable(self, node: ast.AST, name: str) -> tuple[str, str, Severity]:
        up = self.parent.get(node)
        while isinstance(up, ast.Dict | ast.Tuple | ast.List):
            up = self.parent.get(up)
        called = isinstance(up, ast.Call) and isinstance(up.func, ast.Attribute) and up.func.attr in SETTERS
        stored = isinstance(up, ast.Subscript) and not isinstance(up.ctx, ast.Load)
        if called or stored:
            return "environment", f"{name} is set by the loop; a patch must not change it", Severity.REFUSE
        return "environment", f"{name} is the loop's; use what prepare.py offers", Severity.WARN

    def _prints_score(self, call: ast.Call) -> bool:
        texts = [n.value for arg in call.args for n in ast.walk(arg) if isinstance(n, ast.Constant)]
        return any(isinstance(text, str) and self.printed.search(text) for text in texts)


def _source(statement: ast.AST) -> str:
    """Return a statement's text, "" for one that holds others or is nested deeper than Python can write down."""
    try:
        return "" if isinstance(statement, ast.FunctionDef | ast.ClassDef) else ast.unparse(statement)
    except (RecursionError, ValueError):
        return ""


def _internal(name: str) -> Iterator[tuple[str, str, Severity]]:
    if name in SCORING or (name.startswith("_") and not name.startswith("__")):
        yield (
            "ruler's inside",
            f"prepare.{name} is part of the ruler's inside; a canvas must not use it",
            Severity.REFUSE,
        )
    elif name.startswith("__"):
        yield "ruler's inside", f"prepare.{name} is not part of the contract", Severity.REFUSE
    elif name in STORAGE:
        yield "ruler's inside", f"prepare.{name} is not part of the contract; batches() gives the data", Severity.WARN


def _outside(module: str) -> Iterator[tuple[str, str, Severity]]:
    reason = OUTSIDE.get(module.partition(".")[0])
    if reason:
        yield "outside", f"importing {module} {reason}; the sandbox forbids that", Severity.WARN


def _root(node: ast.expr) -> tuple[str, str]:
    """Return the name that a chain of attributes and subscripts begins with, and the chain's text."""
    names: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
        node = node.value
    match node:
        case ast.Call(func=ast.Name(id="vars"), args=[ast.Name(id=name)]) | ast.Name(id=name):
            return name, ".".join([name, *names])
        case _:
            return "", ".".join(names)


def _contract(tree: ast.Module, before: _Before) -> Iterator[Finding]:
    now = _landmarks(tree)
    for what, message in (
        ("build_model", "build_model() is gone; the scorer needs it to load the checkpoint"),
        ("submit", "prepare.submit() is never called: the run would end without a checkpoint"),
        ("__main__", "the call of main() under 'if __name__ == \"__main__\"' is gone: nothing would run"),
    ):
        if what in before.landmarks and what not in now:
            yield Finding(1, "contract", message)


def _landmarks(tree: ast.Module) -> set[str]:
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)} & {"build_model"}
    names |= {n.id for a in tree.body if isinstance(a, ast.Assign) for n in a.targets if isinstance(n, ast.Name)} & {
        "build_model"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="submit") | ast.Name(id="submit")):
                names.add("submit")
            case ast.Constant(value="__main__"):
                names.add("__main__")
    return names


def _seed_only(tree: ast.Module, before: _Before) -> Iterator[Finding]:
    """Yield a finding where only seeds differ; looks closely at the few top-level statements that changed."""
    new = {ast.dump(node): node for node in tree.body}
    changed = [node for structure, node in new.items() if structure not in before.statements]
    gone = [node for structure, node in before.statements.items() if structure not in new]
    if changed and len(changed) == len(gone) and list(map(_sowed, changed)) == list(map(_sowed, gone)):
        yield Finding(changed[0].lineno, "seed", "only the random seed changes; a lucky seed is not an idea")


def _sowed(statement: ast.stmt) -> str:
    """Return a statement's structure with every seed replaced by the same."""

    class Sow(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SEEDERS and node.args:
                return ast.Constant("seeded")
            return self.generic_visit(node)

        def visit_Assign(self, node: ast.Assign) -> ast.AST:
            if all(isinstance(t, ast.Name) and SEED_NAME.fullmatch(t.id) for t in node.targets):
                return ast.Pass()
            return self.generic_visit(node)

    return ast.dump(Sow().visit(copy.deepcopy(statement)))
