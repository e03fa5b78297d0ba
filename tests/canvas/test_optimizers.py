"""Muon orthogonalises, AdamW is AdamW, and every weight has one optimizer."""

import pytest
import torch


@pytest.mark.parametrize("shape", [(64, 64), (256, 64), (64, 256)])
def test_polar_express_brings_singular_values_near_one_and_keeps_directions(canvas, shape):
    matrices = torch.randn(3, *shape)
    orthogonal = canvas.orthogonalize(matrices)
    u, sizes, vh = torch.linalg.svd(matrices, full_matrices=False)
    wide = sizes > 0.02 * sizes.amax(dim=-1, keepdim=True)
    found = torch.linalg.vecdot(u.mT, (orthogonal @ vh.mT).mT)
    assert orthogonal.shape == matrices.shape
    assert (found[wide] - 1).abs().max() < 0.15


def test_every_weight_belongs_to_exactly_one_optimizer(canvas, model):
    owned = [id(p) for optimizer in canvas.build_optimizers(model) for p in optimizer.params]
    assert sorted(owned) == sorted(id(p) for p in model.parameters())


def test_adamw_agrees_with_torch(canvas):
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4)) for _ in range(2))
    optimizer = canvas.AdamW([ours], lr=0.1, beta1=0.8, beta2=0.95, decay=0.3)
    reference = torch.optim.AdamW([theirs], lr=0.1, betas=(0.8, 0.95), eps=1e-10, weight_decay=0.3)
    for number in range(1, 6):
        for param in (ours, theirs):
            param.grad = torch.sin(param.detach() * number)
        optimizer.step(number, share=0.0, scale=1.0)
        reference.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8)])
def test_muon_keeps_the_size_of_the_update_whatever_the_gradients_scale(canvas, shape):
    gradient = torch.randn(*shape)
    moved = []
    for scale in (0.1, 1e3):
        weight = torch.nn.Parameter(torch.zeros(*shape))
        weight.grad = scale * gradient
        canvas.Muon([weight], lr=1.0, beta2=0.95, decay=0.0).step(1, share=0.0, scale=1.0)
        moved.append(weight.detach())
    assert torch.allclose(*moved, atol=1e-3)
    assert moved[0].norm() == pytest.approx((8 * max(1, shape[0] / shape[1])) ** 0.5, rel=0.1)


def test_cautious_decay_spares_weights_that_the_update_enlarges(canvas):
    weight = torch.tensor([[2.0, -2.0], [-2.0, -2.0]])
    zeros = [torch.zeros(1, *shape) for shape in ((2, 2), (2, 1))]
    step = canvas.muon_update
    plain, decayed = weight.clone()[None], weight.clone()[None]
    gradient = torch.tensor([[[1.0, 0.2], [0.2, -1.0]]])
    for weights, decay in ((plain, 0.0), (decayed, 0.1)):
        step(
            weights,
            gradient,
            *(z.clone() for z in zeros),
            torch.tensor(0.0),
            torch.tensor(1e-3),
            torch.tensor(decay),
            0.9,
        )
    shrinks = (weight - plain).sign() == weight.sign()
    assert shrinks.any() and not shrinks.all()
    assert torch.allclose(plain - decayed, 0.1 * weight * shrinks, atol=1e-6)


def test_the_compilers_warm_up_step_changes_neither_weights_nor_moments(canvas, model):
    optimizers = canvas.build_optimizers(model)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    assert canvas.warm_up(model, canvas.cross_entropy_sum, optimizers, step_rows=8, rows=4) == 4
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    moments = [
        m for o in optimizers for m in (sum(o.moments, ()) if isinstance(o, canvas.AdamW) else (o.momentum, o.second))
    ]
    assert all(not moment.any() for moment in moments)
    assert all(weight.grad is None for weight in model.parameters())
