"""What a CPU second of each operator family is charged: forward and backward on one thread, against the default canvas.

A family that is charged less than half of what the canvas is for a CPU second would let a patch train longer for free.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench.table import Row, Table

TOP = Path(__file__).parents[1]
FACTOR = 2.0

# Runs beside prepare.py, which the engine's own environment need not be able to import.
SCRIPT = r"""
import json, sys, time
sys.path.insert(0, sys.argv[1])
import torch, prepare, train
import torch.nn.functional as F
from torch import nn
prepare.keep_freed_memory()
torch.set_num_threads(1)
torch.manual_seed(0)

def through(module):
    def call(x):
        y = module(x)
        return y[0] if isinstance(y, tuple) else y
    return call

def canvas():
    model = train.build_model()
    optimizers = train.build_optimizers(model)
    rows = torch.randint(prepare.PROFILE.vocab, (16, prepare.PROFILE.context))
    def work():
        train.accumulate_gradients(model, train.cross_entropy_sum, rows, rows, 8)
        for optimizer in optimizers:
            optimizer.step(1, 0.5, 1.0)
        model.zero_grad()
    return work

def adamw(width):
    weights = [nn.Parameter(torch.randn(width, width)) for _ in range(20)]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    return torch.optim.AdamW(weights, foreach=True).step

def families(w):
    x, image, heads = (8, 256, w), (2, w, 16, 16), (8, max(1, w // 32), 256, 32)
    square = lambda x: x[:, :w].mT @ x[:, :w] / 256 + torch.eye(w)
    tokens = torch.randint(2048, (8, 256))
    causal = torch.ones(256, 256, dtype=torch.bool).tril()
    manual = lambda q, k, v: (q @ k.mT).masked_fill(~causal, -1e9).softmax(-1) @ v
    linear = lambda q, k, v: torch.einsum("bhtd,bhdte->bhte", q, torch.einsum("bhtd,bhte->bhdte", k, v).cumsum(3))
    return {
        "linear": (through(nn.Linear(w, w)), x), "mlp, gelu": (
            through(nn.Sequential(nn.Linear(w, 4 * w), nn.GELU(), nn.Linear(4 * w, w))), x),
        "conv1d": (lambda x, c=nn.Conv1d(w, w, 4, padding=2): c(x.mT), x),
        "conv1d, depthwise": (lambda x, c=nn.Conv1d(w, w, 4, padding=2, groups=w): c(x.mT), x),
        "conv2d": (nn.Conv2d(w, w, 3, padding=1), image),
        "GRU": (through(nn.GRU(w, w, batch_first=True)), x), "LSTM": (through(nn.LSTM(w, w, batch_first=True)), x),
        "RNN": (through(nn.RNN(w, w, batch_first=True)), x),
        "embedding": (lambda e=nn.Embedding(2048, w): e(tokens),), "embedding bag": (
            lambda e=nn.EmbeddingBag(2048, w): e(tokens),),
        "embedding bag, max": (lambda e=nn.EmbeddingBag(2048, w, mode="max"): e(tokens),),
        "attention": (F.scaled_dot_product_attention, heads, heads, heads),
        "attention, causal": (lambda *a: F.scaled_dot_product_attention(*a, is_causal=True), heads, heads, heads),
        "attention, masked": (lambda *a: F.scaled_dot_product_attention(*a, attn_mask=causal), heads, heads, heads),
        "attention by hand": (manual, heads, heads, heads), "linear attention": (linear, *[(4, 2, 64, min(w, 32))] * 3),
        "FFT": (lambda x: torch.fft.irfft(torch.fft.rfft(x, dim=1), dim=1), x),
        "cumsum": (lambda x: x.cumsum(1), x), "cummax": (lambda x: x.cummax(1).values, x),
        "logcumsumexp": (lambda x: x.logcumsumexp(1), x), "sort": (lambda x: x.sort(-1).values, x),
        "topk": (lambda x: x.topk(4, -1).values, x), "argsort": (lambda x: x.argsort(1).float(), x),
        "unique": (lambda: torch.randint(2048, (1024 * w,)).unique().float(),),
        "einsum": (lambda x, y: torch.einsum("btd,de->bte", x, y), x, (w, w)), "bmm": (torch.bmm, x, (8, w, w)),
        "gather": (lambda x: x.gather(1, torch.randint(256, x.shape)), x),
        "scatter_add": (lambda x: torch.zeros_like(x).scatter_add(1, torch.randint(256, x.shape), x), x),
        "index_add": (lambda x: x.new_zeros(2048, w).index_add(0, tokens.flatten(), x.flatten(0, 1)), x),
        "boolean index": (lambda x: x[x > 0], x), "where": (lambda x: torch.where(x > 0, x, 0.0), x),
        "softmax": (lambda x: x.softmax(-1), x), "layernorm": (through(nn.LayerNorm(w)), x), "tanh": (torch.tanh, x),
        "lgamma": (lambda x: torch.lgamma(x.abs() + 1), x), "std": (lambda x: x.std(-1), x),
        "dropout": (lambda x: F.dropout(x, 0.1), x), "randn": (lambda: torch.randn(8, 256, w),),
        "multinomial": (lambda x: torch.multinomial(x.detach().abs().flatten(0, 1), 1).float(), x),
        "searchsorted": (lambda x: torch.searchsorted(torch.arange(2048.0), x.detach()).float(), x),
        "qr": (lambda x: torch.linalg.qr(square(x))[0], x), "svd": (lambda x: torch.linalg.svd(square(x))[1], x),
        "cholesky": (lambda x: torch.linalg.cholesky(square(x)), x),
        "eigh": (lambda x: torch.linalg.eigh(square(x))[0], x),
        "solve": (lambda x: torch.linalg.solve(square(x), x.mT), x), "matrix_exp": (
            lambda x: torch.matrix_exp(square(x) * 0.01), x),
        "eigvals": (lambda x: torch.linalg.eigvals(square(x).detach()).real, x),
        "bilinear": (lambda x, b=nn.Bilinear(32, 32, 32): b(x[0, :, :32], x[1, :, :32]), x),
    }

def work_of(call, *shapes):
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    def work():
        y = call(*inputs)
        if y.requires_grad:
            y.square().mean().backward()
    return work

def price(work, least):
    work(), work()
    cost = prepare.StepCost()
    cost.start()
    work()
    flop = cost.stop() + cost.many_flop
    times, end = [], time.process_time() + least
    while len(times) < 3 or time.process_time() < end:
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return sorted(times)[len(times) // 4] / flop * 1e12

least, widths = float(sys.argv[2]), json.loads(sys.argv[3])
print(json.dumps(["default canvas", 0, price(canvas(), least)]), flush=True)
for width in widths:
    for name, (call, *shapes) in families(width).items():
        print(json.dumps([name, width, price(work_of(call, *shapes), least)]), flush=True)
    print(json.dumps(["AdamW, foreach", width, price(adamw(width), least)]), flush=True)
"""


def run(quick: bool) -> Table:
    """Measure every family at several widths."""
    widths, least = ([32], 0.0) if quick else ([32, 64, 128, 256], 0.1)
    argv = [sys.executable, "-c", SCRIPT, str(TOP), str(least), json.dumps(widths)]
    environment = {**os.environ, "AUTORESEARCH_DEVICE": "cpu", "AUTORESEARCH_THREADS": "1"}
    done = subprocess.run(
        argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    found: dict[str, list[float]] = {}
    for name, _, seconds in map(json.loads, done.stdout.splitlines()):
        found.setdefault(name, []).append(seconds)
    canvas = statistics.median(found.pop("default canvas"))
    rows = [Row("default canvas", f"{canvas:.1f}")]
    for name, seconds in sorted(found.items(), key=lambda item: -max(item[1])):
        dearest = max(seconds) / canvas
        measured = f"{min(seconds):.1f} to {max(seconds):.1f}, {dearest:.1f} of the canvas"
        rows.append(Row(name, measured, f"<= {FACTOR:g}", None if quick else dearest <= FACTOR))
    return Table(
        "charges: CPU seconds for a charged TFLOP",
        f"Forward and backward on one thread, widths {', '.join(map(str, widths))}; the goal is what a family may cost "
        "against the default canvas: less is charged too much, which no patch gains by.",
        rows,
    )
