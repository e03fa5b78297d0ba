"""The agent's canvas: a GPT, its optimizers and its training loop. Everything in this file may be changed.

It trains for the budget that prepare.py hands out and submits its weights to be scored; it measures nothing
itself. It is one file for CUDA, ROCm and XPU (bf16, compiled), MPS and CPU (fp32, eager); importing it does nothing.

Knobs are UPPER_CASE names assigned one plain literal on a line of their own, with the unit behind it.
Above the first `if prepare.PROFILE.name == ...:` they hold on every machine; below it only those in the branch of this
machine's profile do, `else` for any that is not named. Computed values and tables are no knobs and are lower case.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

import prepare

# Model
VALUE_EMBED_EVERY = 2  # layers from one value embedding to the next, counted from the last; 0 = none
VALUE_GATE_CHANNELS = 32  # channels of x that open and close the value embeddings
MLP_RATIO = 4  # hidden MLP width / model width
SOFTCAP = 15.0  # bound of a logit's magnitude
INIT_SCALE = 0.68  # x sqrt(3 / width): half width of the uniform initial weights
INPUT_SCALE = 0.1  # initial share of the embedded token added back to the residual stream at every layer

# Optimizers; the AdamW rates are for a model width of 768 and are scaled by (width / 768)^-0.5
EMBEDDING_LR = 0.6  # AdamW, token and value embeddings
UNEMBEDDING_LR = 0.004  # AdamW, output matrix
MATRIX_LR = 0.04  # Muon, matrices inside the blocks
ADAM_BETA1 = 0.8  # decay per step of the first moment
ADAM_BETA2 = 0.95  # decay per step of the second moment
MUON_MOMENTUM = 0.95  # Nesterov momentum once ramped up
MUON_MOMENTUM_START = 0.85  # Nesterov momentum of the first step
MUON_MOMENTUM_RAMP = 0.3  # share of the budget
MUON_BETA2 = 0.95  # decay per step of NorMuon's second moment
MATRIX_DECAY = 0.2  # cautious weight decay of the matrices, falling to 0 with the budget

# Sizes by GPU, for at least 500 steps in five minutes at 35 % of its peak; an estimate, see docs/accelerators.md
if prepare.PROFILE.name == "gpu":
    DEPTH = 9  # layers
    HEADS = 4  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 128  # channels of a head, even
    TOTAL_BATCH = 262144  # tokens of one optimizer step
    DEVICE_BATCH = 128  # rows of one forward pass; fewer where memory is short
elif prepare.PROFILE.name == "gpu-48":
    DEPTH = 9  # layers
    HEADS = 8  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 64  # channels of a head, even
    TOTAL_BATCH = 131072  # tokens of one optimizer step
    DEVICE_BATCH = 32  # rows of one forward pass; fewer where memory is short
elif prepare.PROFILE.name == "gpu-24":
    DEPTH = 8  # layers
    HEADS = 8  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 64  # channels of a head, even
    TOTAL_BATCH = 65536  # tokens of one optimizer step
    DEVICE_BATCH = 16  # rows of one forward pass; fewer where memory is short
elif prepare.PROFILE.name == "gpu-12":
    DEPTH = 8  # layers
    HEADS = 6  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 64  # channels of a head, even
    TOTAL_BATCH = 32768  # tokens of one optimizer step
    DEVICE_BATCH = 16  # rows of one forward pass; fewer where memory is short
elif prepare.PROFILE.name == "gpu-8":
    DEPTH = 6  # layers
    HEADS = 6  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 64  # channels of a head, even
    TOTAL_BATCH = 32768  # tokens of one optimizer step
    DEVICE_BATCH = 8  # rows of one forward pass; fewer where memory is short
elif prepare.PROFILE.name == "gpu-fp32":
    DEPTH = 4  # layers
    HEADS = 4  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 64  # channels of a head, even
    TOTAL_BATCH = 16384  # tokens of one optimizer step
    DEVICE_BATCH = 8  # rows of one forward pass; fewer where memory is short
else:
    DEPTH = 2  # layers
    HEADS = 2  # attention heads; the model width is HEADS x HEAD_DIM
    HEAD_DIM = 32  # channels of a head, even
    TOTAL_BATCH = 8192  # tokens of one optimizer step
    DEVICE_BATCH = 8  # rows of one forward pass; halved until it fits

if prepare.PROFILE.name == "cpu":
    WINDOW_PATTERN = "SSSSSL"  # windows of successive layers, repeated: Short or Long; the last layer is long
    SHORT_WINDOW = 128  # tokens
    ROPE_BASE = 10000  # longest rotary wavelength / 2 pi, in tokens
    SCALAR_LR = 0.1  # AdamW, per-layer input scales; the residual scales take a hundredth
    EMBEDDING_DECAY = 0.0  # weight decay of the token embedding
    VALUE_DECAY = 0.0  # weight decay of the value embeddings
    WARMUP = 0.0  # share of the budget
    WARMDOWN = 0.5  # share of the budget
    FINAL_LR = 0.0  # share of the full rate at the end
else:
    WINDOW_PATTERN = "SSSSSL"  # windows of successive layers, repeated: Short or Long; the last layer is long
    SHORT_WINDOW = 256  # tokens
    ROPE_BASE = 200000  # longest rotary wavelength / 2 pi, in tokens
    SCALAR_LR = 0.5  # AdamW, per-layer input scales; the residual scales take a hundredth
    EMBEDDING_DECAY = 0.001  # weight decay of the token embedding
    VALUE_DECAY = 0.003  # weight decay of the value embeddings
    WARMUP = 0.0  # share of the budget
    WARMDOWN = 0.75  # share of the budget
    FINAL_LR = 0.05  # share of the full rate at the end


# ---------------------------------------------------------------------------------------------- model


def build_model() -> GPT:
    """Return the initialised model on the CPU. The scorer calls this too, then loads the checkpoint into it."""
    return GPT(vocab=prepare.PROFILE.vocab, context=prepare.PROFILE.context)


class GPT(nn.Module):
    """A decoder-only transformer that mixes its input back into the residual stream at every layer."""

    rotary: Tensor  # (2, context, 1, HEAD_DIM / 2) fp32, cosines and sines

    def __init__(self, vocab: int, context: int) -> None:
        super().__init__()
        width = HEADS * HEAD_DIM
        short = [WINDOW_PATTERN[layer % len(WINDOW_PATTERN)] == "S" for layer in range(DEPTH - 1)] + [False]
        self.embed = nn.Embedding(vocab, width)
        self.blocks = nn.ModuleList(
            Block(width, SHORT_WINDOW if short[layer] else context, vocab if has_value_embed(layer) else None)
            for layer in range(DEPTH)
        )
        self.unembed = Linear(width, vocab)
        self.residual_scales = nn.Parameter(torch.ones(DEPTH))
        self.input_scales = nn.Parameter(torch.full((DEPTH,), INPUT_SCALE))
        self.register_buffer("rotary", rotary_table(context), persistent=False)
        nn.init.normal_(self.embed.weight, std=1.0)
        nn.init.normal_(self.unembed.weight, std=0.001)

    def forward(
        self,
        tokens: Tensor,  # (B, T) int64
    ) -> Tensor:  # (B, T, V) fp32
        """Return the logits of every next token."""
        dtype = compute_type(tokens.device)
        rotary = self.rotary[:, : tokens.size(1)].to(dtype)
        x = x0 = norm(self.embed(tokens).to(dtype))
        for layer, block in enumerate(self.blocks):
            x = self.residual_scales[layer] * x + self.input_scales[layer] * x0
            x = block(x, tokens, rotary)
        # Softcap (Gemma 2, arXiv:2408.00118), divided ahead of the matrix: C numbers a token, not V.
        logits: Tensor = self.unembed(norm(x) / SOFTCAP)
        return torch.tanh(logits.float()) * SOFTCAP


class Block(nn.Module):
    """Attention, then a squared-ReLU MLP (Primer, arXiv:2109.08668), each on a normalised input."""

    def __init__(self, width: int, window: int, value_vocab: int | None) -> None:
        super().__init__()
        self.attention = Attention(width, window, value_vocab)
        self.widen = Linear(width, MLP_RATIO * width)
        self.narrow = Linear(MLP_RATIO * width, width, zero=True)

    def forward(self, x: Tensor, tokens: Tensor, rotary: Tensor) -> Tensor:
        x = x + self.attention(norm(x), tokens, rotary)
        hidden: Tensor = self.widen(norm(x))
        return x.add(self.narrow(hidden.relu().square()))


class Attention(nn.Module):
    """Causal multi-head attention over the last `window` tokens, with rotary positions and QK-norm.

    Sources: RoFormer, arXiv:2104.09864; QK-norm, arXiv:2010.04245; sliding windows, arXiv:2004.05150.
    """

    def __init__(self, width: int, window: int, value_vocab: int | None) -> None:
        super().__init__()
        self.window = window
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)
        self.out = Linear(width, width, zero=True)
        self.value_embed = None if value_vocab is None else ValueEmbedding(value_vocab, width)
        self.visible_blocks: BlockMask | None = (
            None  # set where flex_attention is compiled; eager, it would hold (T, T)
        )

    def forward(
        self,
        x: Tensor,  # (B, T, C)
        tokens: Tensor,  # (B, T) int64
        rotary: Tensor,  # (2, T, 1, D / 2)
    ) -> Tensor:  # (B, T, C)
        heads = (*tokens.shape, HEADS, HEAD_DIM)
        query = norm(rotate(self.query(x).view(heads), rotary)).transpose(1, 2)
        key = norm(rotate(self.key(x).view(heads), rotary)).transpose(1, 2)
        value = self.value(x).view(heads)
        if self.value_embed is not None:
            value = value + self.value_embed(x, tokens)
        value = value.transpose(1, 2)
        if self.visible_blocks is not None and torch.compiler.is_compiling():
            mixed = flex_attention(query, key, value, block_mask=self.visible_blocks)
        elif self.window >= tokens.size(1):
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            band = band_mask(tokens.size(1), self.window, tokens.device)
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=band)
        output: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return output


class ValueEmbedding(nn.Module):
    """A second embedding of each token that goes straight into the attention values, gated by head.

    Source: Value Residual Learning (ResFormer), arXiv:2410.17897.
    """

    def __init__(self, vocab: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.gate = Linear(min(VALUE_GATE_CHANNELS, width), HEADS, zero=True)
        bound = INIT_SCALE * math.sqrt(3 / width)
        nn.init.uniform_(self.embed.weight, -bound, bound)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:  # -> (B, T, H, D)
        """Return the gated value embeddings; the gates (B, T, H) lie in (0, 2) and begin at 1."""
        gate = 2 * torch.sigmoid(self.gate(x[..., : self.gate.in_features]))
        value: Tensor = self.embed(tokens).to(x.dtype)
        return value.view(*tokens.shape, HEADS, HEAD_DIM) * gate.unsqueeze(-1)


class Linear(nn.Linear):
    """A matrix without bias whose fp32 weights are cast to the input's type when used."""

    def __init__(self, inputs: int, outputs: int, zero: bool = False) -> None:
        super().__init__(inputs, outputs, bias=False)
        bound = 0.0 if zero else INIT_SCALE * math.sqrt(3 / inputs)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


def has_value_embed(layer: int) -> bool:
    return VALUE_EMBED_EVERY > 0 and (DEPTH - 1 - layer) % VALUE_EMBED_EVERY == 0


def compute_type(device: torch.device) -> torch.dtype:
    """Return the type in which a device computes. fp16 would need loss scaling, so GPUs without bf16 take fp32."""
    return torch.bfloat16 if device.type in ("cuda", "xpu") and prepare.PROFILE.bf16 else torch.float32


def norm(x: Tensor) -> Tensor:
    """Scale the last dimension to a root mean square of 1 (RMSNorm without weights, arXiv:1910.07467)."""
    return F.rms_norm(x, (x.size(-1),))


def rotary_table(context: int) -> Tensor:  # -> (2, context, 1, HEAD_DIM / 2) fp32
    """Return cosines and sines of position x frequency, frequencies falling from 1 to nearly 1 / ROPE_BASE."""
    frequency = ROPE_BASE ** -(torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angle = torch.outer(torch.arange(context), frequency)
    return torch.stack((angle.cos(), angle.sin())).unsqueeze(2)


def rotate(x: Tensor, rotary: Tensor) -> Tensor:  # (B, T, H, D), (2, T, 1, D / 2) -> (B, T, H, D)
    """Turn each pair of channels (i, i + D / 2) by its position's angle."""
    cosine, sine = rotary
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def band_mask(length: int, window: int, device: torch.device) -> Tensor:  # -> (T, T) bool
    """Return which keys (columns) a query (row) sees: itself and the window - 1 before it."""
    ones = torch.ones(length, length, dtype=torch.bool, device=device)
    return ones.tril() & ones.triu(1 - window)


# ----------------------------------------------------------------------------------------- optimizers
#
# Plain classes: the first torch.optim.Optimizer imports torch._dynamo, a second of a CPU run of fifteen.


class AdamW:
    """AdamW (arXiv:1711.05101) over tensors of any shapes that share one learning rate."""

    def __init__(self, params: list[Tensor], lr: float, beta1: float, beta2: float, decay: float) -> None:
        self.params, self.lr, self.beta1, self.beta2, self.decay = params, lr, beta1, beta2, decay
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in params]
        self.update = adamw_update

    @torch.no_grad()
    def step(self, number: int, share: float, scale: float) -> None:
        """Take step `number`, counted from 1, at `scale` times the full rate."""
        lr = torch.tensor(self.lr * scale / (1 - self.beta1**number))
        keep = torch.tensor(1 - self.lr * scale * self.decay)
        bias2 = torch.tensor(1 - self.beta2**number)
        for param, (first, second) in zip(self.params, self.moments, strict=True):
            self.update(param, gradient(param), first, second, lr, keep, bias2, self.beta1, self.beta2)


def adamw_update(
    param: Tensor,
    grad: Tensor,
    first: Tensor,  # like param, running mean of the gradient
    second: Tensor,  # like param, running mean of its square
    lr: Tensor,  # () fp32, first moment's bias correction included
    keep: Tensor,  # () fp32, 1 - lr x weight decay
    bias2: Tensor,  # () fp32, the second moment's bias correction
    beta1: float,
    beta2: float,
) -> None:
    first.lerp_(grad, 1 - beta1)
    second.lerp_(grad.square(), 1 - beta2)
    param.mul_(keep).sub_(lr * first / ((second / bias2).sqrt() + 1e-10))


class Muon:
    """Muon with NorMuon's variance reduction and cautious weight decay, over matrices of one shape.

    Sources: Muon, kellerjordan.github.io/posts/muon; Polar Express, arXiv:2505.16932; NorMuon, arXiv:2510.05491;
    Cautious Weight Decay, arXiv:2510.12402.
    """

    def __init__(self, params: list[Tensor], lr: float, beta2: float, decay: float) -> None:
        rows, columns = params[0].shape
        self.params, self.beta2, self.decay = params, beta2, decay
        self.lr = lr * max(1.0, rows / columns) ** 0.5
        self.momentum = params[0].new_zeros(len(params), rows, columns)
        self.second = params[0].new_zeros(len(params), *((rows, 1) if rows >= columns else (1, columns)))
        self.update = muon_update

    @torch.no_grad()
    def step(self, number: int, share: float, scale: float) -> None:
        """Take one step at `scale` times the full rate; momentum and weight decay follow the budget's share."""
        ramp = min(1.0, share / MUON_MOMENTUM_RAMP) if MUON_MOMENTUM_RAMP else 1.0
        momentum = torch.tensor(MUON_MOMENTUM_START + (MUON_MOMENTUM - MUON_MOMENTUM_START) * ramp)
        lr = torch.tensor(self.lr * scale)
        decay = torch.tensor(self.lr * scale * self.decay * (1 - share))
        weights = torch.stack(self.params)
        grads = torch.stack([gradient(p) for p in self.params])
        self.update(weights, grads, self.momentum, self.second, momentum, lr, decay, self.beta2)
        for param, weight in zip(self.params, weights.unbind(), strict=True):
            param.copy_(weight)


def muon_update(
    weights: Tensor,  # (K, rows, columns)
    grads: Tensor,  # (K, rows, columns)
    running: Tensor,  # (K, rows, columns), running mean of the gradient
    second: Tensor,  # (K, rows, 1) or (K, 1, columns), running mean of the update's square over the short side
    momentum: Tensor,  # () fp32
    lr: Tensor,  # () fp32
    decay: Tensor,  # () fp32, lr included
    beta2: float,
) -> None:
    running.mul_(momentum).add_((1 - momentum) * grads)
    update = orthogonalize(grads + momentum * (running - grads)).to(weights.dtype)
    # NorMuon: divide each row (or column) by its root mean square over time, then restore the matrix's norm.
    energy = update.square().mean(dim=-1 if second.size(-1) == 1 else -2, keepdim=True)
    second.lerp_(energy, 1 - beta2)
    inverse = second.clamp_min(1e-10).rsqrt()
    norm_before = energy.sum(dim=(-2, -1), keepdim=True).sqrt()
    norm_after = (energy * inverse.square()).sum(dim=(-2, -1), keepdim=True).sqrt()
    update = update * inverse * (norm_before / norm_after.clamp_min(1e-10))
    # Cautious: only weights that the update shrinks anyway decay.
    weights.sub_(lr * update + decay * weights * (update * weights >= 0))


# Quintic polynomials of five Polar Express steps with a safety factor of 2 %.
polar_express = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonalize(
    matrices: Tensor,  # (K, rows, columns)
) -> Tensor:  # (K, rows, columns), bf16 on most GPUs
    """Return the nearest matrices whose singular values are all about 1, as polynomials of the given ones."""
    x: Tensor = matrices.to(compute_type(matrices.device))
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (1.02 * torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for a, b, c in polar_express:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def build_optimizers(model: GPT) -> list[AdamW | Muon]:
    """Return AdamW for embeddings, output matrix and scales, and one Muon for each shape of block matrix."""
    scale = (model.embed.embedding_dim / 768) ** -0.5
    matrices: list[Tensor] = [m.weight for m in model.blocks.modules() if isinstance(m, Linear)]
    values: list[Tensor] = [m.weight for m in model.blocks.modules() if isinstance(m, nn.Embedding)]
    return [
        AdamW([model.embed.weight], EMBEDDING_LR * scale, ADAM_BETA1, ADAM_BETA2, EMBEDDING_DECAY),
        AdamW(values, EMBEDDING_LR * scale, ADAM_BETA1, ADAM_BETA2, VALUE_DECAY),
        AdamW([model.unembed.weight], UNEMBEDDING_LR * scale, ADAM_BETA1, ADAM_BETA2, 0.0),
        AdamW([model.residual_scales], SCALAR_LR * 0.01, ADAM_BETA1, ADAM_BETA2, 0.0),
        AdamW([model.input_scales], SCALAR_LR, 0.96, ADAM_BETA2, 0.0),
        *(
            Muon([m for m in matrices if m.shape == shape], MATRIX_LR, MUON_BETA2, MATRIX_DECAY)
            for shape in sorted({m.shape for m in matrices})
        ),
    ]


def gradient(param: Tensor) -> Tensor:
    assert param.grad is not None, "a parameter took no part in the loss"
    return param.grad


# ------------------------------------------------------------------------------------------- training

LossSum = Callable[[nn.Module, Tensor, Tensor], Tensor]  # model, inputs, targets -> nats, () fp32


def main() -> None:
    budget = prepare.Budget()  # seeds torch, so before the first random weight
    device = prepare.device()
    model = build_model().to(device)
    optimizers = build_optimizers(model)
    step_rows = max(1, TOTAL_BATCH // prepare.PROFILE.context)
    rows = min(DEVICE_BATCH, step_rows)
    loss_sum: LossSum = cross_entropy_sum
    if device.type in ("cuda", "xpu"):
        loss_sum, rows = compile_for_gpu(model, optimizers, step_rows, rows)

    batches = prepare.batches(step_rows)
    while budget.remains():
        inputs, targets = next(batches)
        loss, rows = accumulate_gradients(model, loss_sum, inputs, targets, rows)
        scale = learning_rate(budget.share)
        for optimizer in optimizers:
            optimizer.step(budget.steps + 1, budget.share, scale)
        model.zero_grad()
        budget.spend(tokens=inputs.numel(), loss=loss.item())
    prepare.submit(model, depth=DEPTH, mfu=flops_utilization(model, budget.tokens, budget.seconds))


def cross_entropy_sum(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    logits = model(inputs)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


def accumulate_gradients(
    model: nn.Module,
    loss_sum: LossSum,
    inputs: Tensor,  # (rows of the step, T) int64
    targets: Tensor,  # (rows of the step, T) int64
    rows: int,  # rows of one forward pass
) -> tuple[Tensor, int]:
    """Add the gradients of the mean loss of one step; return that loss, in nats, and the rows that fitted.

    When memory runs out the step begins again with half the rows at a time: the same sum in smaller parts.
    """
    while True:
        try:
            total = torch.zeros((), device=inputs.device)
            for part in zip(torch.split(inputs, rows), torch.split(targets, rows), strict=True):
                loss = loss_sum(model, *part) / targets.numel()
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
            return total, rows
        except RuntimeError as error:
            if rows == 1 or not out_of_memory(error):
                raise
        # Outside the except clause, whose traceback would keep the failed pass's tensors alive.
        rows = halve(rows, model, inputs.device)


def halve(rows: int, model: nn.Module, device: torch.device) -> int:
    """Free what a pass that ran out of memory has left; return half the rows."""
    free(model, device)
    print(f"out of memory: {rows // 2} rows at a time from here on", flush=True)
    return rows // 2


def free(model: nn.Module, device: torch.device) -> None:
    model.zero_grad()
    if device.type != "cpu":
        torch.get_device_module(device).empty_cache()


def out_of_memory(error: Exception) -> bool:
    """Tell whether an error is a lack of memory: CUDA and ROCm have a type for it, MPS and CPU only words."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error).lower() for w in words)


def learning_rate(share: float) -> float:
    """Return the share of the full rates when `share` of the budget is spent: up, flat, and down to FINAL_LR."""
    up = share / WARMUP if WARMUP else 1.0
    down = FINAL_LR + (1 - FINAL_LR) * (1 - share) / WARMDOWN if WARMDOWN else 1.0
    return min(1.0, up, down)


# ----------------------------------------------------------------------------------------------- GPUs

# Fastest first. Nothing compiles without Triton and a C compiler; the backward pass of flex attention wants more shared
# memory than some GPUs have.
ways = ("compiled, flex attention", "compiled, masked attention", "eager")


def compile_for_gpu(model: GPT, optimizers: list[AdamW | Muon], step_rows: int, rows: int) -> tuple[LossSum, int]:
    """Return the loss in the fastest way that works here, and the rows that fit. All is compiled then, updates too.

    A campaign's baseline finds the way and the rows out; other runs begin there.
    """
    torch._dynamo.config.cache_size_limit = 64  # shapes of one function; beyond that it would run eagerly, in silence
    updates = [optimizer.update for optimizer in optimizers]
    known = prepare.remembered()
    rows = min(rows_that_fit(model, rows), known.get("rows", rows))
    for way in ways[ways.index(known["way"]) if known.get("way") in ways else 0 :]:
        compiled = (lambda function: function) if way == ways[-1] else functools.partial(torch.compile, dynamic=False)
        for optimizer, update in zip(optimizers, updates, strict=True):
            optimizer.update = compiled(update)
        loss_sum: LossSum = compiled(cross_entropy_sum)
        try:
            use_flex_attention(model, way == ways[0])
            fitted = warm_up(model, loss_sum, optimizers, step_rows, rows)
        except Exception as error:  # compilers raise anything
            if way == ways[-1] or out_of_memory(error):
                raise
            said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        else:
            prepare.remember(way=way, **({"rows": fitted} if fitted < rows else {}))
            return loss_sum, fitted
        print(f"{way}: does not work here, what follows is slower ({said})", flush=True)
        free(model, model.embed.weight.device)
    raise AssertionError("the last way returns or raises")


def rows_that_fit(model: GPT, rows: int) -> int:
    """Return how many rows fit into memory at a time, estimated from eager passes of one and of two.

    Rows that were tried by compiling would be compiled again for each halving. Compiled passes need less memory than
    eager ones: two thirds, by fake tensors of the largest profile.
    """
    device = model.embed.weight.device
    gpu = torch.get_device_module(device)
    peaks = []
    for count in (1, 1, 2):  # the first pass makes the gradients
        gpu.reset_peak_memory_stats()
        tokens = made_up_tokens(count, device)
        if accumulate_gradients(model, cross_entropy_sum, tokens, tokens, count)[1] < count:
            return 1
        peaks.append(gpu.max_memory_allocated())
    free(model, device)
    try:
        room = 0.9 * (gpu.mem_get_info()[0] + gpu.memory_reserved())
    except RuntimeError:  # some of Intel's GPUs do not tell what is free
        room = 0.9 * gpu.get_device_properties(device).total_memory
    while rows > 1 and peaks[1] + (rows - 1) * (peaks[2] - peaks[1]) > room:
        rows //= 2
    return rows


def made_up_tokens(rows: int, device: torch.device) -> Tensor:  # -> (rows, T) int64
    shape = (rows, prepare.PROFILE.context)
    return torch.arange(math.prod(shape), device=device).view(shape) % prepare.PROFILE.vocab


def use_flex_attention(model: GPT, use: bool = True) -> None:
    """Let short windows skip the blocks of keys that no query sees, which pays once it is compiled.

    Where nothing is compiled, as in the scorer, the same windows are a mask on scaled_dot_product_attention.
    """
    context, device = prepare.PROFILE.context, model.embed.weight.device

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (query - key < SHORT_WINDOW)

    blocks = create_block_mask(visible, None, None, context, context, device=str(device)) if use else None
    for attention in attentions(model):
        attention.visible_blocks = blocks if attention.window < context else None


def attentions(model: GPT) -> list[Attention]:
    return [m for m in model.modules() if isinstance(m, Attention)]


def warm_up(model: GPT, loss_sum: LossSum, optimizers: list[AdamW | Muon], step_rows: int, rows: int) -> int:
    """Compile everything before the clock starts, leaving the weights as they are; return the rows that fit.

    Else a cold compiler cache would cost a run a tenth of its five minutes. No token of the data is seen, and a
    step with zero gradients at rate zero changes neither weights nor moments, so it may be taken again with fewer rows.
    In training a step that has no memory for its updates ends the run: half a step is none.
    """
    device = model.embed.weight.device
    tokens = made_up_tokens(step_rows, device)
    while True:
        _, rows = accumulate_gradients(model, loss_sum, tokens, tokens, rows)
        for param in model.parameters():
            gradient(param).zero_()
        try:
            for optimizer in optimizers:
                optimizer.step(1, 0.0, 0.0)
            model.zero_grad()
            return rows
        except RuntimeError as error:
            if rows == 1 or not out_of_memory(error):
                raise
        rows = halve(rows, model, device)


# Dense peaks in FLOP/s by the exact name a device reports, in bf16, of GPUs without it in fp32. From the vendors' data
# sheets and white papers; GeForce cards that those leave out have twice their fp32 peak, as the listed ones do. A name
# that is not here, a power-limited or partitioned variant for one, has no known peak.
peak_flops = {
    "NVIDIA B200": 2250e12,
    "NVIDIA H200": 989.4e12,
    "NVIDIA H100 80GB HBM3": 989.4e12,
    "NVIDIA H100 PCIe": 756.4e12,
    "NVIDIA H100 NVL": 835.5e12,
    "NVIDIA GH200 480GB": 989.4e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
    "NVIDIA A40": 149.7e12,
    "NVIDIA A30": 165e12,
    "NVIDIA A10G": 70e12,
    "NVIDIA L40S": 362.05e12,
    "NVIDIA L4": 121e12,
    "NVIDIA RTX A6000": 154.8e12,
    "NVIDIA GeForce RTX 5090": 209.5e12,
    "NVIDIA GeForce RTX 5080": 112.6e12,
    "NVIDIA GeForce RTX 5070": 61.7e12,
    "NVIDIA GeForce RTX 4090": 165.2e12,
    "NVIDIA GeForce RTX 4080": 97.5e12,
    "NVIDIA GeForce RTX 4070": 58.3e12,
    "NVIDIA GeForce RTX 4060 Ti": 44.1e12,
    "NVIDIA GeForce RTX 4060": 30.2e12,
    "NVIDIA GeForce RTX 3090": 71e12,
    "NVIDIA GeForce RTX 3080": 59.5e12,
    "NVIDIA GeForce RTX 3070": 40.6e12,
    "NVIDIA GeForce RTX 3060": 25.5e12,
    "NVIDIA GeForce RTX 3050": 18.2e12,
    "NVIDIA GeForce RTX 2080 Ti": 13.4e12,
    "Tesla T4": 8.1e12,
    "Tesla V100-SXM2-16GB": 15.7e12,
    "AMD Instinct MI300X": 1307.4e12,
    "AMD Instinct MI325X": 1307.4e12,
    "AMD Instinct MI350X": 2300e12,
    "AMD Instinct MI355X": 2500e12,
    "AMD Instinct MI250X": 191.5e12,  # of one of its two dies, which torch takes for a device each
    "AMD Instinct MI210": 181e12,
    "AMD Radeon RX 7900 XTX": 122.8e12,
}


def device_peak(device: torch.device) -> float | None:
    return peak_flops.get(torch.cuda.get_device_name(device)) if device.type == "cuda" else None


def flops_per_token(model: GPT) -> int:
    """Return the FLOP that training takes a token, counted as in PaLM, arXiv:2204.02311, appendix B.

    That is 6 for each matrix weight and 12 x width x window for each layer.
    """
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, Linear))
    windows = sum(min(attention.window, prepare.PROFILE.context) for attention in attentions(model))
    return 6 * weights + 12 * HEADS * HEAD_DIM * windows


def flops_utilization(model: GPT, tokens: int, seconds: float) -> float | None:
    """Return the percentage of the device's peak that went into the model (MFU), None where no peak is known."""
    peak = device_peak(model.embed.weight.device)
    return 100 * flops_per_token(model) * tokens / seconds / peak if peak and seconds else None


if __name__ == "__main__":
    main()
