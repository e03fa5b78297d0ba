"""The loader gives one stream: whatever the batch, wherever it was packed, decided by the seed alone."""

from itertools import islice

import numpy as np
import pytest
import torch

import prepare
from bench.loader import on_the_fly


@pytest.fixture
def ready(tiny, tmp_path):
    return prepare.prepare_dataset(tiny, tmp_path / "cache")


def stream(batches, rows, seen=60):
    """The first `seen` rows of a loader, inputs and targets."""
    pairs = list(islice(batches, seen // rows))
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


@pytest.mark.parametrize("rows", [1, 2, 5, 30, 60])
def test_the_stream_is_the_same_whatever_the_batch(ready, rows):
    for one, other in zip(stream(prepare.batches(rows), rows), stream(prepare.batches(3), 3), strict=True):
        assert torch.equal(one, other)


def test_inputs_and_targets_are_a_row_apart_by_one(ready, tiny):
    inputs, targets = next(prepare.batches(4))
    assert inputs.shape == targets.shape == (4, tiny.context)
    assert inputs.dtype == targets.dtype == torch.int64
    assert inputs.is_contiguous() and targets.is_contiguous()
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert (inputs[:, 0] == tiny.vocab - 1).all()


def test_another_seed_gives_another_order(ready, monkeypatch):
    first = stream(prepare.batches(4), 4)[0]
    monkeypatch.setenv("AUTORESEARCH_SEED", "1")
    assert not torch.equal(first, stream(prepare.batches(4), 4)[0])


def test_every_epoch_shows_every_row_once_in_an_order_of_its_own(ready):
    rows = ready.rows(prepare.TRAIN)
    seen = stream(prepare.batches(1), 1, 2 * len(rows))[0].numpy().astype(np.uint16)
    epochs = seen[: len(rows)], seen[len(rows) :]
    assert not np.array_equal(*epochs)
    for epoch in epochs:
        assert sorted(row.tobytes() for row in epoch) == sorted(row[:-1].tobytes() for row in rows)


@pytest.mark.parametrize("rows", [1, 7])
def test_stored_rows_are_what_tokenizing_on_the_fly_gives(ready, rows):
    stored = ready.rows(prepare.TRAIN).astype(np.int64)
    count = 0
    for count, (inputs, targets) in enumerate(on_the_fly(rows), 1):
        block = stored[(count - 1) * rows : count * rows]
        assert np.array_equal(inputs, block[:, :-1]) and np.array_equal(targets, block[:, 1:])
    assert count == ready.manifest["train_rows"] // rows
