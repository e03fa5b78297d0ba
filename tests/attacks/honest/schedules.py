"""Other optimizers, losses and ways through the data."""

from __future__ import annotations

from tests.attacks.honest.anchors import LAYERS_LOOP, LOSS, RETURN_OPTIMIZERS, Pairs
from tests.attacks.kinds import BATCHES, LOOP, MAIN, SUBMIT

ZERO = "        model.zero_grad()\n"
NEXT = "        inputs, targets = next(batches)\n"
STEP = "        for optimizer in optimizers:\n            optimizer.step(budget.steps + 1, budget.share, scale)\n"
GRADIENTS = "        loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)\n"
RATE = "        scale = learning_rate(budget.share)\n"


def loop(*pairs: tuple[str, str], before: str = "", after: str = "") -> tuple[str, str]:
    """Return the patch of the training loop that changes parts of it."""
    text = LOOP
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return LOOP, before + text + after


EMA = loop(
    (ZERO, ZERO + "        with torch.no_grad():\n            for name, value in model.state_dict().items():\n                ema[name].lerp_(value, 0.2)\n"),
    before="    ema = {name: value.detach().clone() for name, value in model.state_dict().items()}\n",
    after="    model.load_state_dict(ema)\n",
)  # fmt: skip
SWA = loop(
    (ZERO, ZERO + "        if budget.share > 0.7:\n            kept.append({n: v.detach().clone() for n, v in model.state_dict().items()})\n"),
    before="    kept = []\n",
    after="    if kept:\n        model.load_state_dict({n: sum(k[n] for k in kept) / len(kept) for n in kept[0]})\n",
)  # fmt: skip
OPTIMIZER = '''class Other:
    """One optimizer for everything."""

    def __init__(self, params):
        self.params = list(params)
        self.state = [torch.zeros_like(p) for p in self.params]
        self.more = [torch.zeros(p.shape[0]) for p in self.params]

    @torch.no_grad()
    def step(self, number, share, scale):
        for param, state, more in zip(self.params, self.state, self.more):
            grad = param.grad
RULE


'''


def optimizer(rule: str) -> Pairs:
    """Return the patch that trains all parameters by one rule."""
    lines = "".join(f"            {line}\n" for line in rule.strip().splitlines())
    return (
        (MAIN, OPTIMIZER.replace("RULE\n", lines) + MAIN),
        (
            RETURN_OPTIMIZERS,
            "    if model is not None:\n        return [Other(model.parameters())]\n" + RETURN_OPTIMIZERS,
        ),
    )


LION = """
param.sub_(0.001 * scale * (0.9 * state + 0.1 * grad).sign())
state.lerp_(grad, 0.01)
"""
SGD = """
state.mul_(0.9).add_(grad)
param.sub_(0.05 * scale * state)
"""
ADAFACTOR = """
if grad.dim() == 2:
    more.lerp_(grad.square().mean(1), 0.1)
    grad = grad / (more[:, None].sqrt() + 1e-6)
state.lerp_(grad.clamp(-3, 3), 0.1)
param.sub_(0.003 * scale * state)
"""
SAM = loop(
    (GRADIENTS, GRADIENTS + """        moved = [0.01 * p.grad / (p.grad.norm() + 1e-8) for p in model.parameters()]
        with torch.no_grad():
            for p, m in zip(model.parameters(), moved):
                p.add_(m)
        model.zero_grad()
        loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
        with torch.no_grad():
            for p, m in zip(model.parameters(), moved):
                p.sub_(m)
"""),
)  # fmt: skip
LOOKAHEAD = loop(
    (ZERO, ZERO + """        if budget.steps % 5 == 4:
            with torch.no_grad():
                for p, s in zip(model.parameters(), slow):
                    s.lerp_(p, 0.5)
                    p.copy_(s)
"""),
    before="    slow = [p.detach().clone() for p in model.parameters()]\n",
)  # fmt: skip
GROWING = (
    (LAYERS_LOOP, LAYERS_LOOP.replace("            x = block(", "            if self.training and layer < self.asleep:\n                x = x + 0.0 * block(x, tokens, rotary)\n                continue\n            x = block(")),
    ("        self.embed = nn.Embedding(vocab, width)\n        self.blocks", "        self.asleep = 0\n        self.embed = nn.Embedding(vocab, width)\n        self.blocks"),
    loop((NEXT, "        model.asleep = 1 if budget.share < 0.3 else 0\n" + NEXT)),
)  # fmt: skip
PREFETCH = loop(
    (BATCHES, """    from concurrent.futures import ThreadPoolExecutor
    pool = ThreadPoolExecutor(1)
    batches = prepare.batches(step_rows)
    ahead = None
"""),
    (NEXT, """        inputs, targets = ahead.result() if ahead else next(batches)
        ahead = pool.submit(next, batches)
"""),
    after="    pool.shutdown(wait=True)\n",
)  # fmt: skip
WARM = (
    "    while budget.remains():\n",
    "    shape = (step_rows, prepare.PROFILE.context)\n    made_up = torch.arange(math.prod(shape)).view(shape) % prepare.PROFILE.vocab\n"
    "    accumulate_gradients(model, loss_sum, made_up, made_up, rows)\n    model.zero_grad()\n    while budget.remains():\n",
)  # fmt: skip

SCHEDULES: dict[str, Pairs] = {
    "averaged weights (EMA)": (EMA,),
    "averaged weights (SWA)": (SWA,),
    "batch curriculum": (loop((NEXT, NEXT + "        few = max(2, int(len(inputs) * min(1.0, 0.25 + budget.share)))\n        inputs, targets = inputs[:few], targets[:few]\n")),),
    "length curriculum": (loop((NEXT, NEXT + "        if budget.share < 0.4:\n            inputs, targets = inputs[:, :32].contiguous(), targets[:, :32].contiguous()\n")),),
    "label smoothing": ((LOSS, LOSS.replace('reduction="sum"', 'reduction="sum", label_smoothing=0.02')),),
    "z-loss": ((LOSS, LOSS.replace("    return ", "    tall = logits.logsumexp(-1).square().sum()\n    return 1e-4 * tall + ")),),
    "lion": optimizer(LION),
    "sgd": optimizer(SGD),
    "adafactor": optimizer(ADAFACTOR),
    "sharpness-aware": (SAM,),
    "lookahead": (LOOKAHEAD,),
    "gradient clipping": (loop((RATE, "        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n" + RATE)),),
    "gradient noise": (loop((RATE, "        for p in model.parameters():\n            p.grad.add_(torch.randn_like(p) * 1e-4)\n" + RATE)),),
    "small passes": (("DEVICE_BATCH = 8  # rows of one forward pass; halved", "DEVICE_BATCH = 2  # rows of one forward pass; halved"),),
    "cosine": (("    down = FINAL_LR + (1 - FINAL_LR) * (1 - share) / WARMDOWN if WARMDOWN else 1.0\n", "    down = 0.5 + 0.5 * math.cos(math.pi * share)\n"),),
    "dropout schedule": (loop((NEXT, "        model.drop = 0.2 * (1 - budget.share)\n" + NEXT)),
                         ("            x = block(x, tokens, rotary)\n", '            x = F.dropout(block(x, tokens, rotary), getattr(self, "drop", 0.0), self.training)\n')),
    "grows while it trains": GROWING,
    "draws batches ahead": (PREFETCH,),
    "warms up on made-up tokens": (WARM,),
    "compiled": (("    loss_sum: LossSum = cross_entropy_sum\n", '    loss_sum: LossSum = torch.compile(cross_entropy_sum, backend="aot_eager", dynamic=False)\n    rows = warm_up(model, loss_sum, optimizers, step_rows, rows)\n'),),
    "prints": (loop((ZERO, ZERO + '        print(f"step {budget.steps} loss {loss.item():.4f} share {budget.share:.3f}", flush=True)\n')),),
    "trains each batch twice": (loop((ZERO, ZERO + "        loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)\n" + STEP + ZERO)),),
    "stops some layers early": (loop((RATE, RATE + "        if budget.share > 0.6:\n            for p in model.blocks[0].parameters():\n                p.grad.zero_()\n")),),
    "focuses on hard tokens": ((LOSS, '    nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")\n    return (nats * (nats.detach() / nats.detach().mean()).clamp(0.5, 1.5)).sum()\n'),),
    "masks some inputs": (loop((NEXT, NEXT + "        inputs = torch.where(torch.rand(inputs.shape) < 0.02, torch.zeros_like(inputs), inputs)\n")),),
    "leaves a note": ((SUBMIT, '    with open("note.txt", "w") as note:\n        note.write("done")\n' + SUBMIT),),
}  # fmt: skip
