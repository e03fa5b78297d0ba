"""Random histories of one human and one night, without git or a server.

Each knows knob by knob what was kept and what the human did, so it says on its own what must be missing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from loop.record.types import MergeConflict, Refused
from loop.review.pulling import pulled
from loop.review.reverts import undone_in
from loop.text import lineage
from loop.text.diff import split_lines
from loop.text.hunks import advance_all, take_out
from loop.text.lineage import Kept, Lineage, Removal, Reviewed
from loop.text.merge import merge
from server.documents import Document
from server.reading import Pending, Reading, read_canvas
from server.snapshot import Review

STEPS = 16


KNOBS = ("BATCH", "DEPTH", "LR", "WD", "CLIP", "SEED")


VALUES = "1248"  # few, so that values come back


DEEDS = ["keep", "keep", "keep", "pull", "type", "change", "accept", "revert", "revert", "undo", "price", "measure"]


def canvas(blanks: int) -> list[str]:
    """Return a small canvas whose knobs stand on neighbouring lines or apart."""
    knobs = [part for name in KNOBS for part in (f"{name} = 1\n", *["\n"] * blanks)]
    return ["import os\n", *knobs, "def main():\n", "    return 1\n", "\n", "def more():\n", "    return 1\n"]


def knobs(lines: Iterable[str]) -> dict[str, str]:
    """Return what each knob is set to; a line that the human typed is set or not."""
    return {line.partition(" = ")[0]: line for line in lines if " = " in line or line.startswith("# mine")}


@dataclass
class Revert:
    """A revert of the human's: the text before and after it, and what waits to be measured."""

    before: list[str]
    after: list[str]
    removal: Removal | None
    mine: dict[str, int]
    place: int = 0  # of the incumbent then


@dataclass
class History:
    """One night: the kept texts, and one human's buffer."""

    chance: random.Random
    texts: list[list[str]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    base: list[str] = field(default_factory=list)
    line: Lineage | None = None
    reverts: list[Revert] = field(default_factory=list)
    adopted_reverts: list[Revert] = field(default_factory=list)  # each with the experiment that was kept of it
    undone: list[Removal] = field(default_factory=list)  # of adopted reverts that the human undid
    edits: list[int] = field(default_factory=list)  # the keeps that the human wrote
    mine: dict[str, int] = field(default_factory=dict)  # knob → the keep at which the human made it their own
    typed: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> Kept:
        assert self.line is not None
        return Kept(self.line, tuple(map(str, range(len(self.texts)))))

    def keep(self, text: list[str]) -> None:
        assert self.line is not None
        self.texts.append(text)
        self.line = lineage.extend(self.line, [(len(self.texts) - 1, text)])
        self.forget_kept()

    def read(self) -> Reading:
        removals = [revert.removal for revert in self.reverts if revert.removal]
        review = Review(self.kept, Reviewed("", tuple(self.base)), (*removals, *self.undone))
        return read_canvas(review, Document("file:///t.py", Path("/t.py"), 1, "".join(self.text)))

    # ---- what must be ------------------------------------------------------------------------------------------

    def lacks(self) -> set[int]:
        """Return the keeps that changed a knob since it was as the text has it, where the human changed nothing."""
        shown, found = knobs(self.text), set[int]()
        nights = [knobs(text) for text in self.texts]
        for name in {name for night in nights for name in night} - {*self.mine}:
            values = [night.get(name) for night in nights]
            if shown.get(name) == values[-1]:
                continue
            since = max(n for n, value in enumerate(values) if value == shown.get(name))
            found |= {n for n in range(since + 1, len(values)) if values[n] != values[n - 1]}
        return found

    # ---- what happens ------------------------------------------------------------------------------------------

    def patched(self) -> list[str]:
        """Return the incumbent with an agent's patch: one knob or two, a knob more, a knob less."""
        text, kind = list(self.texts[-1]), self.chance.random()
        places = [n for n, line in enumerate(text) if " = " in line]
        if kind < 0.12:
            text.insert(self.chance.choice(places), f"NEW_{len(self.texts)} = 1\n")
        elif kind < 0.2 and len(places) > 3:
            del text[self.chance.choice(places)]
        else:
            for at in self.chance.sample(places, 2 if kind > 0.8 else 1):
                text[at] = f"{text[at].partition(' = ')[0]} = {self.chance.choice(VALUES)}\n"
        return text

    def step(self) -> None:
        deed, reading = self.chance.choice(DEEDS), self.read()
        assert set(reading.held.missing) == self.lacks(), "the lens's count is the true one"
        self.done[deed] += 1
        match deed:
            case "keep":
                if (text := self.patched()) not in self.texts:
                    self.keep(text)
            case "pull":
                self.pull(reading)
            case "type":
                self.typed.append(f"# mine {len(self.typed)}\n")
                self.text.insert(self.chance.choice([0, len(self.text)]), self.typed[-1])
            case "change":
                places = [n for n, line in enumerate(self.text) if " = " in line]
                at = self.chance.choice(places)
                name = self.text[at].partition(" = ")[0]
                self.text[at] = f"{name} = mine_{sum(self.done.values())}\n"
                self.mine[name] = len(self.texts) - 1
            case "accept" if reading.pending:
                chosen = self.chance.sample(reading.pending, self.chance.randint(1, len(reading.pending)))
                self.base = advance_all(self.base, [pending.hunk for pending in chosen])
            case "revert" if reading.pending:
                self.revert(reading, self.chance.choice(reading.pending))
            case "undo" if self.reverts and self.reverts[-1].after == self.text and not self.adopted(self.reverts[-1]):
                self.bring_back(self.reverts.pop())
                self.forget_kept()
            case "undo" if self.adopted_reverts and not self.reverts and self.adopted_reverts[-1].after == self.text:
                self.undo_adopted(self.adopted_reverts.pop())
            case "undo" if self.reverts and self.reverts[-1].after == self.text:
                self.undo_taken_in(self.reverts[-1])
            case "price" if self.reverts and (removal := self.reverts[0].removal):
                self.adopt(removal)
            case "measure" if not reading.held.torn and tuple(reading.held.whole) != self.kept.line.lines:
                self.edits.append(len(self.texts))
                self.keep(list(reading.held.whole))
        if self.chance.random() < 0.2:  # a restart reads the whole line anew
            line = lineage.extend(lineage.begin(self.texts[0]), list(enumerate(self.texts))[1:])
            assert self.line == line and [s[0] for s in line.weave] == [s[0] for s in self.line.weave]
            self.line = line

    def adopted(self, revert: Revert) -> bool:
        """Return whether a part of a revert was kept meanwhile, with an edit that was measured."""
        was, now, tip = knobs(revert.before), knobs(revert.after), knobs(self.texts[-1])
        return any(was.get(name) != now.get(name) == tip.get(name) for name in {*was, *now})

    def forget_kept(self) -> None:
        """What the human wanted and was kept since is theirs no more."""
        shown, nights = knobs(self.text), [knobs(text) for text in self.texts]
        for name, place in [*self.mine.items()]:
            if any(night.get(name) == shown.get(name) for night in [*nights[place + 1 :], nights[-1]]):
                del self.mine[name]

    def pull(self, reading: Reading) -> None:
        before, shown, tip = list(self.text), knobs(self.text), knobs(self.texts[-1])
        mine = {name: shown.get(name) for name in self.mine}
        try:
            self.text = pulled("t.py", reading.held)
        except Refused:
            self.done["refused"] += 1
            assert reading.held.torn and self.text == before
            return
        shown, own = knobs(self.text), {line for line in before if line in self.typed}
        own -= {line for text in self.texts for line in text}
        assert {name: shown.get(name) for name in mine} == mine, "what the human changed or reverted stays so"
        rest = {name: value for name, value in shown.items() if name not in mine and value not in own}
        assert rest == {name: value for name, value in tip.items() if name not in mine}, (
            "every other kept line is there"
        )
        assert own <= {*self.text}, "a keystroke was lost"
        assert not self.read().held.missing, "a second pull has nothing to bring"

    def revert(self, reading: Reading, pending: Pending) -> None:
        hunk, before = pending.hunk, list(self.text)
        after = [*before[: hunk.start], *hunk.old, *before[hunk.start + len(hunk.new) :]]
        if len(knobs(after)) < sum(" = " in line or "# mine" in line for line in after):
            return  # lines that do not pair up: a knob would be there twice
        removal = None
        tip = len(self.texts) - 1
        for place, some in ((tip, False), (pending.newest, False), (tip, True)):
            try:
                without = take_out(self.texts[place], self.text, [hunk], self.base, some)
                removal = Removal(str(place), tuple(without))
                break
            except Refused:
                continue
        self.reverts.append(Revert(before, [], removal, dict(self.mine), len(self.texts) - 1))
        self.text, self.reverts[-1].after = after, list(after)
        was, now = knobs(before), knobs(self.text)
        for name in {*was, *now}:
            if was.get(name) != now.get(name):
                self.mine[name] = int(removal.parent) if removal else len(self.texts) - 1
        self.forget_kept()
        self.done["reverted"] += 1

    def adopt(self, removal: Removal) -> None:
        """Measure the oldest revert: kept, unless the incumbent has changed the same lines since."""
        try:
            text = merge("".join(self.texts[int(removal.parent)]), "".join(self.texts[-1]), "".join(removal.lines))
        except MergeConflict:
            return
        last = self.reverts.pop(0)
        if split_lines(text) != self.texts[-1]:
            price = Removal(str(len(self.texts)), tuple(self.texts[-1]))  # by which an undo of it is known
            self.keep(split_lines(text))
            self.adopted_reverts.append(Revert(last.before, last.after, price, {}))
            self.done["adopted"] += 1

    def undo_adopted(self, last: Revert) -> None:
        """Bring back what an adopted revert took out: from now on it is the human's own."""
        was, now = knobs(self.text), knobs(last.before)
        assert last.removal is not None
        self.text = last.before
        self.undone.append(last.removal)
        self.mine |= {name: len(self.texts) - 1 for name in {*was, *now} if was.get(name) != now.get(name)}
        self.forget_kept()
        self.done["undone after it was adopted"] += 1

    def bring_back(self, last: Revert) -> None:
        """Undo a revert: its knobs are whose they were before it, the others whose they are now."""
        was, now = knobs(last.before), knobs(last.after)
        its = {name for name in {*was, *now} if was.get(name) != now.get(name)}
        others = {name: place for name, place in self.mine.items() if name not in its}
        self.text, self.mine = last.before, others | {name: last.mine[name] for name in its & {*last.mine}}

    def undo_taken_in(self, last: Revert) -> None:
        """Bring back what the human took out and then had measured with an edit, and was kept with it."""
        was, now, tip = knobs(last.before), knobs(last.after), knobs(self.texts[-1])
        undone, theirs = list[Removal](), set[str]()
        for edit in [n for n in self.edits if last.removal and n > last.place]:
            assert last.removal is not None
            before, text = self.texts[int(last.removal.parent)], self.texts[edit]
            without = undone_in(before, last.removal.lines, self.texts[edit - 1], text)
            if without != text:
                undone.append(Removal(str(edit), tuple(without)))
                old, new = knobs(without), knobs(text)
                theirs |= {name for name in {*old, *new} if old.get(name) != new.get(name)}
        adopted = {name for name in {*was, *now} if was.get(name) != now.get(name) == tip.get(name)}
        if not adopted <= theirs:
            return  # an agent's keep says it too
        self.reverts.remove(last)
        self.bring_back(last)
        self.mine |= dict.fromkeys(adopted, len(self.texts) - 1)
        self.undone += undone
        self.forget_kept()
        self.done["undone after an edit took it in"] += 1


def history(number: int) -> History:
    chance = random.Random(number)
    begun = canvas(number % 3)
    night = History(chance, [begun], list(begun), list(begun), lineage.begin(begun))
    for _ in range(STEPS):
        night.step()
    return night
