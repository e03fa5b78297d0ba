"""A program.md with these keys."""

from __future__ import annotations


def front(*lines: str) -> str:
    return "\n".join(("---", *lines, "---", "# Goal", "Lower val_bpb."))
