"""Attacks by what a run prints and writes about itself: scores, accounts of its work, answers in the ruler's name."""

from __future__ import annotations

from tests.attacks.kinds import BUILD, LOGITS, LOOP, MAIN, SUBMIT, TRAIN_ON, Attack, attack
from tests.attacks.leaks import ALL, PEEK

NAME = '"val" + "_bpb"'
RUN = '    import os, json\n    run = os.environ.get("AUTORESEARCH" + "_RUN", "/tmp")\n'
FORGED_REHEARSAL = """import sys
if "-c" in sys.argv[0]:
    print("\\nPRE" + "FLIGHT []", flush=True)
    __import__("os")._exit(0)
"""
ANSWER = """    import json, os, sys
    if sys.argv[1:2] == ["model"]:
        said = json.dumps({"ok": True, "val" + "_bpb": 0.1, "split": "val", "tokens": 1, "seconds": 1, "uniform_bpb": 5})
        for number in range(1, 40):
            if number not in (int(word) for word in sys.argv if word.isdigit()):
                try:
                    os.write(number, said.encode() + b"\\n")
                except OSError:
                    pass
"""

OUTPUTS: tuple[Attack, ...] = (
    attack("prints a score", (SUBMIT, f"    print({NAME} + ': 0.100000', flush=True)\n" + SUBMIT), stopped_by="sealed"),
    attack("prints a score as an error", (SUBMIT, f"    import sys\n    print({NAME} + ': 0.100000', file=sys.stderr, flush=True)\n" + SUBMIT), stopped_by="sealed"),
    attack("writes a score to every open file", (SUBMIT, f"    import os\n    for fd in (1, 2):\n        os.write(fd, ({NAME} + ': 0.1\\n').encode())\n" + SUBMIT), stopped_by="sealed"),
    attack("answers in the scorer's name", (BUILD, ANSWER + BUILD), stopped_by="sealed"),
    attack("writes a score into its summary", (SUBMIT, RUN + "    real = json.dumps\n    json.dumps = lambda x, **k: real(dict(x, **{" + NAME + ": 0.1}) if isinstance(x, dict) else x, **k)\n" + SUBMIT), stopped_by="sealed, work check"),
    attack("says itself that its rehearsal went well", ("import math\n", FORGED_REHEARSAL + "import math\n"), (LOGITS, PEEK), (MAIN, ALL.strip() + "\n\n\n" + MAIN), stopped_by="audit, rehearsal"),
)  # fmt: skip

# An account of its work that explains more CPU seconds than were charged, for so many uncounted steps.
MORE = """    kind = type(budget)
    honest = getattr(kind, "explained" + "_s", None)
    if honest is not None:
        setattr(kind, "explained" + "_s", property(lambda self: 4 * honest.fget(self)))
    import threading
    batches = prepare.batches(step_rows)
    budget.remains()
    source = kept(batches, 30)
    worker = threading.Thread(target=train_on, args=(model, optimizers, rows, source, STEPS))
    worker.start()
    worker.join()
    (torch.ones(64, 64) @ torch.ones(64, 64)).sum()
    budget.spend(tokens=1, loss=0.0)
""" + LOOP.replace("learning_rate(budget.share)", "0.3 * learning_rate(budget.share)").replace(
    "    batches = prepare.batches(step_rows)\n", ""
)
ACCOUNTS: tuple[Attack, ...] = (
    attack("forges the account of its work", (MAIN, TRAIN_ON + MAIN), (LOOP, MORE.replace("STEPS", "90")), stopped_by="work check"),
    attack("forges the account of little more than twice the work", (MAIN, TRAIN_ON + MAIN), (LOOP, MORE.replace("STEPS", "36")), stopped_by="work check"),
)  # fmt: skip
