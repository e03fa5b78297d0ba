"""Mistakes in loop/runs: a run that outlives its end, that is given too much, or whose score is believed wrongly."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "loop/runs/runner.py",
        "what a patch has compiled is given to every other run",
        "self.home.compiled(self.campaign)) if number == 0 else None",
        "self.home.compiled(self.campaign)) if number >= 0 else None",
    ),
    Mutant(
        "loop/runs/compiled.py",
        "a link that a run has left is followed",
        "            if not stat.S_ISREG(os.lstat(name, dir_fd=descriptor).st_mode):\n",
        "            if not stat.S_ISREG(os.stat(name, dir_fd=descriptor).st_mode):\n",
    ),
    Mutant(
        "loop/runs/supervisor/tree.py",
        "on a Mac an orphan in a session of its own outlives its run",
        "    if orphans and not host.LINUX:\n",
        "    if False:\n",
    ),
    Mutant(
        "loop/runs/supervisor/supervisor.py",
        "what a run has forked lives on after it has ended",
        "            found = signal_tree(self.child, signal.SIGKILL)\n",
        "            found = False\n",
    ),
    Mutant(
        "loop/runs/supervisor/supervisor.py",
        "a run outlives a daemon that was killed with -9",
        "            if not data:\n                self.why = Why.STOPPED\n",
        "            if not data:\n                pass\n",
    ),
    Mutant(
        "loop/runs/supervisor/supervisor.py",
        "a second run trains beside the first one",
        "            if self.lease < 0:\n                return\n",
        "            if self.lease < 0:\n                pass\n",
    ),
    Mutant(
        "loop/runs/supervisor/supervisor.py",
        "CPU seconds before the clock are told as after it",
        '"setup_cpu_s": total if clock is None else clock[1]',
        '"setup_cpu_s": total if clock is None else 0.0',
    ),
    Mutant(
        "loop/runs/supervisor/supervisor.py",
        "a run that was timed out is killed without a moment to end by itself",
        "            signal_tree(self.child, signal.SIGTERM)\n",
        "            signal_tree(self.child, signal.SIGKILL)\n",
    ),
    Mutant(
        "loop/runs/supervisor/channel.py",
        "a run gets any number of rows for its budget",
        "self._most + max(SLACK_ROWS, self._most // SLACK)",
        "self._most + max(SLACK_ROWS, self._most * SLACK)",
    ),
    Mutant(
        "loop/runs/supervisor/channel.py",
        "a row beyond the end of the file is answered",
        "if max(numbers) >= self._rows:",
        "if max(numbers) > self._rows:",
    ),
    Mutant(
        "loop/runs/supervisor/channel.py",
        "a run submits without having started its clock",
        "and not count and self.clock is not None and self._opened:",
        "and not count and self._opened:",
    ),
    Mutant(
        "loop/runs/supervisor/watch.py",
        "a run is given as long as it likes after its clock",
        "return math.inf if self.clock is None or self._clock_s is None else self.clock + self._clock_s",
        "return math.inf",
    ),
    Mutant(
        "loop/runs/supervisor/watch.py",
        "a run fills the disk of the machine",
        "elif free_space(path) < FREE_DISK:",
        "elif free_space(path) < 0:",
    ),
    Mutant(
        "loop/runs/supervisor/meter.py",
        "the work of children that nobody collects is not counted",
        "sum(self.seen.values())\n",
        "0.0\n",
    ),
    Mutant(
        "loop/runs/supervisor/child.py",
        "a run lives on when its supervisor is killed",
        "        die_with(supervisor)\n",
        "",
    ),
    Mutant(
        "loop/runs/outcome.py",
        "a run whose supervisor was killed counts as a crash of the patch",
        "            return Outcome.INTERRUPTED, Failure(kind.LOST,",
        "            return Outcome.CRASHED, Failure(kind.LOST,",
    ),
    Mutant(
        "loop/runs/outcome.py",
        "work beyond the budget is not held against a run",
        "held = spec.allowance if outcome is Outcome.FINISHED else None",
        "held = spec.allowance if outcome is Outcome.CRASHED else None",
    ),
    Mutant(
        "loop/runs/outcome.py",
        "a number printed before a crash counts as the score",
        "reported=reported if outcome is Outcome.FINISHED else None",
        "reported=reported",
    ),
    Mutant(
        "loop/runs/scorer.py",
        "a canvas that changed itself while it trained is scored",
        "if sha256(self._folder / name) != pinned:",
        "if not pinned:",
    ),
    Mutant(
        "loop/runs/ruler.py",
        "a budget of compute buys the last row only in part",
        "return math.ceil(tokens / self.context)",
        "return math.floor(tokens / self.context)",
    ),
    Mutant(
        "loop/runs/conditions.py",
        "a run with a budget in tokens is killed as soon as the slowest was done",
        "return max(120.0, SLOW_FACTOR * slowest_s)",
        "return max(120.0, slowest_s)",
    ),
    Mutant(
        "loop/runs/confinement.py",
        "training sees the held-out rows",
        "return [*ruler.sealed_paths, *text,",
        "return [*text,",
    ),
    Mutant(
        "loop/runs/staged.py",
        "the checkpoint of every run stays on the disk",
        "and entry.name not in CHECKPOINTS):",
        "and entry.name):",
    ),
    Mutant(
        "loop/runs/staged.py",
        "what a model learns while it is scored is free",
        "replace(work, opening_cpu_s=answer.opening_cpu_s)",
        "work",
    ),
    Mutant(
        "loop/runs/conditions.py",
        "a run is not told which framework its campaign measures",
        '{"AUTORESEARCH_FRAMEWORK": framework} if framework else {}',
        "{}",
    ),
    Mutant(
        "loop/runs/reach.py",
        "a Mac whose sandbox keeps runs from the GPU trains on its CPU",
        'why = "" if done.returncode == 0 else',
        'why = "" if done else',
    ),
)
