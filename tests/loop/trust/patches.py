"""A small canvas with the contract of train.py, and patches of it: broken ones and honest ones.

The benchmark counts how many of `BROKEN` are found before a run is spent.
"""

from __future__ import annotations

from dataclasses import dataclass

CANVAS = '''"""A small canvas with the contract of train.py."""

import math
import time

import torch
import torch.nn.functional as F
from torch import nn

import prepare

# Model
DEPTH = 2
HEADS = 2
HEAD_DIM = 16
LR = 0.003


def build_model():
    return GPT(prepare.PROFILE.vocab, prepare.PROFILE.context)


class GPT(nn.Module):
    def __init__(self, vocab, context):
        super().__init__()
        width = HEADS * HEAD_DIM
        self.embed = nn.Embedding(vocab, width)
        self.place = nn.Parameter(torch.zeros(context, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(DEPTH))
        self.unembed = nn.Linear(width, vocab, bias=False)

    def forward(self, tokens):
        x = self.embed(tokens) + self.place[: tokens.size(1)]
        for block in self.blocks:
            x = block(x)
        return self.unembed(x)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)

    def forward(self, x):
        parts = self.mix(x).view(*x.shape[:2], 3, HEADS, HEAD_DIM).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, is_causal=True)
        return x + self.out(mixed.transpose(1, 2).flatten(2))


def main():
    torch.manual_seed(prepare.seed())
    model = build_model().to(prepare.device())
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    batches = prepare.batches(8)
    budget = prepare.Budget()
    start, steps = time.perf_counter(), 0
    while budget.remains():
        inputs, targets = next(batches)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 - budget.share)
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
        budget.spend(tokens=inputs.numel(), loss=loss.item())
    print(f"{steps} steps in {time.perf_counter() - start:.1f} s")
    prepare.submit(model, depth=DEPTH)


if __name__ == "__main__":
    main()
'''


@dataclass(frozen=True)
class Patch:
    """One patch of the canvas; `finds` is the rule that its text breaks, or the kind of its rehearsal's failure."""

    name: str
    old: str
    new: str
    finds: str

    @property
    def text(self) -> str:
        assert CANVAS.count(self.old) == 1, self.name
        return CANVAS.replace(self.old, self.new)


LOOP = "    budget = prepare.Budget()\n"
READ = (  # found in the text
    Patch("unclosed bracket", "LR = 0.003", "LR = (0.003", "syntax"),
    Patch("wrong indentation", "    model = build_model()", "  model = build_model()", "syntax"),
    Patch("return outside", "# Model\n", "return\n", "syntax"),
    Patch("a merge mark", "# Model\n", "<<<<<<< SEARCH\n", "syntax"),
    Patch("seed only", "manual_seed(prepare.seed())", "manual_seed(137)", "seed"),
    Patch("seed shifted", "manual_seed(prepare.seed())", "manual_seed(prepare.seed() + 1)", "seed"),
    Patch("more budget", LOOP, f"    prepare.Budget.remains = bool\n{LOOP}", "ruler"),
    Patch("own clock", LOOP, f"    time.monotonic = lambda: 0.0\n{LOOP}", "clock"),
    Patch("budget's inside", LOOP, f"{LOOP}    budget.flop = 0\n", "budget"),
    Patch("environment", "import math\n", 'import os\nos.environ["AUTORESEARCH_BUDGET"] = "9h"\n', "environment"),
    Patch("validation rows", "# Model\n", 'rows = open("/cache/sealed/val.bin", "rb")\n', "held-out data"),
    Patch("printed score", LOOP, f'    print("val_bpb: 0.1")\n{LOOP}', "printed score"),
    Patch("ruler's inside", "# Model\n", "held = prepare.VAL\n", "ruler's inside"),
    Patch("no submit", "    prepare.submit(model, depth=DEPTH)\n", "", "contract"),
    Patch("nothing runs", 'if __name__ == "__main__":\n    main()\n', "", "contract"),
    Patch("no build_model", "def build_model(", "def make_model(", "contract"),
)
RUN = (  # found by two steps on a tiny batch
    Patch("misspelt name", "width = HEADS * HEAD_DIM", "width = HEADS * HEADDIM", "other"),
    Patch("odd head", "Block(width) for", "Block(width + 1) for", "other"),
    Patch("shapes", "mixed.transpose(1, 2).flatten(2)", "mixed.flatten(2)", "other"),
    Patch("missing package", "import math\n", "import flash_attn_9\n", "import"),
    Patch("wrong argument", "SGD(model.parameters(), lr=LR)", "SGD(model.parameters(), rate=LR)", "other"),
    Patch("unmet assertion", "    batches = ", "    assert DEPTH % 3 == 0\n    batches = ", "assertion"),
    Patch("sees the future", ", is_causal=True", "", "non_causal"),
    Patch("loss is NaN", "return self.unembed(x)", 'return self.unembed(x) * float("nan")', "nan"),
    Patch("diverges at once", "= LR * (1", "= 1e30 * (1", "nan"),
    Patch("wrong output", "return self.unembed(x)", "return self.unembed(x), x", "other"),
    Patch(
        "half a vocabulary", "nn.Linear(width, vocab, bias=False)", "nn.Linear(width, vocab // 2, bias=False)", "other"
    ),
    Patch("division by zero", "* (1 - budget.share)", "/ budget.share", "other"),
    Patch("an in-place edit", "            x = block(x)", "            x += block(x).exp_().mul_(x)", "other"),
    Patch("another model is submitted", "prepare.submit(model,", "prepare.submit(model.blocks,", "no_checkpoint"),
)
HONEST = (
    Patch("deeper", "DEPTH = 2", "DEPTH = 3", ""),
    Patch("a schedule", "(1 - budget.share)", "(1 - budget.share) ** 2", ""),
    Patch(
        "a spare parameter",
        "        self.out = ",
        "        self.spare = nn.Parameter(torch.ones(1))\n        self.out = ",
        "",
    ),
    Patch("a local name", LOOP, f"    seed = 1\n{LOOP}", ""),
    Patch("a comment of val.bin", "# Model\n", "# never val.bin\n", ""),
    Patch("one more import", "import math\n", "import math\nimport itertools\n", ""),
)
BROKEN = (*READ, *RUN)
