"""Tokens stand for exact bytes of the original text, whatever that text is."""

import json

import numpy as np
import pytest

import prepare

from .conftest import prose

TEXTS = [
    pytest.param(prose(3, 3000), id="characters of one to four bytes"),
    pytest.param("U+FFFD itself: \ufffd\ufffd", id="the replacement character"),
    pytest.param("🙂" * 50 + "\u0301" * 9 + "\x00\x7f", id="broken into bytes"),
    pytest.param("<|bos|> in a text is text", id="the special token spelt out"),
    pytest.param(" " * 1_000_000, id="a million blanks"),
    pytest.param("line\r\n" * 30_000, id="longer than a slice"),
]


@pytest.fixture(scope="module")
def tokenizer():
    return prepare.train_tokenizer([prose(1, 20_000)], 320)


@pytest.mark.parametrize("text", TEXTS)
def test_bytes_are_counted_exactly(tokenizer, text):
    (tokens,) = prepare.encode([text], prepare.open_tokenizer(tokenizer))
    assert prepare.token_bytes(tokenizer)[tokens].sum() == len(text.encode())
    assert prepare.open_tokenizer(tokenizer).decode(tokens.tolist()) == text
    assert tokenizer["bos"] not in tokens


def test_counting_decoded_tokens_would_be_wrong(tokenizer):
    (tokens,) = prepare.encode(["ß"], prepare.open_tokenizer(tokenizer))
    decoded = sum(len(prepare.open_tokenizer(tokenizer).decode([int(token)]).encode()) for token in tokens)
    assert (decoded, prepare.token_bytes(tokenizer)[tokens].sum()) == (6, 2)


def test_the_tokenizer_survives_json_and_is_learnt_alike_twice(tokenizer):
    again = json.loads(json.dumps(prepare.train_tokenizer([prose(1, 20_000)], 320)))
    assert again == tokenizer
    assert prepare.token_bytes(again)[tokenizer["bos"]] == 0


def test_a_small_corpus_leaves_ids_without_a_use(tokenizer):
    few = prepare.train_tokenizer(["aa"], 1000)
    assert (few["bos"], len(prepare.token_bytes(few)), len(few["tokens"])) == (999, 1000, 257)
    assert np.count_nonzero(prepare.token_bytes(few)) == 257


@pytest.mark.parametrize("text", ["", "a", "ab\ncd\n" * 5, "no line end at all", "\n\n\n\n\n\n\n\n"])
def test_slices_join_to_the_text_and_are_short(text):
    parts = list(prepare.slices(text, 7))
    assert "".join(parts) == text
    assert all(0 < len(part) <= 7 for part in parts)
