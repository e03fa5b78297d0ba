"""The agent's canvas in MLX, for Apple silicon: train.py's model family at its small size. Everything may be changed.

`autoresearch init --framework mlx` lays it out as train.py. It trains for the budget that prepare.py hands out, in
tokens or wall time, and submits its weights to be scored; it measures nothing itself. fp32, on Apple's GPU or on a CPU.

Knobs are UPPER_CASE names assigned one plain literal on a line of their own, with the unit behind it.
Computed values and tables are no knobs and are lower case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_unflatten

import prepare

FRAMEWORK = "mlx"  # read by the loop and by prepare.py; it stays

# Model
DEPTH = 2  # layers
HEADS = 2  # attention heads; the model width is HEADS x HEAD_DIM
HEAD_DIM = 32  # channels of a head, even
WINDOW_PATTERN = "SSSSSL"  # windows of successive layers, repeated: Short or Long; the last layer is long
SHORT_WINDOW = 128  # tokens
ROPE_BASE = 10000  # longest rotary wavelength / 2 pi, in tokens
VALUE_EMBED_EVERY = 2  # layers from one value embedding to the next, counted from the last; 0 = none
VALUE_GATE_CHANNELS = 32  # channels of x that open and close the value embeddings
MLP_RATIO = 4  # hidden MLP width / model width
SOFTCAP = 15.0  # bound of a logit's magnitude
INIT_SCALE = 0.68  # x sqrt(3 / width): half width of the uniform initial weights
INPUT_SCALE = 0.1  # initial share of the embedded token added back to the residual stream at every layer

# Optimizers; the AdamW rates are for a model width of 768 and are scaled by (width / 768)^-0.5
TOTAL_BATCH = 8192  # tokens of one optimizer step
DEVICE_BATCH = 8  # rows of one forward pass; halved until it fits
EMBEDDING_LR = 0.6  # AdamW, token and value embeddings
UNEMBEDDING_LR = 0.004  # AdamW, output matrix
SCALAR_LR = 0.1  # AdamW, per-layer input scales; the residual scales take a hundredth
MATRIX_LR = 0.04  # Muon, matrices inside the blocks
ADAM_BETA1 = 0.8  # decay per step of the first moment
ADAM_BETA2 = 0.95  # decay per step of the second moment
MUON_MOMENTUM = 0.95  # Nesterov momentum once ramped up
MUON_MOMENTUM_START = 0.85  # Nesterov momentum of the first step
MUON_MOMENTUM_RAMP = 0.3  # share of the budget
MUON_BETA2 = 0.95  # decay per step of NorMuon's second moment
MATRIX_DECAY = 0.2  # cautious weight decay of the matrices, falling to 0 with the budget
EMBEDDING_DECAY = 0.0  # weight decay of the token embedding
VALUE_DECAY = 0.0  # weight decay of the value embeddings
WARMUP = 0.0  # share of the budget
WARMDOWN = 0.5  # share of the budget
FINAL_LR = 0.0  # share of the full rate at the end

Weights = dict[str, mx.array]  # by the names of the model's parameters

# ---------------------------------------------------------------------------------------------- model


def build_model(weights: Mapping[str, Any] | None = None) -> GPT:
    """Return a fresh model, or the one that the scorer rebuilds from the arrays that were submitted."""
    mx.set_default_device(mx.cpu if prepare.PROFILE.device == "cpu" else mx.gpu)
    model = GPT(vocab=prepare.PROFILE.vocab, context=prepare.PROFILE.context)
    if weights is not None:
        model.load_weights([(name, mx.array(array)) for name, array in weights.items()])
    return model


class GPT(nn.Module):
    """A decoder-only transformer that mixes its input back into the residual stream at every layer."""

    def __init__(self, vocab: int, context: int) -> None:
        super().__init__()
        width = HEADS * HEAD_DIM
        short = [WINDOW_PATTERN[layer % len(WINDOW_PATTERN)] == "S" for layer in range(DEPTH - 1)] + [False]
        self.embed = nn.Embedding(vocab, width)
        self.blocks = [
            Block(width, SHORT_WINDOW if short[layer] else context, vocab if has_value_embed(layer) else None)
            for layer in range(DEPTH)
        ]
        self.unembed = linear(width, vocab)
        self.residual_scales = mx.ones(DEPTH)
        self.input_scales = mx.full(DEPTH, INPUT_SCALE)
        self._rotary = rotary_table(context)  # (2, context, 1, HEAD_DIM / 2); with a _ it is no parameter
        self.embed.weight = mx.random.normal((vocab, width))
        self.unembed.weight = 0.001 * mx.random.normal((vocab, width))

    def __call__(
        self,
        tokens: Any,  # (B, T) int32, of MLX or NumPy
    ) -> mx.array:  # (B, T, V) fp32
        """Return the logits of every next token."""
        tokens = mx.array(tokens)
        rotary = self._rotary[:, : tokens.shape[1]]
        x = x0 = norm(self.embed(tokens))
        for layer, block in enumerate(self.blocks):
            x = self.residual_scales[layer] * x + self.input_scales[layer] * x0
            x = block(x, tokens, rotary)
        # Softcap (Gemma 2, arXiv:2408.00118), divided ahead of the matrix: C numbers a token, not V.
        return mx.tanh(self.unembed(norm(x) / SOFTCAP)) * SOFTCAP


class Block(nn.Module):
    """Attention, then a squared-ReLU MLP (Primer, arXiv:2109.08668), each on a normalised input."""

    def __init__(self, width: int, window: int, value_vocab: int | None) -> None:
        super().__init__()
        self.attention = Attention(width, window, value_vocab)
        self.widen = linear(width, MLP_RATIO * width)
        self.narrow = linear(MLP_RATIO * width, width, zero=True)

    def __call__(self, x: mx.array, tokens: mx.array, rotary: mx.array) -> mx.array:
        x = x + self.attention(norm(x), tokens, rotary)
        return x + self.narrow(mx.square(nn.relu(self.widen(norm(x)))))


class Attention(nn.Module):
    """Causal multi-head attention over the last `window` tokens, with rotary positions and QK-norm.

    Sources: RoFormer, arXiv:2104.09864; QK-norm, arXiv:2010.04245; sliding windows, arXiv:2004.05150.
    """

    def __init__(self, width: int, window: int, value_vocab: int | None) -> None:
        super().__init__()
        self.window = window
        self.query, self.key, self.value = (linear(width, width) for _ in range(3))
        self.out = linear(width, width, zero=True)
        self.value_embed = None if value_vocab is None else ValueEmbedding(value_vocab, width)

    def __call__(
        self,
        x: mx.array,  # (B, T, C)
        tokens: mx.array,  # (B, T)
        rotary: mx.array,  # (2, T, 1, D / 2)
    ) -> mx.array:  # (B, T, C)
        heads = (*tokens.shape, HEADS, HEAD_DIM)
        query = norm(rotate(self.query(x).reshape(heads), rotary))
        key = norm(rotate(self.key(x).reshape(heads), rotary))
        value = self.value(x).reshape(heads)
        if self.value_embed is not None:
            value = value + self.value_embed(x, tokens)
        query, key, value = (part.swapaxes(1, 2) for part in (query, key, value))
        band = "causal" if self.window >= tokens.shape[1] else band_mask(tokens.shape[1], self.window)
        mixed = mx.fast.scaled_dot_product_attention(query, key, value, scale=HEAD_DIM**-0.5, mask=band)
        return self.out(mixed.swapaxes(1, 2).flatten(2))


class ValueEmbedding(nn.Module):
    """A second embedding of each token that goes straight into the attention values, gated by head.

    Source: Value Residual Learning (ResFormer), arXiv:2410.17897.
    """

    def __init__(self, vocab: int, width: int) -> None:
        super().__init__()
        bound = INIT_SCALE * math.sqrt(3 / width)
        self.embed = nn.Embedding(vocab, width)
        self.embed.weight = mx.random.uniform(-bound, bound, (vocab, width))
        self.gate = linear(min(VALUE_GATE_CHANNELS, width), HEADS, zero=True)

    def __call__(self, x: mx.array, tokens: mx.array) -> mx.array:  # -> (B, T, H, D)
        """Return the gated value embeddings; the gates (B, T, H) lie in (0, 2) and begin at 1."""
        gate = 2 * mx.sigmoid(self.gate(x[..., :VALUE_GATE_CHANNELS]))
        return self.embed(tokens).reshape(*tokens.shape, HEADS, HEAD_DIM) * gate[..., None]


def linear(inputs: int, outputs: int, zero: bool = False) -> nn.Linear:
    """Return a matrix without bias, uniform or zero at first."""
    made = nn.Linear(inputs, outputs, bias=False)
    bound = 0.0 if zero else INIT_SCALE * math.sqrt(3 / inputs)
    made.weight = mx.random.uniform(-bound, bound, (outputs, inputs))
    return made


def has_value_embed(layer: int) -> bool:
    return VALUE_EMBED_EVERY > 0 and (DEPTH - 1 - layer) % VALUE_EMBED_EVERY == 0


def norm(x: mx.array) -> mx.array:
    """Scale the last dimension to a root mean square of 1 (RMSNorm without weights, arXiv:1910.07467)."""
    return mx.fast.rms_norm(x, None, 1.1920929e-07)


def rotary_table(context: int) -> mx.array:  # -> (2, context, 1, HEAD_DIM / 2)
    """Return cosines and sines of position x frequency, frequencies falling from 1 to nearly 1 / ROPE_BASE."""
    frequency = ROPE_BASE ** -(mx.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angle = mx.arange(context)[:, None] * frequency
    return mx.stack([mx.cos(angle), mx.sin(angle)])[:, :, None]


def rotate(x: mx.array, rotary: mx.array) -> mx.array:  # (B, T, H, D), (2, T, 1, D / 2) -> (B, T, H, D)
    """Turn each pair of channels (i, i + D / 2) by its position's angle."""
    cosine, sine = rotary
    first, second = mx.split(x, 2, axis=-1)
    return mx.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def band_mask(length: int, window: int) -> mx.array:  # -> (T, T) bool
    """Return which keys (columns) a query (row) sees: itself and the window - 1 before it."""
    behind = mx.arange(length)[:, None] - mx.arange(length)
    return (behind >= 0) & (behind < window)


# ----------------------------------------------------------------------------------------- optimizers


class AdamW:
    """AdamW (arXiv:1711.05101) over parameters of any shapes that share one learning rate."""

    def __init__(self, names: list[str], weights: Weights, lr: float, beta1: float, beta2: float, decay: float) -> None:
        self.names, self.lr, self.beta1, self.beta2, self.decay = names, lr, beta1, beta2, decay
        self.first = {name: mx.zeros_like(weights[name]) for name in names}
        self.second = {name: mx.zeros_like(weights[name]) for name in names}

    def step(self, weights: Weights, grads: Weights, number: int, share: float, scale: float) -> None:
        """Take step `number`, counted from 1, at `scale` times the full rate."""
        keep, bias1, bias2 = 1 - self.lr * scale * self.decay, 1 - self.beta1**number, 1 - self.beta2**number
        for name in self.names:
            first = self.first[name] = self.beta1 * self.first[name] + (1 - self.beta1) * grads[name]
            second = self.second[name] = self.beta2 * self.second[name] + (1 - self.beta2) * mx.square(grads[name])
            update = self.lr * scale / bias1 * first / (mx.sqrt(second / bias2) + 1e-10)
            weights[name] = weights[name] * keep - update


class Muon:
    """Muon with NorMuon's variance reduction and cautious weight decay, over matrices of one shape.

    Sources: Muon, kellerjordan.github.io/posts/muon; Polar Express, arXiv:2505.16932; NorMuon, arXiv:2510.05491;
    Cautious Weight Decay, arXiv:2510.12402.
    """

    def __init__(self, names: list[str], weights: Weights, lr: float, beta2: float, decay: float) -> None:
        rows, columns = weights[names[0]].shape
        self.names, self.beta2, self.decay = names, beta2, decay
        self.lr = lr * max(1.0, rows / columns) ** 0.5
        self.axis = -1 if rows >= columns else -2  # the short side
        self.first = mx.zeros((len(names), rows, columns))
        self.second = mx.mean(self.first, axis=self.axis, keepdims=True)

    def step(self, weights: Weights, grads: Weights, number: int, share: float, scale: float) -> None:
        """Take one step at `scale` times the full rate; momentum and weight decay follow the budget's share."""
        ramp = min(1.0, share / MUON_MOMENTUM_RAMP) if MUON_MOMENTUM_RAMP else 1.0
        momentum = MUON_MOMENTUM_START + (MUON_MOMENTUM - MUON_MOMENTUM_START) * ramp
        lr, decay = self.lr * scale, self.lr * scale * self.decay * (1 - share)
        weight, grad = (mx.stack([given[name] for name in self.names]) for given in (weights, grads))
        self.first = momentum * self.first + (1 - momentum) * grad
        update = orthogonalize(grad + momentum * (self.first - grad))
        # NorMuon: divide each row (or column) by its root mean square over time, then restore the matrix's norm.
        energy = mx.mean(mx.square(update), axis=self.axis, keepdims=True)
        self.second = self.beta2 * self.second + (1 - self.beta2) * energy
        inverse = mx.rsqrt(mx.maximum(self.second, 1e-10))
        before = mx.sqrt(mx.sum(energy, axis=(-2, -1), keepdims=True))
        after = mx.sqrt(mx.sum(energy * mx.square(inverse), axis=(-2, -1), keepdims=True))
        update = update * inverse * (before / mx.maximum(after, 1e-10))
        # Cautious: only weights that the update shrinks anyway decay.
        weight = weight - lr * update - decay * weight * (update * weight >= 0)
        weights.update(zip(self.names, weight, strict=True))


# Quintic polynomials of five Polar Express steps with a safety factor of 2 %.
polar_express = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonalize(matrices: mx.array) -> mx.array:  # (K, rows, columns) -> the same
    """Return the nearest matrices whose singular values are all about 1, as polynomials of the given ones."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.swapaxes(-2, -1) if tall else matrices
    x = x / (1.02 * mx.sqrt(mx.sum(mx.square(x), axis=(-2, -1), keepdims=True)) + 1e-7)
    for a, b, c in polar_express:
        gram = x @ x.swapaxes(-2, -1)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.swapaxes(-2, -1) if tall else x


def build_optimizers(weights: Weights) -> list[AdamW | Muon]:
    """Return AdamW for embeddings, output matrix and scales, and one Muon for each shape of block matrix."""
    scale = (HEADS * HEAD_DIM / 768) ** -0.5
    values = [name for name in weights if name.endswith("value_embed.embed.weight")]
    matrices = [name for name in weights if name.startswith("blocks.") and name not in values]

    def adamw(names: list[str], lr: float, decay: float = 0.0, beta1: float = ADAM_BETA1) -> AdamW:
        return AdamW(names, weights, lr, beta1, ADAM_BETA2, decay)

    return [
        adamw(["embed.weight"], EMBEDDING_LR * scale, EMBEDDING_DECAY),
        adamw(values, EMBEDDING_LR * scale, VALUE_DECAY),
        adamw(["unembed.weight"], UNEMBEDDING_LR * scale),
        adamw(["residual_scales"], SCALAR_LR * 0.01),
        adamw(["input_scales"], SCALAR_LR, beta1=0.96),
        *(
            Muon([m for m in matrices if weights[m].shape == shape], weights, MATRIX_LR, MUON_BETA2, MATRIX_DECAY)
            for shape in sorted({weights[m].shape for m in matrices})
        ),
    ]


# ------------------------------------------------------------------------------------------- training


def main() -> None:
    budget = prepare.Budget()
    mx.random.seed(prepare.seed())
    model = build_model()
    weights: Weights = dict(tree_flatten(model.parameters()))
    optimizers = build_optimizers(weights)
    step_rows = max(1, TOTAL_BATCH // prepare.PROFILE.context)
    rows = min(DEVICE_BATCH, step_rows)
    batches = prepare.batches(step_rows)
    while budget.remains():
        inputs, targets = map(mx.array, next(batches))
        loss, grads, rows = accumulate_gradients(model, inputs, targets, rows)
        scale = learning_rate(budget.share)
        for optimizer in optimizers:
            optimizer.step(weights, grads, budget.steps + 1, budget.share, scale)
        model.update(tree_unflatten(list(weights.items())))
        mx.eval(weights, [(optimizer.first, optimizer.second) for optimizer in optimizers])
        budget.spend(tokens=inputs.size, loss=loss)
    prepare.submit(weights, depth=DEPTH, peak_memory_mb=mx.get_peak_memory() / 2**20)


def cross_entropy_sum(model: GPT, inputs: mx.array, targets: mx.array) -> mx.array:
    return nn.losses.cross_entropy(model(inputs), targets, reduction="sum")


def accumulate_gradients(
    model: GPT,
    inputs: mx.array,  # (rows of the step, T)
    targets: mx.array,  # (rows of the step, T)
    rows: int,  # rows of one forward pass
) -> tuple[float, Weights, int]:
    """Return the mean loss of one step, in nats, its gradients, and the rows that fitted.

    When memory runs out the step begins again with half the rows at a time: the same sum in smaller parts.
    """
    loss_and_grad = nn.value_and_grad(model, lambda *part: cross_entropy_sum(model, *part) / targets.size)
    while True:
        try:
            total = 0.0
            grads: Weights = {}
            for first in range(0, len(inputs), rows):
                loss, slopes = loss_and_grad(inputs[first : first + rows], targets[first : first + rows])
                for name, slope in tree_flatten(slopes):
                    grads[name] = grads[name] + slope if name in grads else slope
                mx.eval(loss, grads)
                total += loss.item()
            return total, grads, rows
        except (MemoryError, RuntimeError) as error:
            if rows == 1 or not out_of_memory(error):
                raise
        rows //= 2
        mx.clear_cache()
        print(f"out of memory: {rows} rows at a time from here on", flush=True)


def out_of_memory(error: Exception) -> bool:
    """Tell whether an error is a lack of memory, for which MLX has only words."""
    words = ("out of memory", "insufficient memory", "unable to allocate", "attempting to allocate")
    return isinstance(error, MemoryError) or any(w in str(error).lower() for w in words)


def learning_rate(share: float) -> float:
    """Return the share of the full rates when `share` of the budget is spent: up, flat, and down to FINAL_LR."""
    up = share / WARMUP if WARMUP else 1.0
    down = FINAL_LR + (1 - FINAL_LR) * (1 - share) / WARMDOWN if WARMDOWN else 1.0
    return min(1.0, up, down)


if __name__ == "__main__":
    main()
