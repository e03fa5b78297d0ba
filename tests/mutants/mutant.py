"""One mutant: a mistake that matters to users, as an edit of one module. Works on texts and folders, runs nothing."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


class Stale(Exception):
    """A mutant that no longer fits the code: the list must follow."""


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in the module, and `new` in its place does what `means` says."""

    path: str  # from the top of the tree: loop/<chapter>/<module>.py
    means: str  # what users would suffer
    old: str
    new: str

    @property
    def chapter(self) -> str:
        return Path(self.path).parts[1]

    def applied(self, text: str) -> str:
        """Return the module's text with the mistake; raises Stale where it does not fit."""
        count = text.count(self.old)
        if count != 1:
            raise Stale(f"{self.path}: {self.old!r} stands there {count} times; correct the list in tests/mutants")
        mutated = text.replace(self.old, self.new)
        try:
            same = ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(text))
        except SyntaxError as error:
            finding = f"line {error.lineno} is no Python with {self.means!r}; correct its new text"
            raise Stale(f"{self.path}: {finding}") from error
        if same:
            raise Stale(f"{self.path}: {self.means!r} changes nothing; correct its new text")
        return mutated

    def apply(self, root: Path) -> None:
        """Make the mistake in a copy of the tree; raises Stale."""
        place = root / self.path
        if not place.is_file():
            raise Stale(f"{self.path}: no such module; correct the list in tests/mutants")
        place.write_text(self.applied(place.read_text(encoding="utf-8")), encoding="utf-8")

    def tests(self, root: Path) -> list[str]:
        """Return the tests that mirror the module, its own file first, then all of its chapter."""
        folder = root / "tests" / "loop" / self.chapter
        own = sorted(folder.rglob(f"test_{Path(self.path).stem}.py"))
        return [path.relative_to(root).as_posix() for path in (*own, folder)]
