"""Other layers, initial weights, precisions and heads."""

from __future__ import annotations

from tests.attacks.honest.anchors import (
    APPLY,
    BLOCK,
    BUFFER,
    CAPPED,
    DTYPE,
    LAYERS_LOOP,
    LOSS,
    MATMUL,
    MLP,
    NARROW,
    REST,
    UNEMBED,
    Pairs,
)
from tests.attacks.kinds import MAIN

EXPERTS = (
    (NARROW, NARROW + "        self.router = nn.Parameter(0.02 * torch.randn(4, width))\n"),
    (MLP, """        chosen = (x @ self.router.mT).softmax(-1)
        gate, which = chosen.max(-1, keepdim=True)
        parts = hidden.relu().square().unflatten(-1, (4, -1))
        mask = torch.zeros_like(chosen).scatter(-1, which, gate)[..., None]
        return x.add(self.narrow((parts * mask).flatten(-2)))
"""),
    REST,
)  # fmt: skip
BATCH_NORM = (
    (NARROW, NARROW + "        self.level = nn.BatchNorm1d(width)\n"),
    (BLOCK, BLOCK.replace("self.widen(norm(x))", "self.widen(self.level(x.flatten(0, 1)).view_as(x))")),
    REST,
)
GATED_DEPTH = (
    (APPLY, """            gate = torch.sigmoid(x.mean(-1, keepdim=True) * 4)
            x = torch.where(gate > 0.4, gate * block(x, tokens, rotary) + (1 - gate) * x, x)
"""),
)  # fmt: skip
MIXTURE_OF_DEPTHS = (
    (NARROW, NARROW + "        self.router = nn.Parameter(torch.randn(width) * 0.02)\n"),
    (MLP, """        weight = torch.sigmoid(x @ self.router)[..., None]
        taken = (weight > 0.5).float()
        return x + taken * weight * self.narrow(hidden.relu().square())
"""),
    REST,
)  # fmt: skip
MULTI_TOKEN = (
    (BUFFER, BUFFER + "        self.second = nn.Parameter(0.001 * torch.randn(vocab, width))\n        self.further: Tensor | None = None\n"),
    (UNEMBED, UNEMBED + "        self.further = F.linear(norm(x), self.second) if self.training else None\n"),
    (LOSS, """    main = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    further = F.cross_entropy(model.further[:, :-1].flatten(0, 1), targets[:, 1:].flatten(), reduction="sum")
    return main + 0.2 * further
"""),
    REST,
)  # fmt: skip
LORA = (
    (MATMUL, "        return F.linear(x, self.weight.to(x.dtype)) + x @ self.down.mT @ self.up.mT\n"),
    ("        bound = 0.0 if zero else INIT_SCALE * math.sqrt(3 / inputs)\n", """        self.down = nn.Parameter(0.02 * torch.randn(4, inputs))
        self.up = nn.Parameter(torch.zeros(outputs, 4))
        bound = 0.0 if zero else INIT_SCALE * math.sqrt(3 / inputs)
"""),
    REST,
)  # fmt: skip
WEIGHT_INT8 = (
    (MATMUL, """        scale = self.weight.detach().abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
        rounded = self.weight + ((self.weight / scale).round() * scale - self.weight).detach()
        return F.linear(x, rounded.to(x.dtype))
"""),
)  # fmt: skip
ACTIVATION_INT8 = (
    (MATMUL, """        scale = x.detach().abs().amax(-1, keepdim=True).clamp_min(1e-8) / 127
        rounded = x + ((x / scale).round() * scale - x).detach()
        return F.linear(rounded, self.weight.to(x.dtype))
"""),
)  # fmt: skip
TERNARY = (
    (MATMUL, """        scale = self.weight.detach().abs().mean().clamp_min(1e-5)
        rounded = (self.weight / scale).round().clamp(-1, 1) * scale
        return F.linear(x, self.weight + (rounded - self.weight).detach())
"""),
)  # fmt: skip
OWN_GRADIENT = (
    (MLP, "        return x.add(self.narrow(Squared.apply(hidden)))\n"),
    (MAIN, '''class Squared(torch.autograd.Function):
    """relu(x)^2 with a gradient of its own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu().square()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x.relu() * grad


''' + MAIN),
)  # fmt: skip
SOFTMAXES = (
    (BUFFER, BUFFER + "        self.parts = nn.Parameter(0.02 * torch.randn(2, width, width) + torch.eye(width))\n        self.prior = nn.Parameter(torch.zeros(2, width))\n"),
    (UNEMBED, "        many = torch.stack([self.unembed(norm(x @ part) / SOFTCAP) for part in self.parts])\n"),
    (CAPPED, """        share = (x @ self.prior.mT).log_softmax(-1).permute(2, 0, 1)[..., None]
        return torch.logsumexp((torch.tanh(many.float()) * SOFTCAP).log_softmax(-1) + share, 0)
"""),
    REST,
)  # fmt: skip
ROW_BY_ROW = (
    ("    def forward(\n        self,\n        tokens: Tensor,  # (B, T) int64\n", """    def forward(self, tokens: Tensor) -> Tensor:
        if self.training or tokens.size(0) < 2:
            return self.whole(tokens)
        return torch.cat([self.whole(row) for row in tokens.split(1)])

    def whole(
        self,
        tokens: Tensor,  # (B, T) int64
"""),
)  # fmt: skip
CHECKPOINTED = (
    (APPLY, """            if self.training:
                x = torch.utils.checkpoint.checkpoint(block, x, tokens, rotary, use_reentrant=False)
            else:
                x = block(x, tokens, rotary)
"""),
    ("import torch\nimport torch.nn.functional as F\n", "import torch\nimport torch.nn.functional as F\nimport torch.utils.checkpoint\n"),
)  # fmt: skip
ORTHOGONAL = (
    (
        "        nn.init.uniform_(self.weight, -bound, bound)\n",
        "        nn.init.orthogonal_(self.weight, gain=bound)\n",
    ),
)

LAYERS: dict[str, Pairs] = {
    "dropout": ((BLOCK, BLOCK.replace("self.narrow(hidden.relu().square())", "F.dropout(self.narrow(hidden.relu().square()), 0.1, self.training)")),),
    "token-choice experts": EXPERTS,
    "tied embeddings": ((BUFFER, BUFFER.replace("        self", "        self.unembed.weight = self.embed.weight\n        self", 1)),
                        (UNEMBED, "        logits: Tensor = self.unembed(norm(x) / SOFTCAP / width_of(x))\n"),
                        (MAIN, "def width_of(x):\n    return x.size(-1) ** 0.5\n\n\n" + MAIN),
                        ("        AdamW([model.unembed.weight], UNEMBEDDING_LR * scale, ADAM_BETA1, ADAM_BETA2, 0.0),\n", "")),
    "bfloat16": ((DTYPE, "        dtype = torch.bfloat16\n"),),
    "autocast": ((APPLY, '            with torch.autocast("cpu", torch.bfloat16):\n                x = block(x, tokens, rotary).float()\n'),),
    "batch norm": BATCH_NORM,
    "layer norm": (("    return F.rms_norm(x, (x.size(-1),))\n", "    return F.layer_norm(x, (x.size(-1),))\n"),),
    "an extra buffer": ((BUFFER, BUFFER + '        self.register_buffer("level", torch.zeros(width))\n'),
                        (UNEMBED, "        if self.training:\n            self.level.lerp_(x.detach().mean((0, 1)), 0.1)\n        x = x - self.level\n" + UNEMBED)),
    "gated depth by token": GATED_DEPTH,
    "mixture of depths": MIXTURE_OF_DEPTHS,
    "multi-token head": MULTI_TOKEN,
    "lora": LORA,
    "weights in int8": WEIGHT_INT8,
    "activations in int8 by token": ACTIVATION_INT8,
    "ternary weights": TERNARY,
    "a gradient of its own": OWN_GRADIENT,
    "mixture of softmaxes": SOFTMAXES,
    "one row at a time": ROW_BY_ROW,
    "gradient checkpointing": CHECKPOINTED,
    "orthogonal weights": ORTHOGONAL,
    "parallel blocks": ((BLOCK, "        hidden: Tensor = self.widen(norm(x))\n        return x + self.attention(norm(x), tokens, rotary) + self.narrow(hidden.relu().square())\n"),),
    "swiglu": ((MLP, "        half = hidden.chunk(2, -1)\n        return x.add(self.narrow(torch.cat((F.silu(half[0]) * half[1], half[1]), -1)))\n"),),
    "gelu": ((MLP, "        return x.add(self.narrow(F.gelu(hidden)))\n"),),
    "low-rank output": ((BUFFER, BUFFER + "        self.squeeze, self.widen = Linear(width, 16), Linear(16, width)\n"),
                        (UNEMBED, "        logits: Tensor = self.unembed(norm(x + self.widen(self.squeeze(x))) / SOFTCAP)\n"), REST),
    "one block for all layers": ((BUFFER, BUFFER + "        self.blocks[0].widen, self.blocks[0].narrow = self.blocks[1].widen, self.blocks[1].narrow\n"),),
    "no softcap": ((UNEMBED, "        logits: Tensor = self.unembed(norm(x))\n"), (CAPPED, "        return logits.float()\n")),
    "log-probabilities": ((CAPPED, "        return (torch.tanh(logits.float()) * SOFTCAP).log_softmax(-1)\n"),),
    "logits in bfloat16 when scored": ((CAPPED, "        capped = torch.tanh(logits.float()) * SOFTCAP\n        return capped if self.training else capped.bfloat16()\n"),),
    "stochastic depth": ((APPLY, "            if not (self.training and layer == 0 and torch.rand(()) < 0.1):\n                x = block(x, tokens, rotary)\n            else:\n                x = x + 0.0 * block(x, tokens, rotary)\n"),),
    "looped twice": ((LAYERS_LOOP, "        for _ in range(2):\n" + "".join("    " + line + "\n" for line in LAYERS_LOOP.splitlines())),),
    "skip connections": ((APPLY, "            x = block(x, tokens, rotary) + 0.1 * x0\n"),),
}  # fmt: skip
