"""Thousands of random histories: what a text lacks is counted by content, and a pull is whole."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from loop.text import lineage
from loop.text.holding import holding
from loop.text.lineage import Kept
from tests.server.histories import DEEDS, canvas, history

HISTORIES, BLOCKS = int(os.environ.get("AUTORESEARCH_HISTORIES", "5000")), 20


@pytest.mark.parametrize("block", range(BLOCKS))
def test_after_every_pull_the_buffer_holds_what_nobody_reverted_or_overwrote(block: int) -> None:
    done: Counter[str] = Counter()
    for number in range(block, HISTORIES, BLOCKS):
        try:
            done += history(number).done
        except AssertionError as error:
            raise AssertionError(f"history {number}: {error}") from error
    assert (
        done["refused"] < done["pull"] / 4
        and min(done[deed] for deed in (*DEEDS, "adopted", "undone after it was adopted")) > 0
    ), done


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_text_that_lags_behind_becomes_the_incumbent_wherever_lines_were_moved_to(block: int) -> None:
    known = 0
    for number in range(block, HISTORIES // 5, BLOCKS):
        chance = random.Random(number)
        texts = [canvas(number % 3)]
        for keep in range(1, 8):
            text = list(texts[-1])
            a, b = sorted(chance.sample(range(1, len(text)), 2))
            match chance.randrange(4):
                case 0:  # a block goes elsewhere
                    block_moved, text[a:b] = text[a:b], []
                    at = chance.randrange(1, len(text) + 1)
                    text[at:at] = block_moved
                case 1:
                    text[a : a + 2] = [f"x_{keep}_{n} = 1\n" for n in range(chance.randrange(4))]
                case 2:
                    text[a:a] = ["    return 1\n", "\n"][: chance.randint(1, 2)]
                case _:
                    text[a] = chance.choice(text)
            texts.append(text)
        line = lineage.extend(lineage.begin(texts[0]), list(enumerate(texts))[1:])
        for place, text in enumerate(texts):
            held = holding(Kept(line, tuple(map(str, range(len(texts))))), (), ["# mine\n", *text])
            assert (not held.missing) == (text == texts[-1]), (number, place)
            right = held.whole == ("# mine\n", *texts[-1]) and held.base == tuple(text) and not held.torn
            known += right and not held.changed
    assert known / (8 * len(range(block, HISTORIES // 5, BLOCKS))) > 0.995, "of texts whose lines say little"
