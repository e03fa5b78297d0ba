"""Preflight: broken patches are found before a run is spent, and honest ones pass.

`BROKEN` is also what the benchmark counts: doomed runs saved.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

import pytest

from loop.record.types import Failure, FailureKind
from loop.runs.rehearsal import dry_run, read
from loop.text.canvas import changed_knobs, changed_lines, fingerprint
from loop.trust.preflight import Severity, check, failure

ROOT = Path(__file__).parents[3]
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


@pytest.mark.parametrize("patch", READ, ids=lambda p: p.name)
def test_a_doomed_or_forbidden_patch_is_found_in_its_text(patch: Patch) -> None:
    found = [f for f in check(patch.text, CANVAS) if f.severity is Severity.REFUSE]
    assert patch.finds in [f.rule for f in found]
    assert failure(found) is not None and all(f.line >= 1 and f.message for f in found)


@pytest.mark.parametrize("patch", (*HONEST, *RUN), ids=lambda p: p.name)
def test_an_honest_patch_has_no_finding(patch: Patch) -> None:
    assert check(patch.text, CANVAS) == []


def test_what_the_incumbent_does_is_not_the_patches_doing() -> None:
    own = 'import os\n\nseed = int(os.environ.get("AUTORESEARCH_SEED", "0"))\nprint(f"val_bpb: {seed:.6f}")\nX = 1\n'
    assert check(own.replace("X = 1", "X = 2"), own) == []
    faked = check(own.replace("{seed:.6f}", "{seed * 0.9:.6f}"), own)
    assert [f.rule for f in faked] == ["printed score"] and faked[0].line == 4
    assert {f.rule for f in check(own)} == {"environment", "printed score"}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import prepare as p\np.Budget.remains = lambda self: True", "ruler"),
        ("from prepare import TIME_BUDGET\nTIME_BUDGET = 600", "ruler"),
        ("from prepare import evaluate_bpb\ndef evaluate_bpb(*a):\n    return 0.5", "ruler"),
        ("import prepare\nsetattr(prepare, 'seed', int)", "ruler"),
        ("import prepare\nvars(prepare)['seed'] = int", "ruler"),
        ("import sys\nsys.modules['prepare'] = None", "ruler"),
        ("import prepare\nclass Mine(prepare.Budget):\n    pass", "budget"),
        ("import os\nos.environ.update({'AUTORESEARCH_SEED': '1'})", "environment"),
        ("import os\nos.environ.update(AUTORESEARCH_SEED='1')", "environment"),
        ("import sys\nsys.stdout.write('val_bpb: 0.1')", "printed score"),
        ("import pandas as pd\npd.read_parquet('data/shard_06542.parquet')", "held-out data"),
    ],
)  # fmt: skip
def test_each_way_to_tamper_that_the_text_shows_is_refused(line: str, rule: str) -> None:
    assert rule in [f.rule for f in check(f"x = 1\n{line}\n", "x = 1\n") if f.severity is Severity.REFUSE]


@pytest.mark.parametrize("line", ["import subprocess", "exec('x = 1')", "import prepare\nprepare.dataset()"])
def test_what_may_be_honest_is_only_a_warning(line: str) -> None:
    assert [f.severity for f in check(f"{line}\n", "")] == [Severity.WARN]


def test_the_check_takes_any_text() -> None:
    for text in ("", "\x00", "(" * 500, "x = 1\r\n", "\ufeffx = 1"):
        check(text, CANVAS)
    assert check("int main() {}", canvas="kernel.cu") == []


DEEP = [
    pytest.param("x = " + " + ".join(["1"] * 900), id="a sum"),
    pytest.param("X = " + " * ".join(["1"] * 900), id="a knob's product"),
    pytest.param("if 0:\n    pass\n" + "".join(f"elif {n}:\n    pass\n" for n in range(1, 260)), id="branches"),
    pytest.param("prepare.budget = " + " + ".join(["1"] * 900), id="a finding's own statement"),
    # Read where it is written in base 16; Python writes no number of more than 4,300 digits down in base 10.
    pytest.param("X = 0x" + "f" * 4000, id="a knob's digits"),
    pytest.param("prepare.budget = 0x" + "f" * 4000, id="a finding's digits"),
    pytest.param("def f(x=0x" + "f" * 4000 + "):\n    return x", id="a default's digits"),
]


@pytest.mark.parametrize("deep", DEEP)
def test_what_python_runs_is_not_too_deep_or_long_to_be_looked_at(deep: str) -> None:
    compile(deep, "train.py", "exec")
    deep = f"{CANVAS}{deep}\n"
    assert check(deep, deep) == check(deep.replace("DEPTH = 2", "DEPTH = 3"), deep) == []
    assert [f.rule for f in check(deep, CANVAS)] == ["ruler"] * deep.count("prepare.budget")
    assert [f.rule for f in check(deep.replace("prepare.submit(", "print("), deep)] == ["contract"]
    assert changed_knobs(CANVAS, deep) == {} and fingerprint(deep) and changed_lines(CANVAS, deep)


async def rehearse(folder: Path, text: str) -> Failure | None:
    """Return what a rehearsal of a canvas finds; the benchmark calls this too."""
    folder.mkdir(exist_ok=True)
    (folder / "prepare.py").write_bytes((ROOT / "prepare.py").read_bytes())
    (folder / "train.py").write_text(text)
    alone = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AUTORESEARCH_DEVICE": "cpu",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    where = {"folder": folder, "scratch": folder / "scratch"}
    return await dry_run(**where, canvas="train.py", python=sys.executable, environment=alone)


QUICK = ("misspelt name", "sees the future", "loss is NaN", "division by zero", "deeper")


@pytest.mark.parametrize("patch", [p for p in (*RUN, *HONEST) if p.name in QUICK], ids=lambda p: p.name)
async def test_a_rehearsal_finds_what_the_text_does_not_show(tmp_path: Path, patch: Patch) -> None:
    found = await rehearse(tmp_path, patch.text)
    if not patch.finds:
        assert found is None
    else:
        assert found is not None and found.kind == patch.finds and str(tmp_path) not in found.traceback
        assert found.line > 0 or found.kind is not FailureKind.OTHER


async def test_our_own_canvas_passes(tmp_path: Path) -> None:
    own = (ROOT / "train.py").read_text()
    assert check(own) == []
    assert await rehearse(tmp_path, own) is None


ESCAPES = """
import os, time
from pathlib import Path
child = os.fork()
if child == 0:
    os.setsid()
else:
    Path("pids.new").write_text(f"{os.getpid()} {child}")
    os.rename("pids.new", "pids")
time.sleep(1000)
"""


def rehearse_for(folder: Path, prepare: str, limit_s: float) -> Coroutine[None, None, Failure | None]:
    """Return a rehearsal that gets no further than this prepare.py."""
    (folder / "train.py").write_text("x = 1\n")
    (folder / "prepare.py").write_text(prepare)
    scratch = folder / "scratch"
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch / "home")}
    return dry_run(
        folder=folder,
        scratch=scratch,
        canvas="train.py",
        python=sys.executable,
        environment=environment,
        limit_s=limit_s,
    )


async def test_a_rehearsal_that_takes_too_long_tells_nothing(tmp_path: Path) -> None:
    assert await rehearse_for(tmp_path, "import time\ntime.sleep(1000)\n", limit_s=0.5) is None
    assert not (tmp_path / "scratch" / "home").exists()


async def test_a_rehearsal_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    rehearsal = asyncio.create_task(rehearse_for(tmp_path, ESCAPES, limit_s=300.0))
    async with asyncio.timeout(60):
        while not (tmp_path / "pids").exists():
            await asyncio.sleep(0.01)
    rehearsal.cancel()
    await asyncio.wait([rehearsal])
    for pid in (tmp_path / "pids").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.parametrize(
    ("verdict", "output", "code", "kind"),
    [
        ('["nan", "the loss is nan"]\n', "noise\n", 3, FailureKind.NAN),
        ("[]\n", "", 0, None),
        ("", "[]\nPREFLIGHT []\n", 0, FailureKind.NO_CHECKPOINT),
        ('["nan", "the lo', "", 0, FailureKind.NO_CHECKPOINT),
        ("", 'Traceback\n  File "/w/train.py", line 3, in f\n    x\nRuntimeError: no CUDA GPUs are there\n', 1, None),
        ("", 'Traceback\n  File "/w/train.py", line 3, in f\n    x\nRuntimeError: shapes\n', 1, FailureKind.OTHER),
        ("", 'Traceback\n  File "/w/prepare.py", line 3, in f\n    x\nKeyError: 1\n', 1, None),
        ('["made up", 3]\n', "", 3, None),
        ("3\n", "", 3, None),
        ("", "", -9, None),
    ],
)  # fmt: skip
def test_what_a_rehearsal_printed_is_read(verdict: str, output: str, code: int, kind: FailureKind | None) -> None:
    found = read(verdict, output, code, Path("/w"), "train.py")
    assert (found and found.kind) == kind


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("from torch.utils._python_dispatch import _disable_current_modes", "counter"),
        ("import torch\nwith torch._C._DisableTorchDispatch():\n    pass", "counter"),
        ("import torch\nwith torch.utils._python_dispatch._disable_current_modes():\n    pass", "counter"),
        ("import torch\noff = getattr(torch._C, '_DisableTorchDispatch')", "counter"),
        ("import torch\ntorch._C._len_torch_dispatch_stack()", "counter"),
        ("import gc\nfound = gc.get_referrers(x)", "prying"),
        ("import sys\nsys._getframe(1)", "prying"),
        ("import prepare\na = prepare.Budget()\nb = prepare.Budget()", "budget"),
        ("import prepare\na = prepare.Budget()\na.__init__()", "budget"),
        ("import prepare\ninside = prepare.__dict__", "ruler's inside"),
        ("import prepare\nsource = prepare.batches_on_the_fly(8)", "ruler's inside"),
    ],
)  # fmt: skip
def test_what_counts_the_work_is_left_alone(line: str, rule: str) -> None:
    assert rule in [f.rule for f in check(f"x = 1\n{line}\n", "x = 1\n") if f.severity is Severity.REFUSE]


@pytest.mark.parametrize("line", ["import gc\ngc.collect()", "import prepare\nbudget = prepare.Budget()"])
def test_what_looks_alike_is_honest(line: str) -> None:
    assert check(f"{line}\n", "x = 1\n") == []


def test_a_look_at_its_own_text_is_a_warning() -> None:
    assert [f.severity for f in check("text = open(__file__).read()\n", "")] == [Severity.WARN]
