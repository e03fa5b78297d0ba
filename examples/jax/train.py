"""A canvas in JAX: a feed-forward language model over the last few tokens (Bengio et al., JMLR 2003) and Adam."""

import jax
import jax.numpy as jnp

import prepare

FRAMEWORK = "jax"  # docs/frameworks.md has the contract
WIDTH = 64  # channels of a token
HIDDEN = 256  # channels of the hidden layer
SEEN = 4  # tokens that a prediction sees
TOTAL_BATCH = 4096  # tokens of one optimizer step
LR = 0.003  # Adam, falling to 0 with the budget
BETA1 = 0.9  # decay per step of the first moment
BETA2 = 0.99  # decay per step of the second moment


def build_model(weights: dict):
    """Return what the scorer asks: tokens (n, T) int32 -> logits (n, T, V)."""
    return lambda tokens: forward(weights, tokens)


@jax.jit
def forward(weights: dict, tokens: jax.Array) -> jax.Array:
    embedded = weights["embed"][tokens]  # (n, T, C)
    seen = [jnp.pad(embedded, ((0, 0), (back, 0), (0, 0)))[:, : tokens.shape[1]] for back in range(SEEN)]
    return jax.nn.relu(jnp.concatenate(seen, -1) @ weights["hidden"]) @ weights["unembed"]


def mean_loss(weights: dict, inputs: jax.Array, targets: jax.Array) -> jax.Array:
    chances = jax.nn.log_softmax(forward(weights, inputs))
    return -jnp.take_along_axis(chances, targets[..., None], -1).mean()


@jax.jit
def step(weights: dict, first: dict, second: dict, number: int, lr: float, rows: tuple) -> tuple:
    """Take Adam's step `number`, counted from 1; return the loss, the weights and their moments."""
    loss, grads = jax.value_and_grad(mean_loss)(weights, *rows)
    first = {name: BETA1 * first[name] + (1 - BETA1) * grads[name] for name in grads}
    second = {name: BETA2 * second[name] + (1 - BETA2) * grads[name] ** 2 for name in grads}
    scale = lr * jnp.sqrt(1 - BETA2**number) / (1 - BETA1**number)
    return loss, {n: w - scale * first[n] / (jnp.sqrt(second[n]) + 1e-8) for n, w in weights.items()}, first, second


def main() -> None:
    budget, vocab = prepare.Budget(), prepare.PROFILE.vocab
    shapes = {"embed": (vocab, WIDTH), "hidden": (SEEN * WIDTH, HIDDEN), "unembed": (HIDDEN, vocab)}
    keys = jax.random.split(jax.random.key(prepare.seed()), len(shapes))
    weights = {n: jax.random.normal(k, s) / s[0] ** 0.5 for k, (n, s) in zip(keys, shapes.items(), strict=True)}
    first, second = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    batches = prepare.batches(max(1, TOTAL_BATCH // prepare.PROFILE.context))
    while budget.remains():
        rows, lr = next(batches), LR * (1 - budget.share)  # rows: inputs and targets, (n, T) int32 each
        loss, weights, first, second = step(weights, first, second, budget.steps + 1, lr, rows)
        budget.spend(tokens=rows[0].size, loss=float(loss))
    prepare.submit(weights)


if __name__ == "__main__":
    main()
