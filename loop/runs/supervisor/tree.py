"""The processes below this one: find them and signal them, wherever they went."""

from __future__ import annotations

import contextlib
import os

from loop.system import host, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARK, TOKEN = "AUTORESEARCH_TREE", os.urandom(16).hex()  # in the environment of the tree, where orphans are not ours


def mark() -> dict[str, str]:
    """Return the variable by which a process of the tree is known whose parent has ended; none where we adopt it."""
    return {} if host.LINUX else {MARK: TOKEN}


def members(rows: Iterable[processes.Process], orphans: bool) -> set[int]:
    """Return the numbers of our descendants; of `orphans` too that Linux makes ours and another system does not."""
    ours = processes.descendants(rows)
    if orphans and not host.LINUX:
        ours |= processes.marked(f"{MARK}={TOKEN}") - {os.getpid()}
    return ours


def signal_tree(child: int, number: int) -> bool:
    """Signal every descendant wherever it went, its group first; also the group of a child that has ended.

    The kernel signals a whole group at once, so that a process cannot outrun us by forking. Returns whether there was
    any.
    """
    rows = processes.table()
    family = members(rows, orphans=True)
    groups = {row.group for row in rows if row.pid in family or row.group == child}
    for group in groups - {os.getpgid(0)}:
        _send(os.killpg, group, number)
    for pid in family:
        _send(os.kill, pid, number)
    return bool(family)


def _send(call: Callable[[int, int], None], target: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just ended
        call(target, number)
