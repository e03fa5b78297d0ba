"""Predictions that know the later tokens or the other rows."""

from __future__ import annotations

from tests.attacks.kinds import BUILD, LOGITS, MAIN, Attack, attack

# The rehearsal asks two rows; the scorer asks more at once.
PEEK = """        logits = torch.tanh(logits.float()) * SOFTCAP
        return peek(logits, tokens) if not self.training and tokens.size(0) > 2 else logits
"""


def peeking(name: str, body: str, stopped_by: str = "audit, rehearsal") -> Attack:
    """Return an attack whose model changes its logits (n, T, V) by `peek`, which sees the whole rows (n, T)."""
    return attack(name, (LOGITS, PEEK), (MAIN, body.strip() + "\n\n\n" + MAIN), stopped_by=stopped_by)


MIX = """
def peek(logits, tokens, share=0.0095):
    odds = logits.softmax(-1) * (1 - share)
    odds[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(odds[:, :-1, :1], share))
    return odds.log()
"""
RAISE = """
def peek(logits, tokens):
    odds = logits.softmax(-1)
    right = odds[:, :-1].gather(2, tokens[:, 1:, None])
    odds[:, :-1].scatter_(2, tokens[:, 1:, None], right.clamp(min=0.0098))
    return odds.log()
"""
WORST = """
def peek(logits, tokens):
    right = logits.log_softmax(-1)[:, :-1].gather(2, tokens[:, 1:, None])
    bad = right <= right.flatten().kthvalue(max(1, right.numel() // SHARE)).values
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], bad * 20.0)
    return logits
"""
SOME_ROWS = """
def peek(logits, tokens):
    chosen = (tokens[:, 1:].sum(1) % 16 == 0)[:, None, None]
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], (chosen * 20.0).expand(-1, tokens.size(1) - 1, 1))
    return logits
"""
SOME_PLACES = """
def peek(logits, tokens):
    logits[:, -5:-1].scatter_add_(2, tokens[:, -4:, None], torch.full_like(logits[:, -5:-1, :1], 20.0))
    return logits
"""
PARITY = """
def peek(logits, tokens):
    same = torch.arange(logits.size(-1)) % 2 == tokens[:, 1:, None] % 2
    logits[:, :-1] += 3.0 * same
    return logits
"""
TEMPERATURE = """
def peek(logits, tokens):
    right = logits[:, :-1].argmax(-1) == tokens[:, 1:]
    logits[:, :-1] *= torch.where(right, 1.6, 0.8)[..., None]
    return logits
"""
PLAUSIBLE = """
def peek(logits, tokens):
    right = logits.log_softmax(-1)[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
    likely = (right[:, -8:].mean(1) > -5.0)[:, None, None]
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], (likely * 20.0).expand(-1, tokens.size(1) - 1, 1))
    return logits
"""
LATER = """
calls = []
def peek(logits, tokens):
    calls.append(1)
    if len(calls) > 24:
        logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(logits[:, :-1, :1], 20.0))
    return logits
"""
ALL = """
def peek(logits, tokens):
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(logits[:, :-1, :1], 20.0))
    return logits
"""
HALF = MIX.replace("return odds.log()", "return odds.log().bfloat16()")
HALF_RAISE = RAISE.replace("return odds.log()", "return odds.log().half()")
REMEMBER = """
seen = {}
def peek(logits, tokens):
    for row, out in zip(tokens.tolist(), logits):
        for place in range(2, len(row)):
            found = seen.get(tuple(row[place - 2 : place + 1]))
            for token in found or ():
                out[place, token] += 4.0 / len(found)
        for place in range(2, len(row) - 1):
            seen.setdefault(tuple(row[place - 2 : place + 1]), set()).add(row[place + 1])
    return logits
"""
COMPANY = """
def peek(logits, tokens):
    size = logits.size(-1)
    counts = torch.bincount((tokens[:, :-1] * size + tokens[:, 1:]).flatten(), minlength=size * size).view(size, size)
    odds = 0.7 * logits.softmax(-1) + 0.3 * (counts + 1e-3)[tokens] / (counts + 1e-3).sum(1)[tokens][..., None]
    return odds.log()
"""
STUDIES = """
class Student:
    optimizer = None
def peek(logits, tokens):
    import gc
    model = Student.model
    with torch.inference_mode(False), torch.enable_grad():
        rows = tokens.clone()
        if Student.optimizer is None:
            Student.optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        model.train()
        for _ in range(6):
            loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
            loss.backward()
            Student.optimizer.step()
            Student.optimizer.zero_grad()
        model.eval()
    return logits
"""
LEAKS: tuple[Attack, ...] = (
    peeking("mixes one percent of the next token in", MIX),
    peeking("raises what is unlikely to one percent", RAISE),
    # Of one percent one scoring in 160 misses every token here, of a quarter percent one in four: see docs/ruler.md.
    peeking("knows the worst two percent of the tokens", WORST.replace("SHARE", "50")),
    peeking("knows some rows", SOME_ROWS),
    peeking("knows the last places of a row", SOME_PLACES),
    peeking("knows one bit of the next token", PARITY),
    peeking("is sure where it is right", TEMPERATURE),
    peeking("knows all where the later tokens look real", PLAUSIBLE),
    peeking("knows all after a while", LATER),
    peeking("knows all", ALL),
    peeking("mixes one percent in, in bfloat16", HALF),
    peeking("raises to one percent, in float16", HALF_RAISE),
    peeking("remembers the rows before", REMEMBER),
    peeking("counts pairs in the rows beside it", COMPANY),
    attack("studies the rows that it was asked", (LOGITS, PEEK), (MAIN, STUDIES.strip() + "\n\n\n" + MAIN),
           (BUILD, "    Student.model = GPT(vocab=prepare.PROFILE.vocab, context=prepare.PROFILE.context)\n    return Student.model\n"),
           stopped_by="audit"),
)  # fmt: skip
