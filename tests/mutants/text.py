"""Mistakes in loop/text: lines that are lost, attributed to the wrong author, or put back into the wrong place."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "loop/text/merge.py",
        "two insertions at one place are no conflict, and both are taken",
        "return one.a == other.a\n",
        "return False\n",
    ),
    Mutant(
        "loop/text/merge.py",
        "a human's own line beside an older version of an agent's line is overwritten",
        "known >= {*hunk.new}",
        "not {*hunk.new} - known or known & {*hunk.new}",
    ),
    Mutant(
        "loop/text/diff.py",
        "a value is carried to the wrong line below lines that came or went",
        "        at = change.a_end\n    carried",
        "        at = change.b_end\n    carried",
    ),
    Mutant(
        "loop/text/diff.py",
        "a line that was taken out counts as replaced",
        "REPLACED if change.b < change.b_end else TAKEN_OUT",
        "REPLACED if change.b <= change.b_end else TAKEN_OUT",
    ),
    Mutant(
        "loop/text/diff.py",
        "small blocks without an anchor are one change: a hunk shows lines that nobody changed",
        "> LARGEST_BLOCK:",
        "< LARGEST_BLOCK:",
    ),
    Mutant(
        "loop/text/hunks.py",
        "a hunk that fits two places is applied to the first of them",
        "    if len(found) == 1:\n        return found[0]",
        "    if found:\n        return found[0]",
    ),
    Mutant(
        "loop/text/hunks.py",
        "accepting a hunk of an older look overwrites what was accepted meanwhile",
        "if tuple(base[hunk.old_start : end]) != hunk.old:",
        "if end > len(base):",
    ),
    Mutant(
        "loop/text/lineage.py",
        "a line that came back is as young as its return: an agent's deletion looks like the human's",
        "ages.setdefault(line, 0 if TRIVIAL.fullmatch(line) else keep)",
        "ages[line] = 0 if TRIVIAL.fullmatch(line) else keep",
    ),
    Mutant(
        "loop/text/lineage.py",
        "a human's copy of an agent's line is attributed to the agent",
        "None if text[n] in copies else lineage.wrote.get(text[n])",
        "lineage.wrote.get(text[n])",
    ),
    Mutant(
        "loop/text/alignment.py",
        "a human's version of a line stands for one that went, not for the one that stands",
        "next((n for n in alike if strands[n].went is None), alike[-1])",
        "alike[0]",
    ),
    Mutant(
        "loop/text/alignment.py",
        "a line that was set to and fro is taken for its first time, not its last",
        "        if strands[seen].line == strands[at].line and seen in window:\n            best = seen\n",
        "",
    ),
    Mutant(
        "loop/text/holding.py",
        "a keep that the human reverted counts as missing, and comes back with the rest",
        "if part in self.had or any(n in self.gone for n in came):",
        "if part in self.had:",
    ),
    Mutant(
        "loop/text/holding.py",
        "an insertion comes back into a block that the human took out and wrote anew",
        "        if not any((*left, *right)):\n            return False\n",
        "",
    ),
    Mutant(
        "loop/text/canvas.py",
        "a Git LFS pointer becomes a campaign's canvas",
        'if text.startswith("version https://git-lfs"):',
        'if text.startswith("https://git-lfs"):',
    ),
    Mutant(
        "loop/text/numbers.py",
        "a small uncertainty is shown as ±0.0000, which claims an exact score",
        "if 1e-9 <= value < 0.00005:",
        "if 0.00005 <= value < 0.00005:",
    ),
)
