"""Packing loses no token, splits only what must be split, and starts every row with BOS."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import prepare

BOS = 999
LENGTHS = st.lists(st.integers(0, 70), max_size=60)


def numbered(lengths):
    """Documents of the given lengths whose tokens are all different."""
    ends = np.cumsum([0, *lengths])
    return [np.arange(a, b, dtype=np.uint16) + 1000 for a, b in pairwise(ends)]


def rows_of(documents, context):
    blocks = list(prepare.pack(documents, context, BOS))
    return np.concatenate(blocks) if blocks else np.empty((0, context + 1), np.uint16)


@settings(deadline=None, max_examples=200)
@given(LENGTHS, st.integers(1, 40))
def test_every_token_is_in_the_rows_exactly_once_and_rows_start_with_bos(lengths, context):
    documents = numbered(lengths)
    rows = rows_of(documents, context)
    assert (rows[:, 0] == BOS).all()
    assert sorted(rows[rows != BOS]) == sorted(np.concatenate([*documents, np.empty(0, np.uint16)]))


@settings(deadline=None, max_examples=200)
@given(LENGTHS, st.integers(2, 40))
def test_between_two_bos_stands_a_run_of_one_document(lengths, context):
    for row in rows_of(numbered(lengths), context):
        inside = (row[:-1] != BOS) & (row[1:] != BOS)
        assert (np.diff(row.astype(int))[inside] == 1).all()


@settings(deadline=None, max_examples=200)
@given(LENGTHS, st.integers(2, 40))
def test_only_the_last_row_has_room_for_more(lengths, context):
    for row in rows_of(numbered(lengths), context)[:-1]:
        assert not (row[-2:] == BOS).all()


def test_the_best_fit_is_chosen():
    rows = rows_of(numbered([5, 3, 2, 4]), 8)
    assert [sorted((row != BOS).nonzero()[0].tolist()) for row in rows] == [
        [1, 2, 3, 4, 5, 7, 8],
        [1, 2, 3, 4, 6, 7, 8],
    ]


def test_packing_looks_ahead_a_bounded_number_of_pieces(monkeypatch):
    monkeypatch.setattr(prepare, "LOOKAHEAD", 4)
    read = []
    documents = (read.append(n) or np.full(3, n, np.uint16) for n in range(100))
    next(prepare.pack(documents, 8, BOS))
    assert len(read) == 5


def test_held_out_documents_are_dealt_evenly_until_there_are_enough():
    val, audit = prepare.deal(iter(numbered([10] * 50)), enough=95)
    assert (len(val), len(audit)) == (10, 10)
    assert not {int(d[0]) for d in val} & {int(d[0]) for d in audit}
