"""A run waits at the gate, trains, and ends with a checkpoint, a summary and the lines everybody knows."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

import prepare
from tests.ruler.arrays import COUNTS

from .conftest import ROOT

TRAIN = """
    import torch, prepare

    def build_model():
        torch.manual_seed(0)
        width = prepare.PROFILE.vocab
        return torch.nn.Sequential(torch.nn.Embedding(width, 8), torch.nn.Linear(8, width))

    def main():
        model, budget, batches = build_model(), prepare.Budget(), prepare.batches(4)
        while budget.remains():
            inputs, targets = next(batches)
            loss = torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            for weight, slope in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters()))):
                weight.data -= slope
            budget.spend(tokens=inputs.numel(), loss=loss.item())
        prepare.submit(model, depth=1)

    if __name__ == "__main__":
        main()
"""


@pytest.fixture
def train(tiny, tmp_path):
    """Starts a small train.py with the given environment."""
    (tmp_path / "train.py").write_text(textwrap.dedent(TRAIN))
    base = {"PYTHONPATH": str(ROOT), "AUTORESEARCH_BUDGET": "1280 tokens"}

    def start(pass_fds=(), **environment):
        return subprocess.Popen(
            [sys.executable, "train.py"], cwd=tmp_path, env=os.environ | base | environment, pass_fds=pass_fds,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def test_by_hand_a_run_prepares_trains_scores_and_prints_the_block(train):
    out, err = train().communicate(timeout=120)
    lines = dict(line.split(":") for line in out.splitlines()[1:])
    assert out.startswith("---\nval_bpb:          "), err
    assert list(lines) == [
        "val_bpb", "training_seconds", "total_seconds", "peak_vram_mb", "mfu_percent", "total_tokens_M", "num_steps",
        "num_params_M", "depth",
    ]  # fmt: skip
    assert 1 < float(lines["val_bpb"]) < 9
    assert (lines["num_steps"].strip(), lines["mfu_percent"].strip()) == ("10", "unknown")


def test_in_a_campaign_a_run_writes_its_folder_and_scores_nothing(train, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    out, err = train(AUTORESEARCH_RUN=str(run), AUTORESEARCH_SEED="3").communicate(timeout=60)
    assert "val_bpb" not in out, err
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint.pt", "progress.json", "summary.json"]
    summary = json.loads((run / "summary.json").read_text())
    assert {key: summary[key] for key in ("tokens", "steps", "seed", "mfu_percent", "params")} == {
        "tokens": 1280, "steps": 10, "seed": 3, "mfu_percent": None, "params": 300 * 17,
    }  # fmt: skip
    assert min(summary[key] for key in ("flops", "explained_cpu_s")) > 0
    assert set(torch.load(run / "checkpoint.pt", weights_only=True)) == {"0.weight", "1.weight", "1.bias"}


@pytest.mark.parametrize(
    ("opening", "trains"),
    [pytest.param(b"\n", True, id="a byte"), pytest.param(b"", False, id="the loop died")],
)
def test_a_run_trains_when_the_loop_opens_the_gate_and_not_when_it_is_gone(train, tmp_path, opening, trains):
    gate, opener = os.pipe()
    os.write(opener, opening)
    os.close(opener)
    process = train(pass_fds=(gate,), AUTORESEARCH_GATE_FD=str(gate), AUTORESEARCH_RUN=str(tmp_path))
    os.close(gate)
    out, err = process.communicate(timeout=60)
    assert ("num_steps" in out, process.returncode == 0) == (trains, trains)
    assert trains or "the loop is gone" in err


def test_the_gate_holds_until_it_is_opened(monkeypatch):
    gate, opener = os.pipe()
    monkeypatch.setenv("AUTORESEARCH_GATE_FD", str(gate))
    waiting = threading.Thread(target=prepare._wait_at_gate, daemon=True)
    waiting.start()
    waiting.join(timeout=0.3)
    assert waiting.is_alive()
    os.write(opener, b"\n")
    waiting.join(timeout=30)
    assert not waiting.is_alive()


def test_the_names_torch_compile_gives_are_undone(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    monkeypatch.setenv("AUTORESEARCH_BUDGET", "8 tokens")
    budget = prepare.Budget()
    assert budget.remains()
    budget.spend(tokens=8, loss=1.0)
    model = torch.nn.Sequential(torch.compile(torch.nn.Linear(2, 2)))
    prepare.submit(torch.compile(model))
    assert set(torch.load(tmp_path / "checkpoint.pt", weights_only=True)) == {"0.weight", "0.bias"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("while budget.remains():", "next(batches)\n        while budget.remains():", id="before"),
        pytest.param("prepare.submit(model", "next(batches)\n        prepare.submit(model", id="after"),
    ],
)
def test_in_a_campaign_no_row_is_handed_out_while_the_clock_does_not_run(train, tmp_path, old, new):
    (tmp_path / "train.py").write_text(textwrap.dedent(TRAIN.replace(old, new)))
    run = tmp_path / "run"
    run.mkdir()
    process = train(AUTORESEARCH_RUN=str(run))
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "the clock does not run" in err
    assert not (run / "checkpoint.pt").exists()


@pytest.fixture
def ready(tiny, tmp_path):
    return prepare.prepare_dataset(tiny, tmp_path / "cache")


@pytest.fixture
def channel(train, tmp_path, ready):
    """A run under the loop's channel: what it says, and how it went on after the answer that a test gives."""
    ours, theirs = socket.socketpair()
    (tmp_path / "run").mkdir()

    def start(text=TRAIN):
        (tmp_path / "train.py").write_text(textwrap.dedent(text))
        fd = theirs.fileno()
        process = train(pass_fds=(fd,), AUTORESEARCH_GATE_FD=str(fd), AUTORESEARCH_RUN=str(tmp_path / "run"))
        theirs.close()
        ours.sendall(b"go\n")
        return process, ours

    yield start
    ours.close()


def serve(ours, rows):
    """Be the loop from the start of the clock to the submission; return how many rows each request was for."""
    counts, lines, data = [], ours.makefile("rb"), rows.read_bytes()
    if lines.readline() != b"clock\n":
        return counts
    ours.sendall(b"go %d %d\n" % (len(data), rows.stat().st_mtime_ns))
    while (line := lines.readline()).startswith(b"rows "):
        counts.append(int(line[5:]))
        for number in np.frombuffer(lines.read(4 * counts[-1]), dtype=np.uint32).tolist():
            ours.sendall(data[66 * number : 66 * (number + 1)])
    assert line in (b"submit\n", b"")
    lines.close()
    return counts


def test_the_rows_come_through_the_channel_and_the_run_waits_for_its_end(channel, train, ready, tmp_path):
    process, ours = channel()
    rows = ready.folder / prepare.TRAIN
    hidden = rows.rename(rows.with_suffix(".hidden"))
    assert serve(ours, hidden) == [4] * 10, "none that the budget does not buy"
    assert (tmp_path / "run" / "checkpoint.pt").exists() and process.poll() is None
    ours.close()
    out, err = process.communicate(timeout=60)
    assert "num_steps:        10" in out, err
    hidden.rename(rows)
    (tmp_path / "other").mkdir()
    train(AUTORESEARCH_RUN=str(tmp_path / "other")).communicate(timeout=60)
    served, mapped = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("run", "other"))
    assert all(torch.equal(served[name], mapped[name]) for name in mapped), "the same rows"


CHANGES = {"prepare.Arrays.nats = 0": "nats", "prepare.time.monotonic = abs": "monotonic", "budget.steps = 9": "budget"}


@pytest.mark.parametrize(("change", "named"), [("pass", ""), *CHANGES.items()])
def test_in_another_framework_rows_come_and_the_ruler_stays(channel, tiny, ready, monkeypatch, change, named):
    monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(replace(tiny, framework="numpy"))))
    process, ours = channel(COUNTS.replace("        budget.spend", f"        {change}; budget.spend"))
    with contextlib.suppress(OSError):
        assert serve(ours, ready.folder / prepare.TRAIN) == [4] * 10 or named
    ours.close()
    _, err = process.communicate(timeout=60)
    assert (f"prepare.py was changed while it ran: {named}" in err) == bool(process.returncode) == bool(named), err


def test_loaders_share_the_channel(channel, ready):
    two = TRAIN.replace("prepare.batches(4)\n", "prepare.batches(4)\n        others = None\n").replace(
        "inputs, targets = next(batches)",
        "others = others or prepare.batches(3)\n"
        "            seen = [next(others)[0].shape, next(others)[0].shape, next(batches)[0].shape]\n"
        "            assert seen == [(3, 32), (3, 32), (4, 32)], seen\n"
        "            inputs, targets = next(batches)",
    )
    process, ours = channel(two)
    serve(ours, ready.folder / prepare.TRAIN)
    ours.close()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "num_steps:        3" in out, err


def test_other_rows_than_the_prepared_ones_are_refused(channel):
    process, ours = channel()
    assert ours.recv(64) == b"clock\n"
    ours.sendall(b"go 660 1\n")
    assert "train.bin is not what was prepared" in process.communicate(timeout=60)[1]


def test_a_run_whose_loop_dies_while_it_waits_for_rows_ends(channel, ready):
    process, ours = channel()
    assert ours.recv(64) == b"clock\n"
    rows = (ready.folder / prepare.TRAIN).stat()
    ours.sendall(b"go %d %d\n" % (rows.st_size, rows.st_mtime_ns))
    assert ours.recv(64).startswith(b"rows 4\n")
    ours.close()
    assert process.communicate(timeout=60)[1] and process.returncode


def test_a_run_whose_loop_dies_at_its_clock_ends(channel):
    process, ours = channel()
    ours.recv(64)
    ours.close()
    assert "the loop is gone" in process.communicate(timeout=60)[1] and process.returncode


REGISTRY = "from torch.utils.flop_counter import flop_registry as registry"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param("main()\n", "vars(prepare)['FLOP' + '_PER_BYTE'] = 0; main()\n", "FLOP_PER_BYTE", id="constant"),
        pytest.param("main()\n", "prepare.price = lambda *a: 0; main()\n", "price", id="function"),
        pytest.param("main()\n", "prepare.max = lambda *a: 0; main()\n", "max", id="builtin"),
        pytest.param("main()\n", "prepare._price.__defaults__ = (0,); main()\n", "_price", id="defaults"),
        pytest.param("main()\n", "prepare.DEAR['cumsum'] = 0; main()\n", "cumsum", id="price list"),
        pytest.param(
            "    import torch, prepare",
            "    import time; time.process_time = lambda: 0.0; import prepare, torch",
            "process_time",
            id="clock before",
        ),
        pytest.param(
            "main()\n",
            f"{REGISTRY}; registry.update(dict.fromkeys(registry, lambda *a, **k: 0)); main()\n",
            "aten.",
            id="formulas",
        ),
        pytest.param(
            "    import torch, prepare",
            f"    {REGISTRY}; registry.update(dict.fromkeys(registry, lambda *a, **k: 0)); import prepare, torch",
            "aten.",
            id="formulas before",
        ),
        pytest.param("main()\n", "prepare.time.monotonic = lambda: 0; main()\n", "monotonic", id="clock"),
        pytest.param(
            "main()\n",
            "prepare.os.environ['AUTORESEARCH_BUDGET'] = '2 tokens'; main()\n",
            "the environment",
            id="environment",
        ),
        pytest.param("main()\n", "prepare.Budget.share = 0.5; main()\n", "share", id="property"),
        pytest.param(
            "budget.spend", "vars(budget).update(handed_out=0); budget.spend", "budget.handed_out", id="account"
        ),
        pytest.param("budget.spend", "vars(budget.limit).update(amount=1e9); budget.spend", "budget.limit", id="limit"),
    ],
)
def test_a_ruler_that_its_canvas_changes_ends_the_run(channel, ready, tmp_path, old, new, named):
    head, _, tail = TRAIN.rpartition(old)
    process, ours = channel(head + new + tail)
    with contextlib.suppress(OSError):
        serve(ours, ready.folder / prepare.TRAIN)
    ours.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode and f"prepare.py was changed while it ran: {named}" in err, err
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
