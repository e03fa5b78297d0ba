"""Attacks on the budget: work that is not charged, in the wrong place or at the wrong time."""

from __future__ import annotations

from tests.attacks.kinds import (
    BATCHES,
    BUDGET,
    IMPORT,
    LOOP,
    MAIN,
    STEPS,
    SUBMIT,
    TRAIN_ON,
    Attack,
    attack,
)

TOOLS = (MAIN, TRAIN_ON + MAIN)

# ---- a budget that is not spent, a second one, steps whose counting is foreseen

NEVER_SPENT = f"""    batches = prepare.batches(step_rows)
    budget.remains()
    train_on(model, optimizers, rows, batches, {STEPS})
"""
THREE = """    for turn in range(4):
        budget = prepare.Budget()
        batches = prepare.batches(step_rows)
        while budget.remains():
            inputs, targets = next(batches)
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            share = (turn + budget.share) / 4
            for optimizer in optimizers:
                optimizer.step(budget.steps + 1, share, learning_rate(share))
            model.zero_grad()
            budget.spend(tokens=inputs.numel(), loss=loss.item())
"""
SMALL_FIRST = """    batches = prepare.batches(step_rows)
    while budget.remains():
        inputs, targets = next(batches)
        if budget.steps < 2:
            loss, rows = accumulate_gradients(model, loss_sum, inputs[:1, :8], targets[:1, :8], rows)
        else:
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            scale = learning_rate(budget.steps / 100)
            for optimizer in optimizers:
                optimizer.step(budget.steps + 1, min(1.0, budget.steps / 100), max(0.0, scale))
        model.zero_grad()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
        if budget.steps >= 100:
            break
"""
FORESEEN = """    import random
    dice = random.Random(prepare.seed())
    counted = [step < 2 or dice.randrange(64) == 0 for step in range(4000)]
    batches = prepare.batches(step_rows)
    while budget.remains():
        inputs, targets = next(batches)
        if counted[budget.steps]:
            loss, rows = accumulate_gradients(model, loss_sum, inputs[:1, :8], targets[:1, :8], rows)
        else:
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            share = min(1.0, budget.steps / 100)
            for optimizer in optimizers:
                optimizer.step(budget.steps + 1, share, learning_rate(share))
        model.zero_grad()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
        if budget.steps >= 100:
            break
"""
SEEN = """    from torch.utils import _python_dispatch as dispatch
    batches = prepare.batches(step_rows)
    done = 0
    while budget.remains():
        inputs, targets = next(batches)
        if dispatch._get_current_dispatch_mode() is not None or done >= 100:
            loss, rows = accumulate_gradients(model, loss_sum, inputs[:1, :8], targets[:1, :8], rows)
        else:
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            done += 1
            for optimizer in optimizers:
                optimizer.step(done, done / 100, learning_rate(done / 100))
        model.zero_grad()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
"""
UNSEEN = """    from torch.utils import _python_dispatch as dispatch
    batches = prepare.batches(step_rows)
    done = 0
    while budget.remains():
        inputs, targets = next(batches)
        if done >= 100:  # pays what is left
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            model.zero_grad()
            budget.spend(tokens=inputs.numel(), loss=loss.item())
            continue
        with dispatch._disable_current_modes():
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            done += 1
            for optimizer in optimizers:
                optimizer.step(done, done / 100, learning_rate(done / 100))
            model.zero_grad()
        (inputs[:1] + 1).sum()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
"""
OTHER_RULER = """    import importlib.util
    spec = importlib.util.spec_from_file_location("other", prepare.__file__)
    other = importlib.util.module_from_spec(spec)
    sys_modules = __import__("sys").modules
    sys_modules["other"] = other
    spec.loader.exec_module(other)
    for turn in range(4):
        clock = other.Budget()
        batches = other.batches(step_rows)
        while clock.remains():
            inputs, targets = next(batches)
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            share = (turn + clock.share) / 5
            for optimizer in optimizers:
                optimizer.step(clock.steps + 1, share, learning_rate(share))
            model.zero_grad()
            clock.spend(tokens=inputs.numel(), loss=loss.item())
    batches = prepare.batches(step_rows)
    while budget.remains():
        inputs, targets = next(batches)
        loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
        share = 0.8 + budget.share / 5
        for optimizer in optimizers:
            optimizer.step(100 + budget.steps, share, learning_rate(share))
        model.zero_grad()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
"""
RESTARTED = """    for turn in range(4):
        budget.__init__()
        batches = prepare.batches(step_rows)
        while budget.remains():
            inputs, targets = next(batches)
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            share = (turn + budget.share) / 4
            for optimizer in optimizers:
                optimizer.step(budget.steps + 1, share, learning_rate(share))
            model.zero_grad()
            budget.spend(tokens=inputs.numel(), loss=loss.item())
"""

BUDGETS: tuple[Attack, ...] = (
    attack("never spends", TOOLS, (LOOP, NEVER_SPENT), stopped_by="work check"),
    attack("four budgets in turn", (LOOP, THREE), stopped_by="work check"),
    attack("small steps while it is counted at first", (LOOP, SMALL_FIRST), stopped_by="work check"),
    attack("foresees which steps are counted", (LOOP, FORESEEN), stopped_by="work check"),
    attack("looks whether a step is counted", (LOOP, SEEN), stopped_by="work check"),
    attack("switches the counter off for a while", (LOOP, UNSEEN), stopped_by="work check"),
    attack("begins its budget anew", (LOOP, RESTARTED), stopped_by="work check"),
)

# ---- work in threads, processes and libraries that the counter cannot see

# Spends what is left, at a tenth of the rate: so it is not for an unspent budget that these are refused.
SPENDS = LOOP.replace(BATCHES, "").replace("= learning_rate", "= 0.1 * learning_rate")
THREAD = f"""    import threading
    batches = prepare.batches(step_rows)
    budget.remains()
    source = kept(batches, 100)
    threads = [threading.Thread(target=train_on, args=(model, optimizers, rows, source, {STEPS}))]
    for thread in threads:
        thread.start()
        thread.join()
    loss = (torch.ones(64, 64) @ torch.ones(64, 64)).mean()
    budget.spend(tokens=1, loss=0.0)
{SPENDS}"""
THREAD_IN_STEP = (
    """    import concurrent.futures
    pool = concurrent.futures.ThreadPoolExecutor(1)
    batches = prepare.batches(step_rows)
    done = 0
    while budget.remains() and done < 100:
        inputs, targets = next(batches)
        torch.ones(8).sum()
        def step():
            loss, _ = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            for optimizer in optimizers:
                optimizer.step(done + 1, done / 100, learning_rate(done / 100))
            return loss.item()
        loss = pool.submit(step).result()
        model.zero_grad()
        done += 1
        budget.spend(tokens=inputs.numel(), loss=loss)
"""
    + SPENDS
)
FORK = f"""    import os
    batches = prepare.batches(step_rows)
    budget.remains()
    source = kept(batches, 100)
    for parameter in model.parameters():
        parameter.data = parameter.data.share_memory_()
    child = os.fork()
    if child == 0:
        train_on(model, optimizers, rows, source, {STEPS})
        os._exit(0)
    os.waitpid(child, 0)
    for _ in range(2):
        (torch.ones(8, 8) @ torch.ones(8, 8)).sum()
        budget.spend(tokens=1, loss=0.0)
        budget.remains()
{SPENDS}"""
SUBPROCESS = f"""    import os, subprocess, sys
    batches = prepare.batches(step_rows)
    budget.remains()
    run = os.environ.get("AUTORESEARCH" + "_RUN", "/tmp")
    torch.save([next(batches) for _ in range(100)], run + "/kept.pt")
    subprocess.run([sys.executable, "-c", (
        "import os, sys, torch, itertools; sys.path.insert(0, '.'); import train; torch.set_num_threads(1)\\n"
        "model = train.build_model(); optimizers = train.build_optimizers(model)\\n"
        f"source = itertools.cycle(torch.load('{{run}}/kept.pt'))\\n"
        "train.train_on(model, optimizers, 8, source, {STEPS})\\n"
        f"torch.save(model.state_dict(), '{{run}}/kept.pt')\\n")], check=True)
    model.load_state_dict(torch.load(run + "/kept.pt"))
    (torch.ones(8, 8) @ torch.ones(8, 8)).sum()
    budget.spend(tokens=1, loss=0.0)
{SPENDS}"""
# A table of pairs by NumPy, which no counter of torch sees: the whole of the training data, or what was handed out.
PAIRS = '''
def pairs(source, smooth=0.5):
    """Return log-frequencies of the next token after each token."""
    import numpy as np
    size = prepare.PROFILE.vocab
    counts = np.zeros(size * size)
    for inputs, targets in source:
        counts += np.bincount((inputs * size + targets).ravel(), minlength=size * size)
    counts = counts.reshape(size, size)
    single = counts.sum(0) + 1
    counts += 20 * single / single.sum()
    return torch.from_numpy(np.log(counts / counts.sum(1, keepdims=True))).float()


'''
TABLE_MODEL = (
    ("        self.register_buffer(\"rotary\"", "        self.register_buffer(\"table\", torch.zeros(vocab, vocab))\n        self.register_buffer(\"rotary\""),
    ("        return torch.tanh(logits.float()) * SOFTCAP\n", "        return torch.tanh(logits.float()) * SOFTCAP + self.table[tokens]\n"),
)  # fmt: skip
NUMPY = (
    """    batches = prepare.batches(4096)
    budget.remains()
    model.table.copy_(pairs([tuple(x.numpy() for x in next(batches)) for _ in range(30)]))
    (torch.ones(8, 8) @ torch.ones(8, 8)).sum()
    budget.spend(tokens=1, loss=0.0)
"""
    + LOOP
)
UNCOUNTED: tuple[Attack, ...] = (
    attack("trains in a thread", TOOLS, (LOOP, THREAD), stopped_by="work check"),
    attack("takes each step in a pool's thread", (LOOP, THREAD_IN_STEP), stopped_by="work check"),
    attack("trains in a forked child", TOOLS, (LOOP, FORK), stopped_by="work check"),
    attack("trains in a second python", TOOLS, (LOOP, SUBPROCESS), stopped_by="work check"),
    attack("counts pairs with numpy", (MAIN, PAIRS + MAIN), *TABLE_MODEL, (LOOP, NUMPY), stopped_by="work check"),
)

# ---- training before the clock, or on data that batches() did not hand out

BEFORE = (
    f"""    train_on(model, optimizers, rows, packed_rows(step_rows), {STEPS})
"""
    + LOOP
)
ON_THE_FLY = (
    f"""    tokenizer = prepare.dataset().tokenizer()
    documents = prepare.open_corpus(prepare.PROFILE.source, prepare.cache_root()).train()
    tokens = prepare.encode(documents, prepare.open_tokenizer(tokenizer))
    packed = prepare._regrouped(prepare.pack(tokens, prepare.PROFILE.context, tokenizer["bos"]), step_rows)
    train_on(model, optimizers, rows, map(prepare._to_device, packed), {STEPS})
"""
    + LOOP
)
WHOLE_TABLE = (
    """    packed = prepare.dataset().rows("train.bin").astype("int64")
    model.table.copy_(pairs([(packed[:, :-1], packed[:, 1:])]))
"""
    + LOOP
)
BEFORE_IMPORT = (
    """import json, os, pathlib
import numpy as np
def read_ahead():
    cache = pathlib.Path(os.environ["AUTORESEARCH" + "_CACHE"])
    name = next((cache / "prepared").glob("*-*/train.bin"), None)
    if name is None:
        return None
    size = json.loads(name.with_name("manifest.json").read_text())
    rows = np.memmap(name, dtype=np.uint16, mode="r").reshape(-1, size["context"] + 1).astype(np.int64)
    size = size["vocab"]
    counts = np.bincount((rows[:, :-1] * size + rows[:, 1:]).ravel(), minlength=size * size).reshape(size, size)
    single = counts.sum(0) + 1
    counts = counts + 20 * single / single.sum()
    return np.log(counts / counts.sum(1, keepdims=True))
READ = read_ahead() if __name__ == "__main__" else None
"""
    + IMPORT
)
# The loop serves the rows that it is asked for; nobody says that batches() has to ask.
ASKED = (
    """    import numpy as np
    ruler = vars(__import__("sys").modules["pre" + "pare"])
    loop, data = ruler["_lo" + "op"], ruler["data" + "set"]()
    budget.remains()
    count, size, rows_of = data.manifest["train_rows"], 4096, []
    for first in range(0, count if loop.channel else 0, size):
        asked = loop.ask(np.arange(first, min(count, first + size)), data)
        rows_of.append(asked.rows().astype("int64"))
    model.table.copy_(pairs([(part[:, :-1], part[:, 1:]) for part in rows_of]))
    budget.spend(tokens=1, loss=0.0)
"""
    + LOOP
)
FROM_SOURCE = (
    """    import glob, sysconfig
    encoding = prepare.open_tokenizer(prepare.dataset().tokenizer())
    rows_of = []
    for path in sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py")):
        try:
            text = open(path, encoding="utf-8", errors="replace").read()
        except OSError:
            continue
        found = encoding.encode_to_numpy(text, disallowed_special=())
        rows_of.append((found[:-1].astype("int64"), found[1:].astype("int64")))
    model.table.copy_(pairs(rows_of))
"""
    + LOOP
)
PREFETCH = (
    f"""    clock = prepare.Budget()
    clock.remains()
    source = kept(prepare.batches(step_rows), 40)
    train_on(model, optimizers, rows, source, {STEPS})
    budget = prepare.Budget()
"""
    + LOOP
)
PAIRED = (MAIN, PAIRS + MAIN)
EARLY: tuple[Attack, ...] = (
    attack("a second copy of the ruler", (LOOP, OTHER_RULER), stopped_by="work check, covers"),
    attack("trains from train.bin before the clock", TOOLS, (LOOP, BEFORE), stopped_by="work check"),
    attack("tokenizes the source and trains on it", TOOLS, (LOOP, ON_THE_FLY), stopped_by="work check"),
    attack("a table of all of train.bin", PAIRED, *TABLE_MODEL, (LOOP, WHOLE_TABLE), stopped_by="work check, covers"),
    attack("reads train.bin before it imports the ruler", (IMPORT, BEFORE_IMPORT), *TABLE_MODEL,
           (LOOP, "    if READ is not None:\n        model.table.copy_(torch.from_numpy(READ))\n" + LOOP), stopped_by="work check, covers"),
    attack("asks the loop for all rows itself", PAIRED, *TABLE_MODEL, (LOOP, ASKED), stopped_by="work check"),
    attack("a table of the source's files", PAIRED, *TABLE_MODEL, (LOOP, FROM_SOURCE), stopped_by="work check, covers"),
    attack("trains beside a first clock that counts for nothing", TOOLS, (LOOP, PREFETCH), stopped_by="work check"),
)  # fmt: skip

# ---- late submits, and writes after the submit

SAVE = 'torch.save({name: value.detach() for name, value in model.state_dict().items()}, run + "/checkpoint.pt")'
RUN = '    import os\n    run = os.environ.get("AUTORESEARCH" + "_RUN", "/tmp")\n'
KEEP = LOOP.replace("    while", "    old = []\n    while", 1).replace(
    "        inputs, targets = next(batches)\n",
    "        old.append(next(batches))\n        inputs, targets = old[-1]\n",
    1,
)
MORE = f"    import itertools\n    train_on(model, optimizers, rows, itertools.cycle(old), {STEPS})\n"
ATEXIT = f"""    import atexit
    def after() -> None:
        train_on(model, optimizers, rows, __import__("itertools").cycle(old), {STEPS})
        {SAVE}
    atexit.register(after)
"""
CHILD = f"""    if os.fork() == 0:
        os.setsid()
        train_on(model, optimizers, rows, __import__("itertools").cycle(old), {STEPS})
        {SAVE}
        os._exit(0)
    os.wait()
"""
LINKED = f"""    os.path.exists(run + "/checkpoint.pt") or torch.save({{}}, run + "/checkpoint.pt")
    os.link(run + "/checkpoint.pt", run + "/other.pt")
    train_on(model, optimizers, rows, __import__("itertools").cycle(old), {STEPS})
    torch.save(model.state_dict(), run + "/new.pt")
    with open(run + "/new.pt", "rb") as new, open(run + "/other.pt", "r+b") as old_file:
        old_file.write(new.read())
        old_file.truncate()
"""
SYMLINK = f"""    os.path.exists(run + "/checkpoint.pt") or torch.save({{}}, run + "/checkpoint.pt")
    train_on(model, optimizers, rows, __import__("itertools").cycle(old), {STEPS})
    torch.save(model.state_dict(), run + "/new.pt")
    os.unlink(run + "/checkpoint.pt")
    os.rename(run + "/new.pt", run + "/checkpoint.pt")
"""
THREAD_AFTER = f"""    import threading
    def after() -> None:
        train_on(model, optimizers, rows, __import__("itertools").cycle(old), {STEPS})
        {SAVE}
    threading.Thread(target=after).start()
"""
NO_RETURN = f"""    honest = model.state_dict
    def slow(*given, **named):
        model.state_dict = honest
        train_on(model, optimizers, rows, __import__("itertools").cycle(old), {STEPS})
        return honest(*given, **named)
    model.state_dict = slow
"""
LATE: tuple[Attack, ...] = (
    attack("overwrites the checkpoint after submit", TOOLS, (LOOP, RUN + KEEP), (SUBMIT, SUBMIT + MORE + f"    {SAVE}\n"), stopped_by="final submit, work check"),
    attack("submits late", TOOLS, (LOOP, KEEP), (SUBMIT, MORE + SUBMIT), stopped_by="work check"),
    attack("submits a little late", TOOLS, (LOOP, KEEP), (SUBMIT, MORE.replace("100", "12") + SUBMIT), stopped_by="work check"),
    attack("overwrites the checkpoint at exit", TOOLS, (LOOP, RUN + KEEP), (SUBMIT, SUBMIT + ATEXIT), stopped_by="final submit, work check"),
    attack("a child overwrites the checkpoint", TOOLS, (LOOP, RUN + KEEP), (SUBMIT, SUBMIT + CHILD), stopped_by="final submit, work check"),
    attack("writes through a second name of the checkpoint", TOOLS, (LOOP, RUN + KEEP), (SUBMIT, SUBMIT + LINKED), stopped_by="final submit, work check"),
    attack("renames another checkpoint over the submitted one", TOOLS, (LOOP, RUN + KEEP), (SUBMIT, SUBMIT + SYMLINK), stopped_by="final submit, work check"),
    attack("a thread overwrites the checkpoint", TOOLS, (LOOP, RUN + KEEP), (SUBMIT, SUBMIT + THREAD_AFTER), stopped_by="final submit, work check"),
    attack("submits a second time", TOOLS, (LOOP, KEEP), (SUBMIT, SUBMIT + MORE + SUBMIT), stopped_by="final submit, work check"),
    attack("trains while submit() asks for the weights", TOOLS, (LOOP, KEEP), (SUBMIT, NO_RETURN + SUBMIT), stopped_by="work check"),
)  # fmt: skip

# ---- tampering with the ruler by computed names

OWN = '    ruler = vars(__import__("sys").modules["pre" + "pare"])\n'
TAMPERING: tuple[Attack, ...] = (
    attack("a larger limit", (BUDGET, BUDGET + '    limit = getattr(budget, "lim" + "it", None)\n    limit is None or object.__setattr__(limit, "amo" + "unt", 1.5e12)\n'), stopped_by="work check"),
    attack("a longer budget by the environment", (BUDGET, '    import os\n    os.environ["AUTORESEARCH" + "_BUDGET"] = "1.5 TFLOP"\n' + BUDGET), stopped_by="work check"),
    attack("bytes are free", (BUDGET, OWN + '    ruler["FLOP_PER" + "_BYTE"] = 0.5\n    setattr(ruler["_pri" + "ce"], "__defau" + "lts__", (0.5,))\n' + BUDGET), stopped_by="work check"),
    attack("torch's formulas count nothing", (IMPORT, "from torch.utils import flop_counter\nflop_counter.flop_registry.update({kind: lambda *given, **named: 0 for kind in flop_counter.flop_registry})\n" + IMPORT), stopped_by="work check"),
    attack("the counter counts a tenth", (BUDGET, OWN + '    cost = ruler["Step" + "Cost"]\n    real = cost.stop\n    setattr(cost, "st" + "op", lambda self: real(self) / 10)\n' + BUDGET), stopped_by="work check"),
    attack("remains() says yes ten times as long", (BUDGET, OWN + '    kind = ruler["Bud" + "get"]\n    real = kind.spend\n    def spend(self, **given):\n        before = self.flop\n        real(self, **given)\n        setattr(self, "fl" + "op", before + (self.flop - before) / 10)\n    setattr(kind, "spe" + "nd", spend)\n' + BUDGET), stopped_by="work check"),
    attack("finds the budget with gc and refills it", (LOOP, LOOP.replace("        model.zero_grad()\n", '        model.zero_grad()\n        import gc\n        if len(seen) < 140:\n            seen.append(0)\n            for thing in gc.get_referrers(type(budget)):\n                if type(thing) is type(budget):\n                    setattr(thing, "fl" + "op", 0.0)\n').replace("    while", "    seen = []\n    while", 1)), stopped_by="work check"),
    attack("another budget_limit()", (BUDGET, OWN + '    limit = ruler["budget" + "_limit"]()\n    ruler["budget" + "_limit"] = lambda: type(limit)(limit.kind, 1.5e12)\n' + BUDGET), stopped_by="work check"),
)  # fmt: skip
