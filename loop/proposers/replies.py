"""The text of an agent's answer → what it says: a hypothesis, what it cites, SEARCH/REPLACE blocks, fenced texts.

Reads anything and refuses nothing: fences of any length or none, carriage returns, prose and thoughts around.
What applies is decided in edits.py. Pure: no files, no clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMAT = """\
HYPOTHESIS: <one sentence: what you change and why it should help>
EXPECTED: <the change of the score you expect, with its sign, and how sure you are>
CITES: <headings or list items of program.md that led you here, separated by ;  or: none>

{canvas}
```
<<<<<<< SEARCH
<lines of {canvas}, copied exactly, with their indentation: as few as identify one place>
=======
<the lines that replace them>
>>>>>>> REPLACE
```"""

SEARCH = re.compile(r"\s*<{5,9} ?SEARCH\b[ >]*(?P<file>\S*)\s*$")
DIVIDER = re.compile(r"\s*={5,9}\s*$")
REPLACE = re.compile(r"\s*>{5,9}(?: ?(?:REPLACE|UPDATED))?\s*$")
FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
NAMED = re.compile(
    r"[\s#*`>-]{0,9}(?:(?:file|path|in|edit)\b:?)?[\s*`\"']{0,9}(?P<file>[\w./\\@+-]*\.\w+|Makefile)[\s*`\"':]*$", re.I
)
# A server that puts `<think>` into the prompt sends only its end.
UNOPENED = re.compile(r"\A.*(?<![\"'`])</think(?:ing)?>(?![\"'`])(?=.*\S)", re.S)
LABEL = re.compile(r"[ \t>*_#-]*(HYPOTHESIS|EXPECTED|CITES)\b[*_ \t]*[:：][*_ \t]*", re.I)
LONGEST_SENTENCE = 300


@dataclass(frozen=True)
class Block:
    """One SEARCH/REPLACE block, without line ends; `file` is "" where none was named."""

    search: tuple[str, ...]
    replace: tuple[str, ...]
    file: str = ""


@dataclass(frozen=True)
class Reply:
    """What a reply says; `fences` holds the fenced texts outside of blocks, longest first."""

    hypothesis: str = ""
    expected: str = ""
    cites: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    fences: tuple[tuple[str, ...], ...] = ()
    unfinished: bool = False  # the last block has no end: the reply was cut or forgot it


def read(answer: str) -> Reply:
    """Return what a reply says. Reads anything; thoughts in <think> tags are left out."""
    answer = re.sub(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", "", answer, flags=re.S)
    answer = UNOPENED.sub("", answer)
    lines = answer.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    fences: list[tuple[str, ...]] = []
    prose: list[str] = []
    unfinished = False
    at, fence_start, mark, info = 0, -1, "", ""
    while at < len(lines):
        opening = SEARCH.match(lines[at])
        if opening:
            end, block = _block(lines, at, opening["file"] or _file_before(lines, at, info))
            if block is None:
                unfinished = True
                break
            blocks.append(block)
            fence_start, at = -1, end + 1
            continue
        fence = FENCE.match(lines[at])
        if fence and not mark:
            mark, info, fence_start = fence["mark"], fence["info"], at + 1
        elif fence and fence["mark"].startswith(mark) and not fence["info"].strip():
            if fence_start >= 0:
                fences.append(tuple(lines[fence_start:at]))
            mark = info = ""
        elif not mark:
            prose.append(lines[at])
        at += 1
    said = _labels("\n".join(prose))
    cites = (c.strip(" \t\n-*\"'`#.") for c in re.split(r"[;\n]", said.get("cites", "")))
    return Reply(
        hypothesis=_sentence(said.get("hypothesis") or said.get("", "")),
        expected=_sentence(said.get("expected", "")),
        cites=tuple(dict.fromkeys(_sentence(c) for c in cites if c and c.lower() not in ("none", "n/a")))[:8],
        blocks=tuple(blocks),
        fences=tuple(sorted(fences, key=len, reverse=True)),
        unfinished=unfinished,
    )


def one_line(text: str, limit: int = LONGEST_SENTENCE) -> str:
    """Return text on one line, without control characters, cut where it is long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _block(lines: list[str], start: int, file: str) -> tuple[int, Block | None]:
    divider = next((n for n in range(start + 1, len(lines)) if DIVIDER.match(lines[n])), None)
    if divider is None or any(SEARCH.match(line) for line in lines[start + 1 : divider]):
        return start, None
    end = next((n for n in range(divider + 1, len(lines)) if REPLACE.match(lines[n])), None)
    if end is None or any(SEARCH.match(line) for line in lines[divider + 1 : end]):
        return start, None
    return end, Block(tuple(lines[start + 1 : divider]), tuple(lines[divider + 1 : end]), file)


def _file_before(lines: list[str], at: int, info: str) -> str:
    """Return the file named on one of the two lines before a block, or behind the fence's language."""
    words = info.split()
    if words and (found := NAMED.match(words[-1])) and "." in words[-1]:
        return found["file"]
    for line in [line for line in reversed(lines[max(0, at - 4) : at]) if line.strip() and not FENCE.match(line)][:1]:
        if found := NAMED.match(line):
            return found["file"]
    return ""


def _labels(prose: str) -> dict[str, str]:
    """Return the labelled paragraphs by lower-case label, and the first unlabelled text by ""."""
    said: dict[str, str] = {}
    label = ""
    for line in prose.split("\n"):
        found = LABEL.match(line)
        if found:
            label, line = found[1].lower(), line[found.end() :]
            said[label] = ""
        elif not line.strip() and said.get(label, "").strip():
            label = "-" if label else label
        said[label] = f"{said.get(label, '')}{line}\n"
    return said


def _sentence(text: str) -> str:
    """Return the first paragraph of a text on one line, without the marks around it."""
    paragraph = next((p for p in re.split(r"\n\s*\n", text.strip()) if p.strip(" \t#*_`-\n")), "")
    return one_line(re.sub(r"^[\s#>*_`]*(?:[-+] )?", "", paragraph).rstrip(" \t*_`\n"))
