"""The text of a canvas → what dooms or forbids a run, before one is spent. Also the editor's tamper diagnostics.

Only what a patch brings is found: what the incumbent does too is the human's choice. It explains, it does not protect:
`getattr` with a computed name passes, the sealed scorer and the sandbox are what holds. Pure, some milliseconds.
"""

from __future__ import annotations

import ast
import contextlib
from collections import Counter

from loop.record.types import Failure, FailureKind
from loop.text.diff import BOM
from loop.trust.findings import Finding, Rule, Severity
from loop.trust.incumbent import Incumbent, incumbent_of, lacking, reseeded
from loop.trust.rules import findings
from loop.trust.smuggling import smuggled


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
        return [Finding(error.lineno or 1, Rule.SYNTAX, f"{canvas} does not compile: {error.msg}{shown}")]
    except (ValueError, RecursionError, MemoryError) as error:
        said = f"{canvas} does not compile: {type(error).__name__}: {error}"[:200]
        return [Finding(1, Rule.SYNTAX, said)]
    before = incumbent_of(incumbent, metric)
    found = _new(tree, metric, before)
    if incumbent:
        found += lacking(tree, before)
        with contextlib.suppress(RecursionError, ValueError):  # Python runs what this cannot compare or write down
            found += reseeded(tree, before)
    if baseline is not None and (data := smuggled(text.removeprefix(BOM), baseline.removeprefix(BOM))):
        found.append(Finding(data.line, Rule.DATA, data.message))
    return sorted(found, key=lambda f: f.line)


def failure(findings: list[Finding]) -> Failure | None:
    """Return the first finding that refuses a run as the failure of that run, None where there is none."""
    first = next((f for f in findings if f.severity is Severity.REFUSE), None)
    if first is None:
        return None
    kind = FailureKind.SYNTAX if first.rule is Rule.SYNTAX else FailureKind.OTHER
    return Failure(kind, first.message, first.line)


def _new(tree: ast.Module, metric: str, before: Incumbent) -> list[Finding]:
    """Return what a tree does and its incumbent does not, or less often."""
    known = Counter(before.found)
    new = []
    for finding, source in findings(tree, metric):
        if known[(finding.rule, source)] > 0:
            known[(finding.rule, source)] -= 1
        else:
            new.append(finding)
    return new
