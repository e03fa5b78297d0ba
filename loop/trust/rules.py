"""What a single piece of a canvas may not do: each rule looks at one node of its tree. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from loop.trust.findings import Finding, Rule, Severity
from loop.trust.names import RULER, Names, root_of

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

Found = tuple[Rule, str, Severity]
REFUSE, WARN = Severity.REFUSE, Severity.WARN


def findings(tree: ast.Module, metric: str) -> Iterator[tuple[Finding, str]]:
    """Yield findings with the source that they are about."""
    names = Names(tree)
    printed = re.compile(rf"\b{re.escape(metric)}\b\s*[:=]")
    for node in names.nodes:
        for rule, message, severity in _rules(node, names, printed):
            yield Finding(getattr(node, "lineno", 1), rule, message, severity), _source(names.statement(node))


def _rules(node: ast.AST, names: Names, printed: re.Pattern[str]) -> list[Found]:
    """Return what the first topic that a node belongs to finds in it."""
    for topic in (_replaced, _used_of_ruler, _pried, _budgeted, _imported, _named_outside):
        found = topic(node, names)
        if found is not None:
            return found
    return _printed(node, printed)


def _replaced(node: ast.AST, names: Names) -> list[Found] | None:
    """Names and attributes that are bound anew."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            return _stored(node, names)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if names.rebinds(node, name):
            return [(Rule.RULER, f"'{name}' is prepare.py's; a patch must not replace it", REFUSE)]
        case ast.FunctionDef(name=name) if name in names.taken and node in names.top:
            return [(Rule.RULER, f"'{name}' is prepare.py's; a patch must not replace it", REFUSE)]
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[target, *_]) if names.is_foreign(target):
            return [(Rule.RULER, "setattr on prepare.py or on the clock is not allowed", REFUSE)]
        case _:
            return None


def _stored(node: ast.Attribute | ast.Subscript, names: Names) -> list[Found]:
    root, path = root_of(node)
    if root in names.rulers:
        return [(Rule.RULER, f"{path} is prepare.py's; a patch must not change it", REFUSE)]
    if path in ("sys.modules", "sys.modules.prepare"):
        return [(Rule.RULER, "replacing an imported module is not allowed", REFUSE)]
    if root == "time" and isinstance(node, ast.Attribute):
        return [(Rule.CLOCK, f"{path} must not be replaced: the clock is not the canvas's", REFUSE)]
    if root in names.budgets:
        return [(Rule.BUDGET, "the budget's own state belongs to prepare.py", REFUSE)]
    return []


def _used_of_ruler(node: ast.AST, names: Names) -> list[Found] | None:
    """What is used of prepare.py."""
    if isinstance(node, ast.Attribute) and names.of_ruler(node) is not None:
        return _inside(node.attr)
    return None


def _inside(name: str) -> list[Found]:
    if name in SCORING or (name.startswith("_") and not name.startswith("__")):
        return [(Rule.INSIDE, f"prepare.{name} is part of the ruler's inside; a canvas must not use it", REFUSE)]
    if name.startswith("__"):
        return [(Rule.INSIDE, f"prepare.{name} is not part of the contract", REFUSE)]
    if name in STORAGE:
        return [(Rule.INSIDE, f"prepare.{name} is not part of the contract; batches() gives the data", WARN)]
    return []


def _pried(node: ast.AST, names: Names) -> list[Found] | None:
    """What counts the work, objects that are not the canvas's, its own text, and code that cannot be read."""
    own = "what a canvas reads of its own text or folder is no training"
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Constant(value=str(name)) if COUNTER.fullmatch(name):
            said = f"{name} belongs to what counts the work of a step; a patch must leave it alone"
            return [(Rule.COUNTER, said, REFUSE)]
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if name in PRYING.get(owner, ()):
            return [(Rule.PRYING, f"{owner}.{name}() finds objects that are not the canvas's", REFUSE)]
        case ast.Name(id="__file__") | ast.Attribute(attr="__file__"):
            return [(Rule.OWN_SOURCE, own, WARN)]
        case ast.Attribute(value=ast.Name(id="inspect" | "linecache"), attr=name) if name in OWN_SOURCE:
            return [(Rule.OWN_SOURCE, own, WARN)]
        case ast.Call(func=ast.Name(id=name)) if name in HIDING:
            return [(Rule.HIDDEN_CODE, f"{name}() hides code from these checks", WARN)]
        case _:
            return None


def _budgeted(node: ast.AST, names: Names) -> list[Found] | None:
    """The budget's state, a budget of one's own, and a second one."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in names.budgets and name.startswith("_"):
            return [(Rule.BUDGET, "the budget's own state belongs to prepare.py", REFUSE)]
        case ast.ClassDef(bases=bases) if any(names.of_ruler(base) == "Budget" for base in bases):
            return [(Rule.BUDGET, "a budget of one's own is none; use prepare.Budget() as it is", REFUSE)]
        case ast.Call(func=func) if names.of_ruler(func) == "Budget" and node is not names.first_budget:
            return [(Rule.BUDGET, "a run has one budget; a second prepare.Budget() buys nothing", REFUSE)]
        case _:
            return None


def _imported(node: ast.AST, names: Names) -> list[Found] | None:
    match node:
        case ast.ImportFrom(module=module, names=aliases):
            found = [f for alias in aliases if module == RULER for f in _inside(alias.name)]
            for alias in aliases:
                if COUNTER.fullmatch(alias.name) or alias.name in PRYING.get(module or "", ()):
                    said = f"{module}.{alias.name} is for what counts or inspects the run"
                    found.append((Rule.COUNTER, said, REFUSE))
            return found + _reaching(module or "")
        case ast.Import(names=aliases):
            return [f for alias in aliases for f in _reaching(alias.name)]
        case _:
            return None


def _reaching(module: str) -> list[Found]:
    reason = OUTSIDE.get(module.partition(".")[0])
    return [(Rule.OUTSIDE, f"importing {module} {reason}; the sandbox forbids that", WARN)] if reason else []


def _named_outside(node: ast.AST, names: Names) -> list[Found] | None:
    """Held-out data and the loop's variables, by their names."""
    match node:
        case ast.Constant(value=str(text)) if not isinstance(names.parent.get(node), ast.Expr):
            if HELD_OUT.search(text):
                return [(Rule.HELD_OUT, "this names the held-out data, which a canvas must not read", REFUSE)]
            return [_variable(node, text, names)] if text.startswith("AUTORESEARCH_") else []
        case ast.keyword(arg=str(name)) if name.startswith("AUTORESEARCH_"):
            return [(Rule.ENVIRONMENT, f"{name} is set by the loop; a patch must not change it", REFUSE)]
        case _:
            return None


def _variable(node: ast.AST, name: str, names: Names) -> Found:
    up = names.parent.get(node)
    while isinstance(up, ast.Dict | ast.Tuple | ast.List):
        up = names.parent.get(up)
    called = isinstance(up, ast.Call) and isinstance(up.func, ast.Attribute) and up.func.attr in SETTERS
    stored = isinstance(up, ast.Subscript) and not isinstance(up.ctx, ast.Load)
    if called or stored:
        return Rule.ENVIRONMENT, f"{name} is set by the loop; a patch must not change it", REFUSE
    return Rule.ENVIRONMENT, f"{name} is the loop's; use what prepare.py offers", WARN


def _printed(node: ast.AST, printed: re.Pattern[str]) -> list[Found]:
    match node:
        case ast.Call(func=ast.Name(id="print") | ast.Attribute(attr="write"), args=args):
            texts = [n.value for arg in args for n in ast.walk(arg) if isinstance(n, ast.Constant)]
            if any(isinstance(text, str) and printed.search(text) for text in texts):
                said = "the score is measured elsewhere; a patch must not print or change it"
                return [(Rule.PRINTED_SCORE, said, REFUSE)]
    return []


def _source(statement: ast.AST) -> str:
    """Return a statement's text, "" for one that holds others or is nested deeper than Python can write down."""
    try:
        return "" if isinstance(statement, ast.FunctionDef | ast.ClassDef) else ast.unparse(statement)
    except (RecursionError, ValueError):
        return ""
