"""train_mlx.py learns like train.py, sees no later token, comes back bit for bit, and its score is sealed."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

import prepare

from .conftest import KNOBS, ROOT

pytestmark = pytest.mark.needs("mlx")


@pytest.fixture
def mlx_canvas(tiny, monkeypatch):
    """train_mlx.py with the small knobs of train.py's tests, and the profile that its FRAMEWORK asks for."""
    import train_mlx

    for name, value in KNOBS.items():
        monkeypatch.setattr(train_mlx, name, value)
    monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(replace(tiny, framework="mlx"))))
    prepare.profile.cache_clear()
    return train_mlx


def plain(weights):
    return {name: np.asarray(array) for name, array in weights.items()}


@pytest.fixture
def pair(canvas, model, mlx_canvas):
    """The two models with one set of random weights."""
    return model, mlx_canvas.build_model({name: value.numpy() for name, value in model.state_dict().items()})


def test_both_models_give_the_same_logits(pair, rows):
    model, other = pair
    with torch.no_grad():
        wanted = model(rows[0]).numpy()
    assert np.allclose(np.asarray(other(rows[0].numpy().astype(np.int32))), wanted, atol=2e-4)


def test_the_losses_of_steps_stay_near_those_of_torch(canvas, mlx_canvas, rows):
    import mlx.core as mx
    from mlx.utils import tree_flatten, tree_unflatten

    model = canvas.build_model()
    other = mlx_canvas.build_model({name: value.numpy() for name, value in model.state_dict().items()})
    weights = dict(tree_flatten(other.parameters()))
    pairs = canvas.build_optimizers(model), mlx_canvas.build_optimizers(weights)
    given = tuple(mx.array(part.numpy().astype(np.int32)) for part in rows)
    losses = []
    for number in range(1, 7):
        loss, _ = canvas.accumulate_gradients(model, canvas.cross_entropy_sum, *rows, 4)
        again, grads, _ = mlx_canvas.accumulate_gradients(other, *given, 4)
        for optimizer in pairs[0]:
            optimizer.step(number, share=number / 9, scale=0.5)
        for optimizer in pairs[1]:
            optimizer.step(weights, grads, number, number / 9, 0.5)
        model.zero_grad()
        other.update(tree_unflatten(list(weights.items())))
        losses.append((loss.item(), again))
    assert losses[-1][0] < losses[0][0] - 0.5, "it learns"
    assert all(abs(a - b) < 0.01 for a, b in losses), losses


@pytest.mark.parametrize("cut", [1, 9, 31])
def test_no_logit_depends_on_a_later_token(pair, rows, cut):
    tokens = rows[0].numpy().astype(np.int32)
    altered = tokens.copy()
    altered[:, cut:] = (altered[:, cut:] + 7) % 300
    before, after = (np.asarray(pair[1](given)) for given in (tokens, altered))
    assert np.array_equal(before[:, :cut], after[:, :cut]) and not np.array_equal(before[:, cut:], after[:, cut:])


def test_weights_come_back_bit_for_bit_and_mlx_reads_the_file_itself(pair, rows, mlx_canvas, tmp_path):
    import mlx.core as mx
    from mlx.utils import tree_flatten

    weights, tokens = dict(tree_flatten(pair[1].parameters())), rows[0].numpy().astype(np.int32)
    prepare.write_arrays(tmp_path / "w.safetensors", prepare.ARRAYS.weights(weights)[0])
    again = mlx_canvas.build_model(prepare.read_arrays(tmp_path / "w.safetensors"))
    assert np.array_equal(np.asarray(again(tokens)), np.asarray(pair[1](tokens)))
    read = plain(mx.load(str(tmp_path / "w.safetensors")))
    assert read.keys() == weights.keys() and all(np.array_equal(read[name], weights[name]) for name in read)


def test_when_memory_runs_out_fewer_rows_at_a_time_give_the_same_gradients(pair, rows, mlx_canvas, monkeypatch, capsys):
    import mlx.core as mx

    given = tuple(mx.array(part.numpy().astype(np.int32)) for part in rows)
    loss, whole, _ = mlx_canvas.accumulate_gradients(pair[1], *given, 8)
    honest = mlx_canvas.cross_entropy_sum

    def short_of_memory(model, inputs, targets):
        if len(inputs) > 2:
            raise RuntimeError("[metal::malloc] Attempting to allocate 9 bytes which is greater than the maximum")
        return honest(model, inputs, targets)

    monkeypatch.setattr(mlx_canvas, "cross_entropy_sum", short_of_memory)
    again, parts, fitted = mlx_canvas.accumulate_gradients(pair[1], *given, 8)
    assert fitted == 2 and again == pytest.approx(loss, rel=1e-5)
    assert all(np.allclose(parts[name], whole[name], rtol=1e-3, atol=1e-6) for name in whole)
    assert "out of memory: 2 rows at a time from here on" in capsys.readouterr().out


def train(canvas, monkeypatch, folder):
    """Train in this process for 6 steps; return the checkpoint."""
    folder.mkdir()
    monkeypatch.setenv("AUTORESEARCH_RUN", str(folder))
    monkeypatch.setenv("AUTORESEARCH_BUDGET", "1500 tokens")
    monkeypatch.setattr(prepare.Budget, "latest", None)
    canvas.main()
    return prepare.read_arrays(folder / "checkpoint.safetensors")


def test_two_runs_of_one_seed_agree_and_their_score_is_sealed(mlx_canvas, monkeypatch, tmp_path):
    first, second = (train(mlx_canvas, monkeypatch, tmp_path / name) for name in "ab")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    monkeypatch.delenv("AUTORESEARCH_RUN")
    (tmp_path / "train.py").write_text(small(ROOT / "train_mlx.py"))
    answer = prepare.score(tmp_path / "a", tmp_path / "train.py", "val", [])
    assert answer["ok"] and answer["largest_difference"] == 0.0, answer
    assert 1 < answer["val_bpb"] < answer["uniform_bpb"]


def small(path):
    """Return the text of a canvas with the small knobs."""
    lines = path.read_text().splitlines()
    for name, value in KNOBS.items():
        (at,) = [i for i, line in enumerate(lines) if line.startswith(f"{name} = ")]
        lines[at] = f"{name} = {value!r}"
    return "\n".join(lines)
