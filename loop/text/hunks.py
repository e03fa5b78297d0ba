"""Texts → hunks: cut, identify by content, locate exactly once, invert, apply, take out of a relative.

Works on lists of lines that keep their ends, so every byte survives. A hunk is found by what it says, never by a line
number that somebody stored. Pure: no files, no clock, no git.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from loop.record.types import Refused
from loop.text.diff import TAKEN_OUT, Change, carry, changes, fates

CONTEXT = 3


@dataclass(frozen=True)
class Hunk:
    """One change, with as much of the new text around it as makes its place unique."""

    id: str  # of the content alone: lines before, old lines, new lines, lines after
    start: int  # of `new` in the new text, 0-based: where it was when it was cut
    old_start: int  # of `old` in the old text
    old: tuple[str, ...]
    new: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def hunks(
    old: Sequence[str],
    new: Sequence[str],
    owners: Sequence[object] = (),
    stood: Sequence[int] = (),
    stands: Sequence[int] = (),
) -> list[Hunk]:
    """Return the hunks that lead from the old lines to the new ones, each with an id that no other has.

    `owners` says who wrote each new line, None the human: two experiments on neighbouring lines stay two hunks, and
    a line that the human wrote beside an agent's is never part of the agent's hunk. Nor is a line that the human took
    out, which the owners left where it was or replaced: `stood` and `stands` are the fates of the old and the new
    lines in the text that the owners wrote.
    """
    places: dict[str, list[int]] = {}
    for place, line in enumerate(new):
        places.setdefault(line, []).append(place)
    found = changes(old, new)
    if stood:
        found = [part for whole in found for part in _apart(whole, owners, stood, stands)]
    cut: dict[str, Hunk] = {}
    for change in (change for whole in found for change in _cut(whole, owners)):
        hunk = _identify(old, new, change, places)
        while hunk.id in cut:  # two lines that were taken out at one place may say the same
            hunk = replace(hunk, id=hashlib.sha256(hunk.id.encode()).hexdigest()[:12])
        cut[hunk.id] = hunk
    return list(cut.values())


def _apart(change: Change, owners: Sequence[object], stood: Sequence[int], stands: Sequence[int]) -> Iterator[Change]:
    """Cut off the old lines that stand in the kept text, with what the human wrote in their place.

    A change of the human's lines alone stays whole. Where nothing came for some lines, those that nothing replaced in
    the kept text either are the owners' to take out.
    """
    a, a_end, b, b_end = change
    if b < b_end and all(owner is None for owner in owners[b:b_end]):
        yield change
        return
    parts: list[Change] = []
    while a < a_end:
        first = next((n for n in range(a, a_end) if stood[n] >= 0), a_end)
        if first == a_end:
            break
        last = next((n for n in range(first, a_end) if stood[n] < 0), a_end)
        low = 1 + max((n for n in range(b, b_end) if 0 <= stands[n] < stood[first]), default=b - 1)
        high = next((n for n in range(low, b_end) if stands[n] >= 0), b_end)
        if high - low != last - first:  # line by line, also an older keep's line may have come back
            low = next((n for n in range(low, high) if owners[n] is None), high)
            high = next((n for n in range(low, high) if owners[n] is not None), high)
        if low == b and high > low:  # nothing came for the lines above but what the human wrote
            parts.append(Change(a, last, low, high))
        else:
            parts += [Change(a, first, b, low), Change(first, last, low, high)]
        a, b = last, high
    for part in [*parts, Change(a, a_end, b, b_end)]:
        if part.b < part.b_end:
            yield part
            continue
        start = part.a
        for n in range(part.a + 1, part.a_end + 1):
            if n == part.a_end or (stood[n] == TAKEN_OUT) != (stood[start] == TAKEN_OUT):
                yield Change(start, n, part.b, part.b)
                start = n


def _cut(change: Change, owners: Sequence[object]) -> Iterator[Change]:
    """Cut where the owner changes; where lines do not pair up, only between the human's own (None) and the others.

    Then the first lines that are not the human's stand for the old ones: taking them back leaves the human's alone.
    """
    a, a_end, b, b_end = change
    paired = a_end - a == b_end - b
    kinds = [owners[n] if paired else owners[n] is None for n in range(b, b_end)] if owners else []
    cuts = [k for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]]
    taken = False
    for start, end in zip([0, *cuts], [*cuts, b_end - b], strict=True):
        if paired:
            yield Change(a + start, a + end, b + start, b + end)
        elif cuts and (kinds[start] or taken):
            yield Change(a_end if taken else a, a_end if taken else a, b + start, b + end)
        else:
            taken = True
            yield Change(a, a_end, b + start, b + end)


def _identify(old: Sequence[str], new: Sequence[str], change: Change, places: dict[str, list[int]]) -> Hunk:
    """Return the hunk with the least context that is found once in the text, and its inverse once without it."""
    size, gone, come = CONTEXT, tuple(old[change.a : change.a_end]), tuple(new[change.b : change.b_end])
    while True:
        before = tuple(new[max(0, change.b - size) : change.b])
        after = tuple(new[change.b_end : change.b_end + size])
        whole = change.b <= size and change.b_end + size >= len(new)
        if whole or _is_unique(new, change, before, gone, come, after, places):
            break
        size *= 4
    parts = (before, gone, come, after)
    digest = hashlib.sha256("\0\0".join("\0".join(part) for part in parts).encode("utf-8", "surrogatepass"))
    return Hunk(digest.hexdigest()[:12], change.b, change.a, gone, come, before, after)


def _is_unique(
    new: Sequence[str],
    change: Change,
    before: tuple[str, ...],
    gone: tuple[str, ...],
    come: tuple[str, ...],
    after: tuple[str, ...],
    places: dict[str, list[int]],
) -> bool:
    """Return whether the hunk is found once in `new`, and its inverse once in the text that it leads back to."""
    shown = (*before, *come, *after)
    hidden = (*before, *gone, *after)
    if not shown or not hidden:
        return False
    if len(_find(new, shown, places)) != 1:
        return False
    reach = len(hidden)
    elsewhere = [at for at in _find(new, hidden, places) if at + reach <= change.b or at >= change.b_end]
    low = max(0, change.b - reach)
    window = [*new[low : change.b], *gone, *new[change.b_end : change.b_end + reach]]
    return not elsewhere and len(_find(window, hidden)) == 1


def _find(lines: Sequence[str], pattern: tuple[str, ...], places: dict[str, list[int]] | None = None) -> list[int]:
    """Return where the pattern begins. An empty one is found in an empty text alone."""
    if not pattern:
        return [] if lines else [0]
    last = len(lines) - len(pattern)
    if places is None:
        starts: Sequence[int] = range(last + 1)
        return [at for at in starts if lines[at] == pattern[0] and tuple(lines[at : at + len(pattern)]) == pattern]
    rarest = min(range(len(pattern)), key=lambda k: len(places.get(pattern[k], ())))
    starts = [at - rarest for at in places.get(pattern[rarest], ())]
    return [at for at in starts if 0 <= at <= last and tuple(lines[at : at + len(pattern)]) == pattern]


def invert(hunk: Hunk) -> Hunk:
    """Return the hunk that takes this one back."""
    return replace(hunk, old=hunk.new, new=hunk.old)


def locate(lines: Sequence[str], hunk: Hunk) -> int:
    """Return where the hunk's old lines begin in a text; raises Refused unless there is exactly one such place."""
    found = _find(lines, (*hunk.before, *hunk.old, *hunk.after))
    if len(found) == 1:
        return found[0] + len(hunk.before)
    if not found:
        raise Refused(f"hunk {hunk.id}: its lines are not in this text any more; look at the file as it is now")
    raise Refused(f"hunk {hunk.id} matches {len(found)} places; pull again")


def shows(lines: Sequence[str], hunk: Hunk) -> bool:
    """Return whether a text has the hunk's new lines where it was cut, and not its old ones."""
    if len(_find(lines, (*hunk.before, *hunk.new, *hunk.after))) != 1:
        return False
    # Where a text begins or ends with what was taken out, the lines beside it are there either way.
    return not hunk.old or not _find(lines, (*hunk.before, *hunk.old, *hunk.after))


def apply(lines: Sequence[str], hunk: Hunk) -> list[str]:
    """Return the text with the hunk's old lines replaced by its new ones; nothing else changes. Raises Refused."""
    at = locate(lines, hunk)
    return [*lines[:at], *hunk.new, *lines[at + len(hunk.old) :]]


def advance(base: Sequence[str], hunk: Hunk) -> list[str]:
    """Return the old text with this hunk taken over; the hunk was cut from this very base. Raises Refused otherwise."""
    end = hunk.old_start + len(hunk.old)
    if tuple(base[hunk.old_start : end]) != hunk.old:
        raise Refused(f"hunk {hunk.id}: the reviewed text has moved on; look again")
    return [*base[: hunk.old_start], *hunk.new, *base[end:]]


def advance_all(base: Sequence[str], taken: Sequence[Hunk]) -> list[str]:
    """Return the old text with several hunks of one cut taken over."""
    text = list(base)
    for hunk in sorted(taken, key=lambda h: (h.old_start, h.start), reverse=True):
        text = advance(text, hunk)
    return text


def take_out(
    lines: Sequence[str], shown: Sequence[str], taken: Sequence[Hunk], old: Sequence[str] = (), some: bool = False
) -> list[str]:
    """Return a relative of the shown text without these hunks, which lead from the old text to the shown one.

    The two texts are aligned by what they share, so edits elsewhere do not matter. Raises Refused where a hunk's own
    lines are not in the relative, all of them and together; with `some`, of lines that only go one is enough.
    """
    where, stood = carry(lines, shown, range(len(lines)), -1), fates(old, lines)
    text = list(lines)
    for hunk in sorted(taken, key=lambda h: (h.start, h.old_start), reverse=True):
        places = where[hunk.start : hunk.start + len(hunk.new)]
        # What stands there still comes only once.
        gone = [[line] if not old or stood[n] < 0 else [] for n, line in enumerate(hunk.old, hunk.old_start)]
        if some and not gone and max(places) >= 0:
            places = [place for place in places if place >= 0]
            gone = [[] for _ in places]
        if len(gone) == len(places) and min(places) >= 0:  # line by line: others may have come between them
            for place, lines_back in reversed([*zip(places, gone, strict=True)]):
                text[place : place + 1] = lines_back
            continue
        start = places[0] if places else _place_of_none(hunk, where, stood, len(lines))
        if start < 0 or places != list(range(start, start + len(places))):
            raise Refused(f"hunk {hunk.id}: its lines are not in this text any more; look at the file as it is now")
        text[start : start + len(places)] = [line for back in gone for line in back]
    return text


def _place_of_none(hunk: Hunk, where: Sequence[int], stood: Sequence[int], end: int) -> int:
    """Return where the old lines of a hunk without new ones belong in a relative, -1 where nothing there says so.

    `where` and `stood` are the places there of the shown and of the old lines, -1 or less for none; `end` is its last.
    """
    above = where[hunk.start - 1] + 1 if hunk.start else 0
    below = where[hunk.start] if hunk.start < len(where) else end
    start = above or (below if hunk.start else 0)
    if above == 0 and hunk.start:  # below a line that the relative has not: by what stood above it
        start = next((at + 1 for at in reversed(where[: hunk.start]) if at >= 0), 0)
        below = next((at for at in where[hunk.start :] if at >= 0), end)
        return max((at + 1 for at in stood[: hunk.old_start] if start <= at < below), default=-1)
    # Behind what stood above them, where the shown text lacks that too.
    return max([start, *(at + 1 for at in stood[: hunk.old_start] if start <= at < below)])
