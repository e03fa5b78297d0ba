"""Mistakes in loop/record: entries that are lost or counted twice, locks that do not hold, claims too bold."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "loop/record/backup.py",
        "the first backup of an hour is kept, not the last",
        "for copy in reversed(all_of_them)}",
        "for copy in all_of_them}",
    ),
    Mutant(
        "loop/record/salvage.py",
        "the backups of a journal that was restored and went another way are overwritten",
        "earlier[max(both)] == later[max(both)]",
        "earlier[min(both)] == later[min(both)]",
    ),
    Mutant(
        "loop/record/clearing.py",
        "a link that a run left behind cannot be cleared",
        "entry.is_dir(follow_symlinks=False)",
        "entry.is_dir()",
    ),
    Mutant(
        "loop/record/disk.py",
        "a campaign starts on a full disk",
        "if free < NEEDED_MB:",
        "if free < 0:",
    ),
    Mutant(
        "loop/record/home.py",
        "each linked worktree has a journal of its own",
        "if common.exists():",
        "if not common.exists():",
    ),
    Mutant(
        "loop/record/journal.py",
        "of a long journal only the first page is fed",
        "while page := list(self._read(after, campaign, PAGE)):",
        "if page := list(self._read(after, campaign, PAGE)):",
    ),
    Mutant(
        "loop/record/journal.py",
        "an entry that was seen is read again",
        "WHERE seq > ?",
        "WHERE seq >= ?",
    ),
    Mutant(
        "loop/record/lock.py",
        "who asks whether a daemon lives is taken for one: the lock is not shared",
        "how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX",
        "how = fcntl.LOCK_EX",
    ),
    Mutant(
        "loop/record/lock.py",
        "a daemon that hangs is called alive",
        "if silence < SILENT_S:",
        "if silence > SILENT_S:",
    ),
    Mutant(
        "loop/record/noise.py",
        "a claim's interval is narrower than Student's: luck is called a gain",
        "own = student(n - 1) * spread",
        "own = Z * spread",
    ),
    Mutant(
        "loop/record/experiment.py",
        "a run without a score counts as one with 0.0, which beats all others",
        "return {run.seed: run.score for run in self.own_runs if run.score is not None}",
        "return {run.seed: run.score or 0.0 for run in self.own_runs}",
    ),
    Mutant(
        "loop/record/experiment.py",
        "a run whose supervisor is killed again and again is made once more than the limit",
        "lost.count(seed) >= MOST_LOST",
        "lost.count(seed) > MOST_LOST",
    ),
    Mutant(
        "loop/record/ledger.py",
        "a claim is verified on a seed that has verified another",
        "max(audits, default=-1) + 1",
        "max(audits, default=0)",
    ),
    Mutant(
        "loop/record/ledger.py",
        "a look ahead changes the ledger that it looks from",
        "f.name: copy(getattr(self, f.name))",
        "f.name: getattr(self, f.name)",
    ),
    Mutant(
        "loop/record/results.py",
        "the best is the luckiest score, not the largest gain in pairs",
        "self.gain(e.level, 0.0), e.number",
        "self.gain(e.score or 0.0, 0.0), e.number",
    ),
    Mutant(
        "loop/record/folding.py",
        "what was found wrong with the text before a merge is held against the merged one",
        "                fingerprint=fact.fingerprint,\n                doomed=None,",
        "                fingerprint=fact.fingerprint,",
    ),
    Mutant(
        "loop/record/learning.py",
        "runs on other rows make a script that ignores its seed look noisy",
        "if r.commit == run.commit and (r.purpose in CHOSE_NOTHING) == (run.purpose in CHOSE_NOTHING)",
        "if r.commit == run.commit",
    ),
    Mutant(
        "loop/record/requests.py",
        "the withdrawal of one revert takes back the promise of another",
        "removes == request.removes and (request.intent",
        "(request.intent",
    ),
    Mutant(
        "loop/record/requests.py",
        "one withdrawal takes back every revert that it may mean",
        "if _is_meant(request, *one)][-1:]:",
        "if _is_meant(request, *one)]:",
    ),
    Mutant(
        "loop/record/work.py",
        "work hidden before the clock starts is free",
        "cpu_s = work.cpu_s + early",
        "cpu_s = work.cpu_s",
    ),
    Mutant(
        "loop/record/values.py",
        "a canvas outside the campaign's folder is accepted",
        'if ".." in path.parts or',
        "if",
    ),
    Mutant(
        "loop/record/work.py",
        "where no operations are counted a run may take any CPU time",
        "if reference and cpu_s > SLOW * reference.cpu_s + UNSEEN_S:",
        "if reference and cpu_s > 99 * reference.cpu_s + UNSEEN_S:",
    ),
)
