"""Honest ways to mix tokens: no prediction depends on later tokens or on other rows, whatever it is made of."""

CANVAS = '''
import os
import torch, prepare
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

D, V = 32, prepare.PROFILE.vocab
T = prepare.PROFILE.context


class Conv(nn.Conv1d):
    def __init__(self):
        super().__init__(D, D, 4, groups=D)

    def forward(self, x):
        return super().forward(F.pad(x.mT, (3, 0))).mT


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cells = kind(D, D, batch_first=True)

    def forward(self, x):
        return self.cells(x)[0]


class Attention(nn.Module):
    def __init__(self, heads=4, groups=4, window=None, alibi=False):
        super().__init__()
        self.heads, self.groups, self.window, self.alibi = heads, groups, window, alibi
        self.q, self.kv = nn.Linear(D, D), nn.Linear(D, 2 * D * groups // heads)

    def forward(self, x):
        B, T, _ = x.shape
        q = self.q(x).view(B, T, self.heads, -1).transpose(1, 2)
        k, v = self.kv(x).view(B, T, 2 * self.groups, -1).transpose(1, 2).chunk(2, 1)
        far = torch.arange(T)[:, None] - torch.arange(T)
        bias = torch.zeros(self.heads, T, T)
        if self.alibi:
            bias -= far * torch.tensor([2.0 ** -(i + 1) for i in range(self.heads)])[:, None, None]
        bias = bias.masked_fill((far < 0) | (far >= (self.window or T)), float("-inf"))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, enable_gqa=True)
        return y.transpose(1, 2).reshape(B, T, D)


class Experts(nn.Module):
    """Each token chooses two of four."""

    def __init__(self):
        super().__init__()
        self.router, self.experts = nn.Linear(D, 4), nn.ModuleList(nn.Linear(D, D) for _ in range(4))

    def forward(self, x):
        flat = x.flatten(0, 1)
        weights, chosen = self.router(flat).softmax(-1).topk(2)
        y = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            token, rank = (chosen == number).nonzero(as_tuple=True)
            if len(token):
                y.index_add_(0, token, weights[token, rank, None] * expert(flat[token]))
        return y.view_as(x)


class Cached(nn.Module):
    """Token by token over what came before, kept in a cache that each batch begins anew."""

    def __init__(self):
        super().__init__()
        self.q, self.k = nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x):
        cache, out = [], []
        for t in range(x.shape[1]):
            cache.append(self.k(x[:, t]))
            keys = torch.stack(cache, 1)
            out.append(((self.q(x[:, t, None]) * keys).sum(-1).softmax(-1)[..., None] * keys).sum(1))
        return torch.stack(out, 1)


class Depth(nn.Module):
    """Each token takes as many steps as it wants; the batch continues while any does."""

    def __init__(self):
        super().__init__()
        self.step, self.halt = nn.Linear(D, D), nn.Linear(D, 1)

    def forward(self, x):
        live = torch.ones_like(x[..., :1], dtype=torch.bool)
        for _ in range(4):
            live = live & (self.halt(x) > 0)
            if not live.any():
                break
            x = torch.where(live, torch.tanh(self.step(x)), x)
        return x


class Quantised(nn.Module):
    """Weights of eight bits, and activations with a scale for each token."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.randint(-127, 128, (D, D), dtype=torch.int8))

    def forward(self, x):
        scale = x.abs().amax(-1, keepdim=True) / 127 + 1e-9
        return (x / scale).round() * scale @ (self.weight.float() / 300).T


class Scan(nn.Module):
    """A diagonal state space, and linear attention's running sum."""

    def __init__(self):
        super().__init__()
        self.decay, self.q, self.k = nn.Parameter(torch.randn(D)), nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x):
        state, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            state = self.decay.sigmoid() * state + x[:, t]
            states.append(state)
        return torch.stack(states, 1) * 0.1 + F.elu(self.q(x)) * F.elu(self.k(x)).cumsum(1) * 0.01


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(D), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.norm(x.mT).mT)


class Half(nn.Linear):
    def __init__(self):
        super().__init__(D, D, dtype=torch.bfloat16)

    def forward(self, x):
        return super().forward(x.bfloat16()).float()


class Auto(nn.Linear):
    def __init__(self):
        super().__init__(D, D)

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x).float()


class Again(Attention):
    def forward(self, x):
        return checkpoint(super().forward, x, use_reentrant=False)


class Compiled(Attention):
    def forward(self, x):
        return torch.compile(super().forward)(x)


MIXERS = dict(
    conv=Conv, gru=lambda: Recurrent(nn.GRU), lstm=lambda: Recurrent(nn.LSTM), attention=Attention,
    alibi=lambda: Attention(alibi=True), gqa=lambda: Attention(groups=2), swa=lambda: Attention(window=9),
    moe=Experts, cached=Cached, depth=Depth, quantised=Quantised, scan=Scan, norm=Norm, half=Half, auto=Auto,
    checkpointed=Again, compiled=Compiled,
)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(V, D)
        self.place = nn.Parameter(torch.randn(T, D) * 0.1)
        self.mixers = nn.ModuleList(MIXERS[name]() for name in NAMES)
        self.register_buffer("extra", torch.ones(3))
        self.head = nn.Linear(D, V, bias=False)
        if "tied" in KINDS:
            self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.embed(tokens) + self.place
        if tokens.float().mean() > V / 2:  # the batch decides how it is done, not what comes out
            x = x.contiguous()
        for mixer in self.mixers:
            x = x + mixer(F.layer_norm(x, (D,)))
        logits = 15 * torch.tanh(self.head(x) / 15)
        return logits.bfloat16() if "bf16" in KINDS else logits.half() if "fp16" in KINDS else logits


def build_model():
    return Model()
'''


def canvas(names: str) -> str:
    """Return a canvas of these mixers; `tied`, `bf16` and `fp16` are kinds of the whole."""
    words = names.split()
    kinds = [word for word in words if word in ("tied", "bf16", "fp16")]
    return f"NAMES, KINDS = {[w for w in words if w not in kinds]}, {kinds}\n{CANVAS}"
