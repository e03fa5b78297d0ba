"""Attacks by training before the clock starts, or on data that batches() did not hand out."""

from __future__ import annotations

from tests.attacks.kinds import IMPORT, LOOP, MAIN, PAIRS, STEPS, TABLE_MODEL, TOOLS, Attack, attack

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
