"""Attacks on the budget: never spent, begun anew, steps whose counting is foreseen, work that no counter sees."""

from __future__ import annotations

from tests.attacks.kinds import BATCHES, LOOP, MAIN, PAIRS, STEPS, TABLE_MODEL, TOOLS, Attack, attack

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
# All work is counted and charged, but the budget is over only after it.
LAST_IS_MANY = """    batches = prepare.batches(step_rows)
    while budget.remains():
        times = 28 if budget.share > 0.9 else 1
        for turn in range(times):
            inputs, targets = next(batches)
            loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
            scale = learning_rate(budget.share / 2 if times == 1 else 0.5 + turn / 56)
            for optimizer in optimizers:
                optimizer.step(budget.steps + turn + 1, budget.share, scale)
            model.zero_grad()
        budget.spend(tokens=times * inputs.numel(), loss=loss.item())
"""
FOUR_AS_ONE = (
    LAST_IS_MANY.replace("28 if budget.share > 0.9 else 1", "4")
    .replace("budget.share / 2 if times == 1 else 0.5 + turn / 56", "budget.share")
)  # fmt: skip
BUDGETS: tuple[Attack, ...] = (
    attack("never spends", TOOLS, (LOOP, NEVER_SPENT), stopped_by="work check"),
    attack("four budgets in turn", (LOOP, THREE), stopped_by="work check"),
    attack("small steps while it is counted at first", (LOOP, SMALL_FIRST), stopped_by="work check"),
    attack("foresees which steps are counted", (LOOP, FORESEEN), stopped_by="work check"),
    attack("looks whether a step is counted", (LOOP, SEEN), stopped_by="work check"),
    attack("switches the counter off for a while", (LOOP, UNSEEN), stopped_by="work check"),
    attack("begins its budget anew", (LOOP, RESTARTED), stopped_by="work check"),
    attack("takes a last step that is twenty-eight", (LOOP, LAST_IS_MANY), stopped_by="work check"),
    attack("takes four steps as one, to end late", (LOOP, FOUR_AS_ONE), stopped_by="work check"),
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
