"""Preflight: broken patches are found before a run is spent, and honest ones pass."""

from __future__ import annotations

import pytest

from loop.text.canvas import fingerprint
from loop.text.patch import changed_knobs, changed_lines
from loop.trust.findings import Severity
from loop.trust.preflight import check, failure
from tests.loop.trust.patches import CANVAS, HONEST, READ, RUN, Patch


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


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param("x = 1\n", 'FRAMEWORK = "mlx"\n', "FRAMEWORK is mlx; the campaign measures", id="named"),
        pytest.param('FRAMEWORK = "mlx"\n', "x = 1\n", "FRAMEWORK is torch; the campaign measures", id="taken away"),
        pytest.param('FRAMEWORK = "mlx"\n', 'FRAMEWORK = "mlx"\nx = 1\n', "", id="kept"),
    ],
)
def test_a_patch_keeps_the_framework(before: str, after: str, found: str) -> None:
    refused = failure(check(after, before))
    assert (refused.message if refused else "").startswith(found) and (refused is None) == (found == "")


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


def test_what_the_incumbent_does_once_is_found_when_it_is_done_twice() -> None:
    own = 'print("val_bpb: 1")\n'
    assert check(own, own) == []
    assert [f.rule for f in check(own * 2, own)] == ["printed score"]
