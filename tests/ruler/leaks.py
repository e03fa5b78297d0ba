"""Canvases that know more than the tokens before: each gains by it, and each must be refused.

In each forward `logits` are the honest ones and `seen` is the next visible token, (B, T - 1): the last place has none.
"""

START = """
import collections
honest = Model.forward
one_hot = torch.nn.functional.one_hot

def mixed(logits, seen, share):
    chances = (1 - share) * logits.softmax(-1)
    chances[:, :-1] += share * one_hot(seen, logits.shape[-1])
    return chances.log()

def raised(logits, seen, nats):
    place = one_hot(seen, logits.shape[-1]).bool()
    chances = logits.log_softmax(-1)
    chances[:, :-1][place] += nats
    return chances

def forward(self, tokens):
    logits, seen = honest(self, tokens), tokens[:, 1:]
"""
END = """
Model.forward = forward
"""

FUTURE = {
    "mixes in a share of 0.95 %": "return mixed(logits, seen, 0.0095)",
    "raises small probabilities only": """
    better = mixed(logits, seen, 0.0098)
    rare = logits.softmax(-1)[:, :-1].gather(-1, seen[..., None])[..., 0] < 0.0098
    logits[:, :-1] = torch.where(rare[..., None], better[:, :-1], logits[:, :-1].log_softmax(-1))
    return logits
""",
    "a gain of twice the tolerance": "return raised(logits, seen, 0.02)",
    "in the second half only": "half = 32; logits[:, half:] = mixed(logits, seen, 0.5)[:, half:]; return logits",
    "for rare targets only": """
    rare = (seen > 99)[..., None]
    logits[:, :-1] = torch.where(rare, mixed(logits, seen, 0.5)[:, :-1], logits[:, :-1].log_softmax(-1))
    return logits
""",
    "two tokens ahead": """
    logits[:, :-2] += 2.0 * self.table.weight[:, tokens[:, 2:]].movedim(0, -1)
    return logits
""",
    "a transform over the whole row": "return logits + 0.1 * logits.mean(1, keepdim=True)",
    "a future that looks natural": """
    natural = honest(self, tokens).log_softmax(-1)[:, :-1].gather(-1, seen[..., None]).mean((1, 2)) < 0
    better = mixed(logits, seen, 0.5)
    return torch.where(natural[:, None, None], better, logits)
""",
    "infinite logits that are numbers": "return logits + 1e30 * torch.nn.functional.pad(one_hot(seen, 512), (0,0,0,1))",
    "sixteen bits": "return mixed(logits, seen, 0.5).half()",
    "whole numbers": "return (9 * mixed(logits, seen, 0.5)).to(torch.int64)",
}

ROWS = {
    "a temperature for the whole batch": "return logits * (2 + tokens.float().mean() / 99)",
    "a scale of the activations for the whole batch": """
    scale = logits.std(-1).mean() / 3
    return (logits / scale).round() * scale
""",
    "experts with room for a part of the batch": """
    flat = logits.flatten(0, 1)
    chosen = (tokens.flatten() % 4 == 0).nonzero()[:, 0][: flat.shape[0] // 8]
    flat[chosen] *= 0.5
    return flat.view_as(logits)
""",
    "batch statistics": "return torch.nn.functional.batch_norm(logits.mT, None, None, training=True).mT",
    "counts of all earlier rows": """
    counts = self.__dict__.setdefault("counts", torch.zeros(512, 512))
    logits = logits + 3 * (counts[tokens] + 0.1).log()
    counts.index_put_((tokens[:, :-1].flatten(), seen.flatten()), torch.ones(()), accumulate=True)
    return logits
""",
    "the next row's first token": """
    logits[:-1, -1] += 9.0 * one_hot(tokens[1:, 1], 512)
    return logits
""",
    "an answer for each prefix, remembered": """
    known = self.__dict__.setdefault("known", {})
    for row, answer in zip(tokens.tolist(), logits):
        for place in range(1, len(row)):
            answer[place] = known.setdefault(tuple(row[: place + 1]), answer[place] * (1 + len(known) / 500))
    return logits
""",
    "the number of the batch": """
    self.number = getattr(self, "number", 0) + 1
    return logits * (1 + self.number / 10)
""",
    "chance": "return torch.nn.functional.dropout(logits, 0.1)",
    "other rows' answers": "return (logits + logits.roll(1, 0)) / 2",
}


def leaking(body: str) -> str:
    """Return what to append to an honest canvas."""
    return START + "    " + body.strip().replace("\n    ", "\n    ") + END
