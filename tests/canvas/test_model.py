"""The model predicts each token from the ones before it, within its windows, and begins knowing nothing."""

import math

import pytest
import torch
import torch.nn.functional as F


def test_logits_have_one_row_for_each_position(model, rows):
    logits = model(rows[0])
    assert logits.shape == (8, 32, 300)
    assert logits.dtype == torch.float32
    assert model(rows[0][:, :5]).shape == (8, 5, 300)


def test_the_loss_begins_at_that_of_the_uniform_model(canvas, rows):
    loss = canvas.cross_entropy_sum(canvas.build_model(), *rows) / rows[1].numel()
    assert loss.item() == pytest.approx(math.log(300), abs=0.01)


def test_no_logit_passes_the_softcap(canvas, model, rows):
    torch.nn.init.normal_(model.unembed.weight, std=100)
    assert canvas.SOFTCAP * 0.99 < model(rows[0]).abs().max() <= canvas.SOFTCAP


@pytest.mark.parametrize("position", [1, 9, 31])
def test_later_tokens_do_not_change_earlier_logits(model, rows, position):
    inputs = rows[0]
    altered = torch.cat((inputs[:, :position], (inputs[:, position:] + 1) % 300), dim=1)
    before, after = model(inputs), model(altered)
    assert torch.allclose(before[:, :position], after[:, :position], atol=1e-5)
    assert not torch.allclose(before[:, position], after[:, position], atol=1e-2)


def test_a_short_window_reaches_exactly_that_far_back(model):
    attention = model.blocks[0].attention
    x, tokens = torch.randn(1, 32, 32), torch.zeros(1, 32, dtype=torch.int64)
    altered = x.clone()
    altered[:, 10] += 1
    change = (attention(x, tokens, model.rotary) - attention(altered, tokens, model.rotary)).abs().amax((0, 2))
    assert attention.window == 8
    assert [t for t in range(32) if change[t] > 1e-5] == list(range(10, 18))


def test_the_last_layer_sees_the_whole_row(model):
    assert [block.attention.window for block in model.blocks] == [8, 8, 32]


def test_positions_are_told_apart_by_their_distance_alone(canvas):
    table = canvas.rotary_table(32)
    query, key = torch.randn(2, 1, 1, 2, 16).unbind()
    at = [canvas.rotate(x.expand(1, 32, 2, 16), table) for x in (query, key)]
    score = torch.einsum("bqhd,bkhd->hqk", *at)
    assert torch.allclose(score[:, 3, 1], score[:, 30, 28], atol=1e-4)
    assert not torch.allclose(score[:, 3, 1], score[:, 3, 2], atol=1e-2)


@pytest.mark.parametrize(("every", "layers"), [(0, []), (1, [0, 1, 2]), (2, [0, 2]), (5, [2])])
def test_value_embeddings_are_counted_from_the_last_layer(canvas, monkeypatch, every, layers):
    monkeypatch.setattr(canvas, "VALUE_EMBED_EVERY", every)
    blocks = canvas.build_model().blocks
    assert [n for n, block in enumerate(blocks) if block.attention.value_embed is not None] == layers


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_computes_the_same_windows(canvas, model, rows, monkeypatch):
    with torch.no_grad():
        masked = model(rows[0])
        canvas.use_flex_attention(model)
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        monkeypatch.setattr(F, "scaled_dot_product_attention", only_the_last_layer(F.scaled_dot_product_attention))
        assert torch.allclose(model(rows[0]), masked, atol=1e-4)
    assert [block.attention.visible_blocks is None for block in model.blocks] == [False, False, True]


def only_the_last_layer(attention):
    """Return the attention that may be called once."""
    calls = iter([attention])
    return lambda *args, **kwargs: next(calls)(*args, **kwargs)


def test_attention_that_is_not_compiled_is_never_flex(canvas, model, rows, monkeypatch):
    masked = model(rows[0])
    canvas.use_flex_attention(model)
    monkeypatch.setattr(canvas, "flex_attention", None)  # eager, it would hold the scores of every pair of tokens
    assert torch.equal(model(rows[0]), masked)


def test_the_checkpoint_holds_weights_only(model):
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
