"""Other ways to mix positions than the canvas's attention, all of them causal."""

from __future__ import annotations

from tests.attacks.honest.anchors import BUFFER, EMBEDDED, LAYERS_LOOP, MIX, REST, USE, Pairs
from tests.attacks.kinds import MAIN


def mixer(text: str) -> Pairs:
    """Return the patch that puts class Mixer(width) in the place of the attention."""
    return (USE, "        self.attention = Mixer(width)\n"), (MAIN, text.strip() + "\n\n\n" + MAIN), REST


CONV = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.taps = nn.Conv1d(width, width, 4, groups=width)
        self.out = Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        return self.out(F.silu(self.taps(F.pad(x.transpose(1, 2), (3, 0))).transpose(1, 2)))
"""
RECURRENT = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cell = nn.KIND(width, width, batch_first=True)
        self.out = Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        return self.out(self.cell(x)[0])
"""
SCAN = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.decay = nn.Parameter(torch.linspace(-2.0, 4.0, width))
        self.take, self.gate, self.out = Linear(width, width), Linear(width, width), Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        keep = torch.sigmoid(self.decay)
        new, state, states = self.take(x) * (1 - keep), torch.zeros_like(x[:, 0]), []
        for place in range(x.size(1)):
            state = keep * state + new[:, place]
            states.append(state)
        return self.out(torch.stack(states, 1) * F.silu(self.gate(x)))
"""
CUMULATED = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.decay = nn.Parameter(torch.full((width,), 3.0))
        self.take, self.gate, self.out = Linear(width, width), Linear(width, width), Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        fall = torch.arange(x.size(1))[:, None] * F.logsigmoid(self.decay)[None]
        state = (self.take(x) * (-fall).clamp(max=20).exp()).cumsum(1) * fall.clamp(min=-20).exp()
        return self.out(norm(state) * F.silu(self.gate(x)))
"""
LINEAR = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.query, self.key, self.value = Linear(width, width), Linear(width, width), Linear(width, width)
        self.out = Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        heads = (*tokens.shape, HEADS, HEAD_DIM)
        query, key = F.elu(self.query(x)).view(heads) + 1, F.elu(self.key(x)).view(heads) + 1
        value = self.value(x).view(heads)
        FORM
        return self.out((mixed / total.clamp_min(1e-4)).flatten(2))
"""
LINEAR_SUM = """state = (key[..., :, None] * value[..., None, :]).cumsum(1)
        mixed = (query[..., None, :] @ state)[..., 0, :]
        total = (query * key.cumsum(1)).sum(-1, keepdim=True)"""
LINEAR_SCAN = """state, amount, outs, sums = 0.0, 0.0, [], []
        for place in range(x.size(1)):
            state = state + key[:, place, :, :, None] * value[:, place, :, None, :]
            amount = amount + key[:, place]
            outs.append((query[:, place, :, None, :] @ state)[:, :, 0])
            sums.append((query[:, place] * amount).sum(-1, keepdim=True))
        mixed, total = torch.stack(outs, 1), torch.stack(sums, 1)"""
CHUNKED = """scores = (query.transpose(1, 2) @ key.transpose(1, 2).mT).tril()
        mixed = (scores @ value.transpose(1, 2)).transpose(1, 2)
        total = scores.sum(-1, keepdim=True).transpose(1, 2)"""
RWKV = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.share = nn.Parameter(torch.full((3, width), 0.5))
        self.fall, self.bonus = nn.Parameter(torch.full((width,), -1.0)), nn.Parameter(torch.zeros(width))
        self.accept, self.key, self.value = Linear(width, width), Linear(width, width), Linear(width, width)
        self.out = Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        before = F.pad(x, (0, 0, 1, -1))
        r, k, v = (x * s + before * (1 - s) for s in self.share)
        r, k, v = torch.sigmoid(self.accept(r)), self.key(k).clamp(max=10), self.value(v)
        above, below, outs = torch.zeros_like(v[:, 0]), torch.zeros_like(v[:, 0]), []
        fall = torch.exp(-torch.exp(self.fall))
        for place in range(x.size(1)):
            here, now = torch.exp(k[:, place]), torch.exp(k[:, place] + self.bonus)
            outs.append((above + now * v[:, place]) / (below + now))
            above, below = fall * above + here * v[:, place], fall * below + here
        return self.out(r * torch.stack(outs, 1))
"""
HYENA = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(prepare.PROFILE.context, width) * 0.02)
        self.take, self.gate, self.out = Linear(width, width), Linear(width, width), Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        length = x.size(1)
        falling = self.filter[:length] * torch.exp(-torch.arange(length) / 16.0)[:, None]
        spectrum = torch.fft.rfft(self.take(x), n=2 * length, dim=1) * torch.fft.rfft(falling, n=2 * length, dim=0)
        return self.out(torch.fft.irfft(spectrum, n=2 * length, dim=1)[:, :length] * F.silu(self.gate(x)))
"""
SORTED = """
class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.value, self.out = Linear(width, width), Linear(width, width, zero=True)

    def forward(self, x, tokens, rotary):
        value = self.value(x)
        highest = torch.cummax(value, dim=1).values
        mean = value.cumsum(1) / torch.arange(1, x.size(1) + 1)[:, None]
        return self.out(highest - mean)
"""
ALIBI = """        far = torch.arange(tokens.size(1))[:, None] - torch.arange(tokens.size(1))[None]
        slope = 2.0 ** -(8.0 * torch.arange(1, HEADS + 1) / HEADS)
        bias = (-far * slope[:, None, None]).masked_fill(far < 0, float("-inf"))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
"""
GROUPED = (
    """        key, value = (kept[:, :1].expand(-1, HEADS, -1, -1) for kept in (key, value))
"""
    + MIX
)
CACHED = """        keys, values, parts = [], [], []
        for start in range(0, tokens.size(1), 16):
            keys.append(key[:, :, start : start + 16])
            values.append(value[:, :, start : start + 16])
            seen, new = torch.cat(keys, 2), query[:, :, start : start + 16]
            visible = torch.ones(new.size(2), seen.size(2), dtype=torch.bool).tril(seen.size(2) - new.size(2))
            parts.append(F.scaled_dot_product_attention(new, seen, torch.cat(values, 2), attn_mask=visible))
        mixed = torch.cat(parts, 2)
"""
BY_HAND = """        scores = query @ key.mT / HEAD_DIM**0.5
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(ahead, float("-inf")).softmax(-1) @ value
"""
EINSUM = """        scores = torch.einsum("bhqd,bhkd->bhqk", query, key) / HEAD_DIM**0.5
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        mixed = torch.einsum("bhqk,bhkd->bhqd", scores.masked_fill(ahead, -1e9).softmax(-1), value)
"""
SINK = """        ahead = torch.ones(tokens.size(1), tokens.size(1), dtype=torch.bool).triu(1)
        scores = (query @ key.mT / HEAD_DIM**0.5).masked_fill(ahead, float("-inf"))
        mixed = torch.cat((scores, torch.zeros_like(scores[..., :1])), -1).softmax(-1)[..., :-1] @ value
"""
DROPPED = """        share = 0.1 if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=share)
"""
XPOS = (
    """        length = torch.arange(tokens.size(1))[:, None] / 512
        zeta = (torch.arange(HEAD_DIM) / HEAD_DIM * 0.5 + 0.5)[None]
        query, key = query * zeta**length, key * zeta**-length
"""
    + MIX
)
SHIFTED = (
    "        x = x0 = norm(self.embed(tokens).to(dtype))\n        x = x0 = norm(x + 0.3 * F.pad(x, (0, 0, 1, -1)))\n"
)
PLACES = (
    (EMBEDDED, "        x = x0 = norm(self.embed(tokens).to(dtype) + self.places[: tokens.size(1)])\n"),
    (BUFFER, BUFFER + "        self.places = nn.Parameter(0.1 * torch.randn(context, width))\n"),
    REST,
)
HASHED = (
    (EMBEDDED, """        pair = (F.pad(tokens, (1, -1)) * 1000003 + tokens) % 1024
        three = (F.pad(tokens, (2, -2)) * 998244353 + F.pad(tokens, (1, -1)) * 1000003 + tokens) % 1024
        x = x0 = norm((self.embed(tokens) + self.grams(pair) + self.grams(three)).to(dtype))
"""),
    (BUFFER, BUFFER + "        self.grams = nn.Embedding(1024, width)\n        nn.init.normal_(self.grams.weight, std=0.1)\n"),
    REST,
)  # fmt: skip
COUNTED = (
    (EMBEDDED, EMBEDDED + """        before = (tokens[:, None, :] == tokens[:, :, None]).tril(-1).sum(-1, keepdim=True)
        x = x0 = norm(x + self.often * torch.log1p(before.float()))
"""),
    (BUFFER, BUFFER + "        self.often = nn.Parameter(torch.zeros(width))\n"),
    REST,
)  # fmt: skip
INDUCTION = (
    (LAYERS_LOOP, LAYERS_LOOP + """        same = F.pad((tokens[:, :, None] == tokens[:, None, :]).tril(-1).float(), (1, -1))
        x = x + self.copy * (same @ x0).tanh()
"""),
    (BUFFER, BUFFER + "        self.copy = nn.Parameter(torch.zeros(width))\n"),
    REST,
)  # fmt: skip

MIXERS: dict[str, Pairs] = {
    "depthwise convolution": mixer(CONV),
    "gru": mixer(RECURRENT.replace("KIND", "GRU")),
    "lstm": mixer(RECURRENT.replace("KIND", "LSTM")),
    "state space, a scan": mixer(SCAN),
    "state space, cumulated": mixer(CUMULATED),
    "linear attention, cumulated": mixer(LINEAR.replace("FORM", LINEAR_SUM)),
    "linear attention, a scan": mixer(LINEAR.replace("FORM", LINEAR_SCAN)),
    "linear attention, quadratic": mixer(LINEAR.replace("FORM", CHUNKED)),
    "rwkv": mixer(RWKV),
    "hyena": mixer(HYENA),
    "cumulated maximum": mixer(SORTED),
    "alibi": ((MIX, ALIBI),),
    "grouped queries": ((MIX, GROUPED),),
    "key-value cache": ((MIX, CACHED),),
    "attention by hand": ((MIX, BY_HAND),),
    "attention by einsum": ((MIX, EINSUM),),
    "attention with a sink": ((MIX, SINK),),
    "attention dropout": ((MIX, DROPPED),),
    "xpos": ((MIX, XPOS),),
    "no positions": (("        query = norm(rotate(self.query(x).view(heads), rotary)).transpose(1, 2)\n",
                      "        query = norm(self.query(x).view(heads)).transpose(1, 2)\n"),
                     ("        key = norm(rotate(self.key(x).view(heads), rotary)).transpose(1, 2)\n",
                      "        key = norm(self.key(x).view(heads)).transpose(1, 2)\n")),
    "learned positions": PLACES,
    "token shift": ((EMBEDDED, SHIFTED),),
    "hashed n-grams": HASHED,
    "how often a token was there": COUNTED,
    "looks where its token was before": INDUCTION,
}  # fmt: skip
