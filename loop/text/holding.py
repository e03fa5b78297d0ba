"""A text and the kept line → which keeps it has, which it lacks, which its human changed; and the text with all.

Counted by content, part by part: a part is missing where the text still shows what stood there before it. A text may
have a later keep and lack an earlier one, so no place in the line is looked for. Pure: no files, no clock, no git.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from loop.text.alignment import places, running, versions
from loop.text.diff import changes
from loop.text.lineage import TRIVIAL, Kept, Part, Removal, Strand, in_order

REACH = 3  # lines around an insertion that tell whether its place is still there


@dataclass(frozen=True)
class Holding:
    """What a text has of the kept line. Experiments are named as they were kept."""

    missing: tuple[int, ...] = ()  # the text shows what stood there before them
    changed: tuple[int, ...] = ()  # the human reverted, overwrote or took out lines of theirs; those are left alone
    torn: tuple[int, ...] = ()  # missing, and the human changed the very lines that they change
    base: tuple[str, ...] = ()  # the text without what is the human's own
    whole: tuple[str, ...] = ()  # the text with what is missing; the human's own lines stand


def holding(kept: Kept, removals: Sequence[Removal], text: Sequence[str]) -> Holding:
    """Return what a text has and lacks. `removals` are the reverts that stand and were not adopted."""
    if tuple(text) == kept.line.lines:
        return Holding(base=kept.line.lines, whole=kept.line.lines)
    first = _Comparison(kept, removals, text, places(text, kept.line))
    held, at = first.holding(), first.returned()
    if at == first.at:
        return held
    again = _Comparison(kept, removals, text, at).holding()
    disputed = {*held.changed, *held.torn}  # without any, the first answer makes the kept text of this one
    same = bool(disputed) or (again.whole, again.base) == (held.whole, held.base)
    return again if same and {*again.changed} <= disputed else held


class _Comparison:
    """One text beside every line that was ever kept."""

    def __init__(self, kept: Kept, removals: Sequence[Removal], text: Sequence[str], at: list[int]) -> None:
        self.line, self.text, self.strands, self.at = kept.line, text, kept.line.weave, at
        self.matched = {place: n for n, place in enumerate(self.at) if place >= 0}  # strand → line of the text
        self.stands = dict(versions(text, self.at, self.strands))  # strand → the human's own line in its place
        self.gone: set[int] = set()  # strands that the human reverted
        self.back: set[int] = set()  # strands that came back with a revert
        for removal in removals:
            if removal.parent in kept.commits:
                self._take_out(removal.lines, kept.commits.index(removal.parent))
        self.came: dict[Part, list[int]] = {}
        self.went: dict[Part, list[int]] = {}
        for n, strand in enumerate(self.strands):
            self.came.setdefault(strand.came, []).append(n)
            if strand.went is not None:
                self.came.setdefault(strand.went, [])
                self.went.setdefault(strand.went, []).append(n)
        self.parts = sorted((part for part in self.came if part.keep), key=lambda part: part.keep)
        self.had: set[Part] = set()
        self.over: set[Part] = set()  # the human wrote over what came with it, or over what was written there since
        for part in reversed(self.parts):
            if self._shows(part):
                self.had.add(part)
            if any(n in self.stands or self.strands[n].went in self.over for n in self.came[part]):
                self.over.add(part)
        self.lacking: dict[Part, bool] = {}
        for part in self.parts:
            self.lacking[part] = self._lacks(part)
        self.comes = {
            n
            for n, strand in enumerate(self.strands)
            if strand.went is None and n not in self.matched and self.lacking.get(strand.came)
        }
        self.goes = {
            n
            for n in self.matched
            if (went := self.strands[n].went) is not None and n not in self.back and self.lacking[went]
        }

    def _take_out(self, without: Sequence[str], place: int) -> None:
        """Note which strands a revert took out of the text of a keep, and which it brought back."""
        then = [
            n
            for n, strand in enumerate(self.strands)
            if strand.came.keep <= place and (strand.went is None or strand.went.keep > place)
        ]
        for a, a_end, b, b_end in changes([self.strands[n].line for n in then], without):
            self.gone.update(then[a:a_end])
            start = then[a - 1] + 1 if a else 0
            end = then[a_end] if a_end < len(then) else len(self.strands)
            old = {*without[b:b_end]}
            dead = [n for n, strand in enumerate(self.strands) if strand.line in old and self._died(n, place)]
            self.back.update(n for n in dead if start <= n < end)
            for line in old - {self.strands[n].line for n in dead if start <= n < end}:  # it came back elsewhere
                same = [n for n in dead if self.strands[n].line == line]
                self.back.update(nsmallest(1, same, key=lambda n: abs(n - start)))

    def _died(self, n: int, place: int) -> bool:
        went = self.strands[n].went
        return went is not None and went.keep <= place

    def _shows(self, part: Part) -> bool:
        """Return whether the text has what came with a part, or what was written over it since."""
        came, went = self.came[part], self.went.get(part, ())
        if any(self.strands[n].went in self.had for n in came):
            return True
        telling = [n for n in came if not TRIVIAL.fullmatch(self.strands[n].line)] or came
        new, old = (sum(n in self.matched for n in some) for some in (telling, went))
        return new > old

    def _lacks(self, part: Part) -> bool:
        """Return whether the text shows what stood there before a part. Asked in the order of the keeps."""
        came, went = self.came[part], self.went.get(part, ())
        if part in self.had or any(n in self.gone for n in came):
            return False
        if not went:
            return part not in self.over and self._has_place(came)
        if any(n in self.matched and n in self.back for n in went):
            return False
        return any(n in self.matched or self.lacking.get(self.strands[n].came, False) for n in went)

    def _has_place(self, came: Sequence[int]) -> bool:
        """Return whether the lines around an insertion are there, so that the human cannot have taken all of it out."""
        left = self._around(range(came[0] - 1, -1, -1))
        right = self._around(range(came[-1] + 1, len(self.strands)))
        if not left and not right:
            return True
        if not any((*left, *right)):
            return False
        return self._own_beside(came) or not left or left[0] or not right or right[0]

    def _around(self, side: Iterable[int]) -> list[bool]:
        """Return for the next lines of the kept text whether the text has them; those that are missing tell nothing."""
        found: list[bool] = []
        for n in side:
            strand = self.strands[n]
            if TRIVIAL.fullmatch(strand.line) or n in self.gone:  # what was reverted by itself tells nothing
                continue
            if n in self.matched or n in self.stands:
                found.append(True)
            elif strand.went is None and not self.lacking.get(strand.came, strand.came.keep > 0):
                found.append(False)
            if len(found) == REACH:
                break
        return found

    def _own_beside(self, came: Sequence[int]) -> bool:
        """Return whether a line of the human's own stands between the lines of the text around strands."""
        above = next((self.matched[n] for n in range(came[0] - 1, -1, -1) if n in self.matched), -1)
        below = next(
            (self.matched[n] for n in range(came[-1] + 1, len(self.strands)) if n in self.matched), len(self.text)
        )
        return any(self.at[n] < 0 and self.text[n].strip() for n in range(above + 1, below))

    def returned(self) -> list[int]:
        """Return where each line stands, where one that went was brought again later at that very place."""
        at, above, below = list(self.at), running(self.at), len(self.strands)
        for n in reversed(range(len(at))):
            if at[n] >= 0 and self.strands[at[n]].went and not TRIVIAL.fullmatch(self.text[n]):
                window = (k for k in range(above[n] + 1, below) if k not in self.matched and k not in self.stands)
                again = [k for k in window if self.strands[k].line == self.text[n] and self._died(at[n], self._came(k))]
                at[n] = max(again, key=self._came, default=at[n])
            below = at[n] if at[n] >= 0 else below
        return at

    def _came(self, n: int) -> int:
        return self.strands[n].came.keep

    def holding(self) -> Holding:
        """Return what comes of it."""
        comes, goes = self.comes, self.goes
        missing = self._behind(comes, goes)
        changed = {
            part
            for n, strand in enumerate(self.strands)
            if (part := self._own(n, strand, comes, goes)) and part.keep and not TRIVIAL.fullmatch(strand.line)
        }
        blind = missing - {part.experiment for part in self.had}
        theirs = {part for part in changed if not any(n in self.gone for n in self.came[part])}
        theirs |= {part for n in self.stands for part in self.strands[n][1:] if part is not None}
        torn = blind & {part.experiment for part in theirs}
        return Holding(
            in_order(self.line, missing),
            in_order(self.line, {part.experiment for part in changed} - missing),
            in_order(self.line, torn),
            tuple(self._base(comes)),
            tuple(self._whole(comes, goes)),
        )

    def _own(self, n: int, strand: Strand, comes: set[int], goes: set[int]) -> Part | None:
        """Return the part whose work the human changed at a strand."""
        if n in self.matched:
            return strand.went if n not in goes else None
        return strand.came if strand.went is None and n not in comes else None

    def _behind(self, comes: set[int], goes: set[int]) -> set[int]:
        """Return the experiments between what the text shows and what was kept."""
        todo = [self.strands[n].came for n in comes]
        todo += [part for n in goes if (part := self.strands[n].went)]
        seen: set[Part] = set()
        while todo:
            part = todo.pop()
            if part in seen or not self.lacking.get(part):
                continue
            seen.add(part)
            todo.extend(self.strands[n].came for n in self.went.get(part, ()) if n not in self.matched)
            todo.extend(after for n in self.came[part] if (after := self.strands[n].went))
        return {part.experiment for part in seen}

    def _whole(self, comes: set[int], goes: set[int]) -> Iterator[str]:
        at = 0
        for n, strand in enumerate(self.strands):
            if n in self.matched:
                yield from self.text[at : self.matched[n]]
                at = self.matched[n] + 1
                if n not in goes:
                    yield self.text[at - 1]
            elif n in self.stands:
                yield from self.text[at : self.stands[n] + 1]
                at = self.stands[n] + 1
            elif n in comes:
                yield strand.line
        yield from self.text[at:]

    def _base(self, comes: set[int]) -> Iterator[str]:
        for n, strand in enumerate(self.strands):
            if n in self.matched:
                if strand.went is None or (n not in self.back and self.lacking[strand.went]):
                    yield strand.line
            elif strand.went is None and n not in comes:
                yield strand.line
