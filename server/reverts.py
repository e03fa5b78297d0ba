"""The reverts of one folder that can still be undone, and their measurements. Knows no editor and asks for nothing.

The buffer is the truth: a revert that the editor's own undo takes back is found by its hunks, which are there again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from loop.text.hunks import Hunk, shows


@dataclass(frozen=True)
class Measurement:
    """Whether a revert is measured, the sentence about it, and the intent that asks for it."""

    queued: bool
    sentence: str
    intent: int | None = None


@dataclass(eq=False)
class Reverted:
    """A revert of this session, or one that the journal remembers. `measurement` is done once it was asked for."""

    removes: int
    experiments: Sequence[int]  # that wrote the hunks, as they were kept when it was made
    hunks: list[Hunk]
    measurement: asyncio.Future[Measurement]

    def is_undone_in(self, lines: Sequence[str]) -> bool:
        """Return whether a text shows all of its hunks."""
        return all(shows(lines, hunk) for hunk in self.hunks)


@dataclass
class Reverts:
    """The reverts of one folder, the last one last."""

    made: list[Reverted] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # held while a hunk is reverted
    recalling: set[asyncio.Task[None]] = field(default_factory=set)  # what still reads those of earlier sessions

    def take_undone(self, lines: Sequence[str]) -> list[Reverted]:
        """Forget, and return, what a text shows to have been undone."""
        undone = [revert for revert in self.made if revert.is_undone_in(lines)]
        for revert in undone:
            self.made.remove(revert)
        return undone

    async def recall(self, earlier: Iterable[Reverted], lines: Sequence[str]) -> None:
        """Remember reverts of earlier sessions, as far as they are not known and a text does not show them undone.

        One that it shows undone may have been so while no server looked, or was never saved: nobody knows.
        """
        known = {(await revert.measurement).intent for revert in list(self.made)}
        new = [one for one in earlier if (await one.measurement).intent not in known and not one.is_undone_in(lines)]
        self.made[:0] = new

    @contextmanager
    def passed_over(self, text: Sequence[str]) -> Iterator[None]:
        """Let a pull bring what another keep wrote again, where it was reverted: that undoes no revert."""
        before = list(self.made)
        self.made[:] = [revert for revert in self.made if not revert.is_undone_in(text)]
        try:
            yield
        except BaseException:
            self.made[:] = before
            raise
