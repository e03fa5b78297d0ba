"""Mistakes in loop/engine: verdicts on luck, limits that are passed, texts that are measured as others."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "loop/engine/verdict.py",
        "a doubtful loss is kept because it deletes a line",
        "if lines_added < 0 and gain >= -sigma:",
        "if lines_added < 0 and gain >= -margin:",
    ),
    Mutant(
        "loop/engine/verdict.py",
        "of two pairs, the first one's noise is asked for: gains that are confirmed are discarded",
        "(rule.clear if pairs == 1 else rule.confirmed)",
        "(rule.clear if pairs <= 2 else rule.confirmed)",
    ),
    Mutant(
        "loop/engine/plan.py",
        "a patch that replaces lines counts as one that adds code",
        "lines_added=experiment.lines_added - experiment.lines_removed",
        "lines_added=experiment.lines_added",
    ),
    Mutant(
        "loop/engine/plan.py",
        "the present run's time does not count for 'stop: hours'",
        "hours = (ledger.busy_s + max(0.0, now - (ledger.last_tick or now))) / 3600",
        "hours = ledger.busy_s / 3600",
    ),
    Mutant(
        "loop/engine/plan.py",
        "one proposal of an unknown price switches the limit in dollars off",
        "spent_limit(stop, replace(ledger.spent, dollars=ledger.known_dollars))",
        "spent_limit(stop, ledger.spent)",
    ),
    Mutant(
        "loop/engine/verification.py",
        "a run that verifies and kills its supervisor is made again for ever",
        "lost[-1] if len(lost) >= MOST_LOST else None",
        "None",
    ),
    Mutant(
        "loop/engine/backlog.py",
        "an experiment that has scores is merged before its second pair: they are of two texts",
        "if experiment.parent == incumbent.commit or experiment.scores:",
        "if experiment.parent == incumbent.commit:",
    ),
    Mutant(
        "loop/engine/backlog.py",
        "the revert of a hunk overwrites what was kept in its lines meanwhile",
        "if experiment.author is not Author.HUMAN or experiment.removes is not None:",
        "if experiment.author is not Author.HUMAN:",
    ),
    Mutant(
        "loop/engine/measuring.py",
        "a patch whose score is no number is not handed back to its author",
        "if isinstance(step, Judged) and step.verdict is not Verdict.CRASH else []",
        "if isinstance(step, Judged) else []",
    ),
    Mutant(
        "loop/engine/staging.py",
        "a run that was started with the text before a merge is measured as the merged one",
        "wanted = (experiment.number, commit, planned.seed,",
        "wanted = (experiment.number, staged.commit, planned.seed,",
    ),
    Mutant(
        "loop/engine/resume.py",
        "a campaign goes on with another device or other data",
        "if ruler is not None and ruler.comparison_key != created.comparison_key:",
        "if ruler is not None and not ruler.comparison_key:",
    ),
    Mutant(
        "loop/engine/create.py",
        "a branch of the user's of that name is overwritten",
        "if repo.ref(branch) not in (None, repo.ref(first), repo.ref(accepted)):",
        "if repo.ref(branch) is None and repo.ref(first) is not None:",
    ),
    Mutant(
        "loop/engine/writing.py",
        "one proposal more is bought than the limit has room for",
        "ledger.judged + len(pending) + self._in_flight < limit",
        "ledger.judged + len(pending) + self._in_flight <= limit",
    ),
    Mutant(
        "loop/engine/answering.py",
        "a stop that met no daemon ends the next start",
        "late = intent < self.campaign.asked_to_begin",
        "late = False",
    ),
    Mutant(
        "loop/engine/authors.py",
        "two writers each spend the whole rest of the money",
        "sum(self._costs.values(), start=recorded)",
        "recorded + self._costs[key]",
    ),
)
