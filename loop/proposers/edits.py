"""A reply's blocks → the new text of the canvas: strict, where replies.py is liberal.

A block applies only where its SEARCH fits one place; bytes outside that place never change. Errors are written for the
agent that must repair them. Nothing is guessed: a block that fits no place or two goes back. Pure: no files, no clock.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from loop.proposers.replies import FORMAT, Block, Reply, read
from loop.record.types import AutoResearchError

ELIDED = re.compile(
    r"\s*(?:#|//|--)?\s*(?:\.\.\.|…|\[?(?:the )?(?:rest|remaining|remainder)\b.*(?:same|unchanged|as before))", re.I
)


class EditError(AutoResearchError):
    """A reply that does not apply. The message is for its author; `partial` is the text with the blocks that did.

    `applied` are those blocks: in the next reply they are passed over if they come again.
    """

    def __init__(self, message: str, partial: str, applied: tuple[Block, ...] = ()) -> None:
        super().__init__(message)
        self.partial, self.applied = partial, applied


@dataclass(frozen=True)
class Edited:
    """The whole new text of the canvas, and what its author says of it."""

    text: str
    reply: Reply = field(default_factory=Reply)


def edit(text: str, canvas: str, answer: str, after: EditError | None = None) -> Edited:
    """Return the canvas with a reply's edits applied; raises EditError, nothing else.

    `after` is the error of the reply before this one: its applied blocks stay, and may be sent again.
    """
    reply = read(answer)
    applied = after.applied if after else ()
    new = after.partial if after else text
    if not reply.blocks and not reply.unfinished:
        whole = next((w for w in reply.fences if _is_whole(w, text)), None)
        if whole is None:
            raise EditError(_nothing(reply, canvas), new, applied)
        new = _join(whole, text)
    problems: list[str] = []
    for number, block in enumerate(reply.blocks, 1):
        if block in applied:
            continue
        try:
            if block.file and not _same_file(block.file, canvas):
                raise _Misfit(f"it edits {block.file}, and only {canvas} may be changed; leave that file alone.")
            new = _apply(new, block)
            applied = (*applied, block)
        except _Misfit as misfit:
            problems.append(f"Block {number} was not applied: {misfit}")
    if reply.unfinished:
        problems.append("The last block has no end line '>>>>>>> REPLACE': send that block again, whole.")
    if not problems and new == text:
        problems.append(f"The reply changes nothing in {canvas}; propose a change.")
    if problems:
        kept = f"{len(applied)} block(s) did apply and stay applied; send only the others again." if applied else ""
        raise EditError("\n\n".join([*problems, kept or "No block was applied."]), new, applied)
    return Edited(new, reply)


class _Misfit(Exception):
    """Why one block does not apply."""


def _same_file(named: str, canvas: str) -> bool:
    parts = PurePosixPath(named.replace("\\", "/")).parts
    whole = PurePosixPath(canvas).parts
    return bool(parts) and len(parts) <= len(whole) and whole[len(whole) - len(parts) :] == parts


def _nothing(reply: Reply, canvas: str) -> str:
    if reply.fences:
        return (
            f"There is no SEARCH/REPLACE block in the reply, and its fenced text is not the whole of {canvas}. "
            f"Send the change as blocks in this form:\n\n{FORMAT.format(canvas=canvas)}"
        )
    return f"There is no edit in the reply. Answer in this form:\n\n{FORMAT.format(canvas=canvas)}"


def _is_whole(lines: tuple[str, ...], text: str) -> bool:
    """Tell whether a fenced text is clearly the whole canvas: most lines are there and none stands for others."""
    old = [line.strip() for line in text.split("\n") if line.strip()]
    new = [line.strip() for line in lines if line.strip()]
    if not new or any(ELIDED.match(line) for line in lines if line.strip() not in old):
        return False
    shared = sum((Counter(old) & Counter(new)).values())
    return shared >= 0.5 * len(old) and len(new) >= 0.6 * len(old)


def _join(lines: tuple[str, ...], text: str) -> str:
    """Return lines with the line ends of the text that they replace."""
    end = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    return end.join(lines).rstrip("\r\n") + (end if text.endswith("\n") or not text else "")


def _apply(text: str, block: Block) -> str:
    if not any(line.strip() for line in block.search):
        if text.strip():
            raise _Misfit(
                "its SEARCH is empty, which fits only an empty file; search for the line beside the new ones."
            )
        return _join(block.replace, text)
    end_of_file = "\n" if text.endswith("\n") else ""
    lines = text.removesuffix("\n").split("\n")
    start, block = _locate([line.removesuffix("\r") for line in lines], block)
    end = start + len(block.search)
    # The last line may have no end of its own.
    sample = lines[start] if start + 1 < len(lines) or end_of_file else lines[start - 1]
    carriage = "\r" if sample.endswith("\r") else ""
    new = [line + carriage for line in block.replace]
    if new and end == len(lines) and not end_of_file:
        new[-1] = block.replace[-1]
    return "\n".join([*lines[:start], *new, *lines[end:]]) + end_of_file


def _locate(lines: list[str], block: Block) -> tuple[int, Block]:
    """Return where a block fits, and the block as it must be there; exactly, else but for white space at line ends,
    else but for an indentation that is off by the same everywhere."""
    size = len(block.search)
    starts = range(len(lines) - size + 1)
    first = block.search[0]
    places = [n for n in starts if lines[n] == first and tuple(lines[n : n + size]) == block.search]
    if not places:
        wanted = [line.rstrip() for line in block.search]
        stripped = [line.rstrip() for line in lines]
        places = [n for n in starts if stripped[n] == wanted[0] and stripped[n : n + size] == wanted]
    if not places:
        block = _trimmed(block)
        size = len(block.search)
        wanted, _ = _dedent(block.search)
        probe = wanted[0].strip()
        places = [
            n
            for n in range(len(lines) - size + 1)
            if lines[n].strip() == probe and _dedent(lines[n : n + size])[0] == wanted
        ]
        if len(places) == 1:
            block = _reindent(block, _dedent(lines[places[0] : places[0] + size])[1])
    if not places:
        raise _Misfit(_nearest(lines, block))
    if len(places) > 1:
        numbers = ", ".join(str(n + 1) for n in places[:6])
        raise _Misfit(f"its SEARCH fits {len(places)} places (lines {numbers}); add a line beside it to tell which.")
    return places[0], block


def _trimmed(block: Block) -> Block:
    """Return a block without the blank lines that both its halves begin or end with by mistake."""
    search, replace = list(block.search), list(block.replace)
    for at in (0, -1):
        while not search[at].strip():
            search.pop(at)
            if replace and not replace[at].strip():
                replace.pop(at)
    return Block(tuple(search), tuple(replace), block.file)


def _dedent(lines: tuple[str, ...] | list[str]) -> tuple[list[str], str]:
    """Return lines without their common indentation and white space at their ends, and that indentation."""
    indents = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip()]
    low, high = min(indents, default=""), max(indents, default="")
    common = next((low[:n] for n in range(len(low)) if low[n] != high[n]), low) if high.startswith(low[:1]) else ""
    return [line[len(common) :].rstrip() if line.strip() else "" for line in lines], common


def _reindent(block: Block, indent: str) -> Block:
    common = _dedent(block.search)[1]
    if any(line.strip() and not line.startswith(common) for line in block.replace):
        raise _Misfit("its indentation is not the file's; copy the lines with theirs.")
    moved = tuple(indent + line[len(common) :] if line.strip() else line.strip() for line in block.replace)
    return Block(block.search, moved, block.file)


def _nearest(lines: list[str], block: Block) -> str:
    """Return what a SEARCH was probably meant to be: the nearest lines of the file, with their numbers."""
    size = len(block.search)
    if set(block.replace) <= set(lines) and any(line.strip() for line in block.replace):
        already = " Its REPLACE lines are in the file already."
    else:
        already = ""
    wanted = [line.strip() for line in block.search]
    probe = max(wanted, key=len)[:200]
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(probe)
    best, score = -1, 0.0
    for number, line in enumerate(lines):
        matcher.set_seq1(line.strip()[: len(probe) + 8])  # what a comment behind it says does not make it less like
        if matcher.real_quick_ratio() > score and matcher.quick_ratio() > score and (ratio := matcher.ratio()) > score:
            best, score = number, ratio
    if score < 0.4:
        return f"no line of the file is like its SEARCH.{already} Copy the lines exactly from the file above."
    start = max(0, best - wanted.index(max(wanted, key=len)) - 1)
    shown = range(start, min(len(lines), start + min(size, 12) + 2))
    nearest = "\n".join(f"{n + 1:5d} | {lines[n][:200]}" for n in shown)
    return f"its SEARCH fits no place.{already} The nearest lines of the file are (without the numbers):\n{nearest}"
