"""Small patches of a text, anchored: a patch whose anchor is gone fails loudly instead of doing nothing. Pure."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def change(text: str, *pairs: tuple[str, str]) -> str:
    """Return a text with each old part, which must be there once, replaced by the new one."""
    for old, new in pairs:
        found = text.count(old)
        assert found == 1, f"the anchor is there {found} times: {old!r}"
        text = text.replace(old, new)
    return text


def canvas() -> str:
    """Return the real canvas with the batch that a tiny budget has more than a few steps of."""
    text = (ROOT / "train.py").read_text(encoding="utf-8")
    return change(text, ("TOTAL_BATCH = 8192  #", "TOTAL_BATCH = 2048  #"))


def ruler(sides: int = 1) -> str:
    """Return the real prepare.py with a profile of short rows and few tokens; nothing else that defends it differs.

    With one side a single process answers for the score and a single one for its audit, on any machine; two processes
    that share the rows, as on a machine with two cores, take twice the imports.
    """
    text = (ROOT / "prepare.py").read_text(encoding="utf-8")
    text = change(text, ('CPU = Profile("cpu", 256, 2048, 131_072, 16,', 'CPU = Profile("cpu", 64, 512, 32_768, 16,'))
    beside = '    return 2 if p.device == "cpu" and cores >= 2 * p.threads else 1\n'
    return change(text, (beside, f"    return {sides}\n"))
