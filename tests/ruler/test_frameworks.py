"""A canvas in any framework whose arrays NumPy can read is trained, sealed, scored and audited without torch."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

import prepare
from loop.text.canvas import framework, parse
from tests.ruler import arrays
from tests.ruler.scored import T, V, by_hand, score

from .conftest import ROOT


@pytest.fixture
def numpy_profile(ruler, monkeypatch):
    """The small ruler as a canvas in NumPy meets it, here and in every process started from here."""
    named = replace(prepare.profile(), framework="numpy")
    monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(named)))
    prepare.profile.cache_clear()
    yield named
    prepare.profile.cache_clear()


@pytest.fixture
def table(numpy_profile, tmp_path):
    """Write a run: a canvas in NumPy, and the table of random logits that the tests of torch have too."""

    def write(line="", dtype=np.float32):
        torch.manual_seed(1)
        weights = torch.randn(V, V).numpy().astype(dtype)
        (tmp_path / "train.py").write_text(arrays.canvas(line))
        prepare.write_arrays(tmp_path / "checkpoint.safetensors", {"table": weights})
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("line", "off"),
    [
        pytest.param("", 1e-6, id="float32"),
        pytest.param("logits = logits.astype(np.float64)", 1e-6, id="float64"),
        pytest.param("logits = logits + 1e4", 1e-3, id="large"),
        pytest.param("logits = logits.astype(np.float16)", 1e-3, id="float16"),
        pytest.param("logits = list(logits)", 1e-6, id="a list of rows"),
        pytest.param("if len(tokens) > 2: raise MemoryError", 1e-6, id="room for two rows"),
    ],
)
def test_a_known_model_has_the_score_computed_by_hand(ruler, table, line, off):
    answer = score(table(line))
    assert answer["val_bpb"] == pytest.approx(by_hand(ruler, prepare.VAL), abs=off), answer
    assert answer["largest_difference"] == 0.0
    assert answer["audited_rows"] == len(ruler.rows(prepare.VAL))


def test_two_processes_answer_as_one(ruler, table, monkeypatch):
    one = score(table())["val_bpb"]
    monkeypatch.setattr(prepare, "_side_by_side", lambda p: 2)
    assert score(table())["val_bpb"] == one


@pytest.mark.parametrize(("line", "kind"), arrays.ROGUES.values(), ids=arrays.ROGUES)
def test_a_rogue_canvas_gets_its_outcome_and_no_score(table, monkeypatch, line, kind):
    monkeypatch.setattr(prepare, "WHOLE_ROWS", 2)  # of all rows, the default's 25 would do
    answer = score(table(line))
    assert (answer["ok"], answer.get("kind")) == (False, kind), answer
    assert "val_bpb" not in answer


def test_nats_are_those_of_torch_for_every_type_of_logits():
    torch.manual_seed(0)
    logits, targets = 9 * torch.randn(2, 8, 32), torch.randint(32, (2, 8))
    for dtype in prepare.LOGIT_TYPES:
        given = logits.to(getattr(torch, dtype))
        bits = given.view(torch.uint16).numpy() if dtype == "bfloat16" else given.numpy()
        wanted = torch.nn.functional.cross_entropy(given.double().flatten(0, 1), targets.flatten(), reduction="none")
        nats = prepare.ARRAYS.nats(prepare.ARRAYS.copied(bits, dtype), targets.numpy())
        assert nats.dtype == np.float64
        assert np.allclose(nats.ravel(), wanted.numpy(), rtol=1e-6, atol=1e-6), dtype


@pytest.fixture
def alone(tiny, tmp_path):
    """Run a canvas where importing torch fails, with the sizes of `tiny`."""
    (tmp_path / "none" / "torch").mkdir(parents=True)
    (tmp_path / "none" / "torch" / "__init__.py").write_text("raise ImportError('torch is imported')")
    base = {"PYTHONPATH": os.pathsep.join((str(tmp_path / "none"), str(ROOT))), "AUTORESEARCH_BUDGET": "1280 tokens"}

    def run(text=arrays.COUNTS, **environment):
        (tmp_path / "train.py").write_text(text)
        named = prepare.declared(tmp_path / "train.py")
        base["AUTORESEARCH_PROFILE"] = json.dumps(asdict(replace(tiny, framework=named)))
        return subprocess.run(
            [sys.executable, "train.py"], cwd=tmp_path, env=os.environ | base | environment, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip

    return run


def test_a_run_and_its_score_need_no_torch(alone):
    done = alone()
    lines = dict(line.split(":") for line in done.stdout.splitlines()[1:])
    assert done.returncode == 0, done.stderr
    assert 1 < float(lines["val_bpb"]) < 9
    assert (lines["num_steps"].strip(), lines["mfu_percent"].strip()) == ("10", "unknown")


@pytest.mark.needs("jax")
def test_the_example_in_jax_learns_and_its_bfloat16_logits_are_read(alone):
    text = (ROOT / "examples" / "jax" / "train.py").read_text().replace("TOTAL_BATCH = 4096", "TOTAL_BATCH = 256")
    answer = '@ weights["unembed"]\n'
    scores = []
    for changed in (text, text.replace(answer, answer.replace("\n", ".astype(jnp.bfloat16)\n"))):
        done = alone(changed, AUTORESEARCH_BUDGET="26k tokens")
        assert done.returncode == 0, done.stderr
        scores.append(float(done.stdout.partition("val_bpb:")[2].split()[0]))
    assert scores[0] < 2.0 and scores[0] != scores[1] == pytest.approx(scores[0], abs=0.02)


def test_in_a_campaign_a_run_leaves_arrays_and_an_account_of_no_operations(alone, tmp_path):
    (tmp_path / "run").mkdir()
    done = alone(AUTORESEARCH_RUN=str(tmp_path / "run"))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["steps"], summary["tokens"], summary["params"]) == (10, 1280, 300 * 300), done.stderr
    assert (summary["flops"], summary["explained_cpu_s"]) == (None, None)
    assert set(prepare.read_arrays(tmp_path / "run" / "checkpoint.safetensors")) == {"table"}


def test_a_budget_of_operations_that_nothing_counts_is_refused(alone):
    done = alone(AUTORESEARCH_BUDGET="2 TFLOP")
    assert "budget '2 TFLOP': nothing counts the operations of numpy; write 350k tokens or 5m" in done.stderr


@pytest.mark.parametrize("used", [prepare.TORCH, prepare.ARRAYS])
def test_a_part_of_the_ruler_takes_no_attribute(used):
    with pytest.raises(AttributeError):
        used.weights = None


def test_arrays_are_no_weights_of_a_canvas_in_torch():
    with pytest.raises(prepare.Refusal, match=r'a torch module, not dict; a canvas in another .* FRAMEWORK = "mlx" at'):
        prepare.TORCH.weights({"table": np.ones(2)})


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        pytest.param("[1]", r"submit\(\) takes {name: array} in numpy, not list", id="no names"),
        pytest.param("{'a': ['x']}", "'a' is of type <U1, the ruler takes float32, float16", id="no numbers"),
    ],
)
def test_what_is_no_weights_is_refused(numpy_profile, weights, said):
    with pytest.raises(prepare.Refusal, match=said):
        prepare.ARRAYS.weights(eval(weights))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("import prepare\n", "torch", id="nothing"),
        pytest.param('import prepare\nFRAMEWORK = "mlx"  # Apple\n', "mlx", id="a name"),
        pytest.param('import prepare\nFRAMEWORK: Final = "mlx"\n', "mlx", id="annotated"),
        pytest.param('import prepare\nFRAMEWORK = ""\n', "torch", id="empty"),
        pytest.param('"""\nFRAMEWORK = "mlx"\n"""\n', "torch", id="in a docstring"),
        pytest.param('def f():\n    FRAMEWORK = "mlx"\n', "torch", id="in a function"),
        pytest.param('FRAMEWORK = "m" + "lx"\n', "torch", id="computed"),
        pytest.param('FRAMEWORK = "mlx"\ndef f(:\n', "torch", id="no Python"),
    ],
)
def test_a_canvas_names_its_framework_by_its_text(tmp_path, text, named):
    (tmp_path / "train.py").write_text(text)
    assert prepare.declared(tmp_path / "train.py") == framework(parse(text)) == named


def test_the_framework_that_a_campaign_measures_wins_over_what_a_patch_says(table, monkeypatch):
    """Else a patch could leave the counter of a budget behind by a word."""
    folder = table()
    monkeypatch.delenv("AUTORESEARCH_PROFILE")
    monkeypatch.setenv("AUTORESEARCH_FRAMEWORK", "torch")
    prepare.profile.cache_clear()
    assert prepare.profile().framework == "torch"
    assert score(folder)["detail"] == "the run wrote no checkpoint.pt; it must end with prepare.submit(model)"


def test_each_framework_has_a_comparison_key_and_a_budget_of_its_own(corpus, tmp_path, monkeypatch):
    monkeypatch.delenv("AUTORESEARCH_PROFILE", raising=False)
    told = []
    for named in ("torch", "numpy", "mlx"):
        base = {"AUTORESEARCH_CACHE": str(tmp_path / "cache"), "AUTORESEARCH_SOURCE": str(corpus)}
        environment = os.environ | base | {"AUTORESEARCH_FRAMEWORK": named, "AUTORESEARCH_BUDGET": "1m"}
        command = [sys.executable, str(ROOT / "prepare.py"), "--json"]
        told.append(json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=60).stdout))
    assert [facts["profile"]["framework"] for facts in told] == ["torch", "numpy", "mlx"]
    assert len({facts["comparison_key"] for facts in told}) == 3
    assert [facts["default_budget"] for facts in told][1:] == [prepare.UNCOUNTED_BUDGET] * 2


@pytest.mark.parametrize(
    ("device", "machine", "said"),
    [
        (
            "cuda",
            ("linux", "x86_64"),
            "device 'cuda': a canvas in jax is measured on cpu, this machine has no Apple GPU",
        ),
        ("mps", ("linux", "x86_64"), "device 'mps': .*; set AUTORESEARCH_DEVICE=cpu"),
        ("mps", ("darwin", "x86_64"), "device 'mps': .*; set AUTORESEARCH_DEVICE=cpu"),
        ("cuda", ("darwin", "arm64"), "device 'cuda': a canvas in jax is measured on cpu or mps"),
        ("mps", ("darwin", "arm64"), ""),
        ("cpu", ("linux", "x86_64"), ""),
    ],
)
def test_a_device_that_there_is_no_adapter_for_is_refused(monkeypatch, device, machine, said):
    for name, value in {"DEVICE": device, "FRAMEWORK": "jax"}.items():
        monkeypatch.setenv(f"AUTORESEARCH_{name}", value)
    monkeypatch.delenv("AUTORESEARCH_PROFILE", raising=False)
    monkeypatch.setattr(prepare.sys, "platform", machine[0])
    monkeypatch.setattr(prepare.platform, "machine", lambda: machine[1])
    monkeypatch.setattr(prepare, "_device_name", lambda where: "")
    prepare.profile.cache_clear()
    if said:
        with pytest.raises(prepare.Refusal, match=said):
            prepare.profile()
    else:
        assert prepare.profile().device == device
    prepare.profile.cache_clear()


def test_arrays_come_back_bit_for_bit(tmp_path):
    given = {
        "scalar": np.array(2.5, np.float32), "none": np.zeros((0, 3), np.int8), "flags": np.array([True, False, True]),
        "turned": np.arange(6, dtype=np.float16).reshape(2, 3).T, "é": np.arange(4, dtype=np.uint64),
    }  # fmt: skip
    prepare.write_arrays(tmp_path / "a", given)
    taken = prepare.read_arrays(tmp_path / "a")
    assert list(taken) == list(given)
    for name, array in given.items():
        assert (taken[name].dtype, taken[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(taken[name], array)


def test_bfloat16_is_read_as_the_same_numbers_in_float32(tmp_path):
    numbers = torch.tensor([1.0, -2.5, 3e38, 1e-40, float("inf")]).bfloat16()
    header = json.dumps({"x": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}}).encode()
    raw = numbers.view(torch.uint8).numpy().tobytes()
    (tmp_path / "a").write_bytes(len(header).to_bytes(8, "little") + header + raw)
    taken = prepare.read_arrays(tmp_path / "a")["x"]
    assert taken.dtype == np.float32 and taken.tolist() == numbers.float().tolist()


def test_cuts_fall_after_scored_tokens_and_some_rows_stay_whole():
    scored = np.zeros((64, T), np.int64)
    scored[:, [3, 40]] = 1
    exam = prepare.Exam(np.zeros((64, T + 1), np.int64), scored)
    cuts = prepare._cuts(exam, np.random.default_rng(0))[:, 0]
    assert (cuts == T).sum() == 64 / prepare.WHOLE_ROWS
    assert set(cuts[cuts < T]) == {4, 41}
