"""A text beside all lines that were ever kept: which of them it shows, and which its human wrote anew.

Where lines repeat or were moved, many answers read alike; the kept text that differs least is laid beside the text
first. That decides where lines stand, never what a text has or lacks. Pure: no files, no clock, no git.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from loop.text.diff import fates
from loop.text.lineage import TARGET, TRIVIAL, Lineage, Part, Strand

TIES = 8  # kept texts with the same lines that are laid beside a text
PAIRS = 64  # that are looked at closely at one place
ALIKE = 0.7  # of two lines that are versions of each other


def places(text: Sequence[str], line: Lineage) -> list[int]:
    """Return where each line of a text stands among all lines ever kept, -1 for one of the human's own.

    Of equal lines that came for each other in turn the last counts: what came back is there.
    """
    strands, at = line.weave, list[int]()
    for keep in _nearest(line, text):  # the order of the lines decides between those whose lines are the same
        then = [n for n, s in enumerate(strands) if s.came.keep <= keep and (s.went is None or s.went.keep > keep)]
        found = [then[n] if n >= 0 else -1 for n in fates(text, [strands[n].line for n in then])]
        if not at or sum(place >= 0 for place in found) > sum(place >= 0 for place in at):
            at = found
    for start, end, low, high in list(gaps(at, len(strands))):
        if start < end and low < high:
            between = fates(text[start:end], [strand.line for strand in strands[low:high]])
            at[start:end] = [low + n if n >= 0 else -1 for n in between]
    alone = {one.came: n for n, one in enumerate(strands) if len(one.came.came) == 1}
    above, below = running(at), len(strands)
    for n in reversed(range(len(at))):
        if at[n] >= 0:
            window = range(above[n] + 1, below)
            at[n] = below = at[n] if TRIVIAL.fullmatch(text[n]) else _latest(strands, alone, at[n], window)
    return at


def running(at: Sequence[int]) -> list[int]:
    """Return for each line the place of the last line above that has one, -1 where none has."""
    found, last = [], -1
    for place in at:
        found.append(last)
        last = max(last, place)
    return found


def _latest(strands: Sequence[Strand], alone: Mapping[Part, int], at: int, window: range) -> int:
    """Return the last of the equal lines that came for each other in turn, where one line was set to and fro."""
    best, seen = at, at
    while (part := strands[seen].went) is not None:
        if part not in alone:
            again = [] if part.came else [n for n in window if strands[n].line == strands[at].line]
            again = [n for n in again if _is_new(strands[n].came, part.keep)]  # taken out, and brought again
            return max(again, key=lambda n: strands[n].came.keep, default=best)
        seen = alone[part]
        if strands[seen].line == strands[at].line and seen in window:
            best = seen
    return best


def _is_new(part: Part, keep: int) -> bool:
    """Return whether a line came with a part, for none or for lines that came in turn, and all after a keep."""
    while len(part.came) == 1 and len(part.went) == 1:
        part = part.went[0][1]
    return part.keep > keep and len(part.came) == 1 and not part.went


def gaps(at: Sequence[int], count: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the lines of a text that have no place, and the places between those around them."""
    start = low = 0
    for end, place in enumerate(at):
        if place >= 0:
            yield start, end, low, place
            start, low = end + 1, place + 1
    yield start, len(at), low, count


def _nearest(line: Lineage, text: Iterable[str]) -> list[int]:
    """Return the keeps whose texts differ least in their lines, the latest first, at most a few.

    Walks back over what each keep changed, so it needs no older text.
    """
    balance = Counter(text)
    balance.subtract(line.lines)
    distance = sum(abs(n) for n in balance.values())
    best, least = [len(line.steps)], distance
    for place in range(len(line.steps) - 1, -1, -1):
        for added in line.steps[place].added:
            balance[added] += 1
            distance += 1 if balance[added] > 0 else -1
        for removed in line.steps[place].removed:
            balance[removed] -= 1
            distance += 1 if balance[removed] < 0 else -1
        if distance < least:
            best, least = [], distance
        if distance == least:
            best.append(place)
    return best[:TIES]


def versions(text: Sequence[str], at: Sequence[int], strands: Sequence[Strand]) -> Iterator[tuple[int, int]]:
    """Yield the strands for which a text has another version of the human's own in their place, and its line.

    Those that still stand come first; of the others the latest.
    """
    for start, end, low, high in gaps(at, len(strands)):
        own = [n for n in range(start, end) if not TRIVIAL.fullmatch(text[n])]
        theirs = list(range(low, high)) if own else []
        closely = len(own) * len(theirs) <= PAIRS
        for line in own:
            alike = [n for n in theirs if _alike(text[line], strands[n].line, closely)]
            if alike:
                found = next((n for n in alike if strands[n].went is None), alike[-1])
                yield found, line
                theirs = [n for n in theirs if n > found]


def _alike(own: str, line: str, closely: bool) -> bool:
    """Return whether one line is a version of the other: it assigns to the same name, or says nearly the same."""
    mine, theirs = TARGET.match(own), TARGET.match(line)
    if mine and theirs:
        return mine[1] == theirs[1]
    return closely and SequenceMatcher(None, own.strip(), line.strip(), autojunk=False).ratio() > ALIKE
