"""Edits: replies as models really write them, and nothing but the searched lines ever changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.proposers.edits import EditError, edit
from loop.proposers.replies import read

CANVAS = "train.py"
TEXT = """import torch

DEPTH = 2  # layers
LR = 0.04  # Muon


class Block:
    def forward(self, x):
        x = x + 1
        return x


class Head:
    def forward(self, x):
        return x
"""


def block(search: str, replace: str, file: str = "train.py\n") -> str:
    return f"{file}```python\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n```\n"


DEEPER = TEXT.replace("DEPTH = 2", "DEPTH = 3")
GOOD = block("DEPTH = 2  # layers", "DEPTH = 3  # layers")

READABLE = {
    "plain": GOOD,
    "labels and prose around": f"HYPOTHESIS: deeper is better\nEXPECTED: -0.01\n\nSure!\n\n{GOOD}\nThat is all.",
    "four backticks": GOOD.replace("```", "````"),
    "no fence": GOOD.replace("```python\n", "").replace("```\n", ""),
    "no file named": block("DEPTH = 2  # layers", "DEPTH = 3  # layers", file=""),
    "file inside the fence": "```python\ntrain.py\n" + GOOD.partition("```python\n")[2],
    "file behind the language": GOOD.replace("train.py\n", "", 1).replace("```python", "```python train.py"),
    "decorated file": GOOD.replace("train.py", "### **`./train.py`**:", 1),
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "trailing spaces": GOOD.replace("# layers\n=", "# layers   \n="),
    "wide markers": GOOD.replace("<<<<<<<", "<<<<<<<<<").replace(">>>>>>>", ">>>>>>>>>"),
    "no final newline": GOOD.rstrip("\n").removesuffix("```"),
    "thoughts before": f"<think>{block('import torch', 'import os')}</think>{GOOD}",
    "thoughts without a beginning": f"{block('import torch', 'import os')}\n</think>\n\n{GOOD}",
    "thoughts without a beginning, on one line": f"DEPTH, then.\n{block('import torch', 'import os')}</think>{GOOD}",
    "an end without thoughts": f"{GOOD}\n</think>\n",
    "whole file": f"Here it is:\n```python\n{DEEPER}```",
    "whole file, no newline at its end": f"```python\n{DEEPER.rstrip()}\n```",
}


@pytest.mark.parametrize("answer", READABLE.values(), ids=READABLE)
def test_a_reply_is_read_however_it_is_dressed(answer: str) -> None:
    assert edit(TEXT, CANVAS, answer).text == DEEPER


def test_the_words_of_a_reply_are_read() -> None:
    reply = read(
        f"**Hypothesis:** one more\nlayer pays\n\nEXPECTED: -0.01 bpb\nCITES: Ideas; - Keep it small\n\n{GOOD}"
    )
    assert (reply.hypothesis, reply.expected) == ("one more layer pays", "-0.01 bpb")
    assert reply.cites == ("Ideas", "Keep it small")
    assert read(f"I make it deeper.\n\nMore.\n{GOOD}").hypothesis == "I make it deeper."


def test_several_blocks_apply_in_their_order_and_may_delete() -> None:
    answer = GOOD + block("LR = 0.04  # Muon\n", "", file="") + block("DEPTH = 3  # layers", "DEPTH = 4", file="")
    assert edit(TEXT, CANVAS, answer).text == TEXT.replace(
        "DEPTH = 2  # layers\nLR = 0.04  # Muon\n\n", "DEPTH = 4\n\n"
    )


def test_a_search_with_another_indentation_fits_once_and_is_moved() -> None:
    answer = block("x = x + 1\nreturn x", "x = x + 2\nif x:\n    x = 0\nreturn x")
    body = "        x = x + 2\n        if x:\n            x = 0\n        return x\n"
    assert edit(TEXT, CANVAS, answer).text == TEXT.replace("        x = x + 1\n        return x\n", body)


def test_line_ends_of_the_file_are_kept() -> None:
    windows = TEXT.replace("\n", "\r\n")
    assert edit(windows, CANVAS, GOOD).text == DEEPER.replace("\n", "\r\n")
    assert edit(
        TEXT.rstrip("\n"),
        CANVAS,
        block("        return x", "        return 1", "").replace(
            "SEARCH\n", "SEARCH\nclass Head:\n    def forward(self, x):\n"
        ),
    ).text.endswith("        return 1")


def test_an_empty_search_fills_an_empty_file() -> None:
    assert edit("", CANVAS, block("", "x = 1")).text == "x = 1\n"


MISFITS = {
    "another file": (block("a", "b", file="prepare.py\n"), "only train.py may be changed"),
    "a file of that name elsewhere": (GOOD.replace("train.py", "other/train.py", 1), "it edits other/train.py"),
    "no place": (block("DEPTH = 9  # layers", "DEPTH = 3"), "    3 | DEPTH = 2  # layers"),
    "a comment left out": (block("LR = 0.04", "LR = 0.08"), "    4 | LR = 0.04  # Muon"),
    "nothing like it": (block("zzz", "y"), "no line of the file is like"),
    "two places": (block("    def forward(self, x):", "    def forward(self, y):"), "fits 2 places (lines 8, 14)"),
    "indented like two places": (block("def forward(self, x):", "def f(self):"), "fits 2 places"),
    "empty search": (block("", "x = 1"), "fits only an empty file"),
    "done already": (block("LR = 1", "LR = 0.04  # Muon"), "REPLACE lines are in the file already"),
    "no change": (block("LR = 0.04  # Muon", "LR = 0.04  # Muon"), "changes nothing"),
    "prose": ("I would rather not.", "There is no edit"),
    "nothing": ("", "There is no edit"),
    "part of a file": ("```python\nDEPTH = 3\n```", "not the whole of train.py"),
    "a file with holes": (f"```\n{DEEPER[:200]}# ... rest unchanged\n```", "not the whole of train.py"),
    "cut": (GOOD[: GOOD.index("=======") + 15], "no end line"),
    "cut before the divider": ("<<<<<<< SEARCH\nDEPTH", "no end line"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "finding"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_apply_goes_back_with_the_finding(answer: str, finding: str) -> None:
    with pytest.raises(EditError) as caught:
        edit(TEXT, CANVAS, answer)
    assert finding in str(caught.value)
    assert caught.value.partial == TEXT


def test_what_applied_stays_and_may_come_again() -> None:
    with pytest.raises(EditError) as caught:
        edit(TEXT, CANVAS, GOOD + block("LR = 1", "LR = 0.08  # Muon"))
    assert "Block 2 was not applied" in str(caught.value) and "1 block(s) did apply" in str(caught.value)
    again = GOOD + block("LR = 0.04  # Muon", "LR = 0.08  # Muon")
    wanted = DEEPER.replace("0.04", "0.08")
    assert edit(TEXT, CANVAS, again, caught.value).text == wanted
    assert edit(TEXT, CANVAS, block("LR = 0.04  # Muon", "LR = 0.08  # Muon"), caught.value).text == wanted


line = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=12)
pieces = st.sampled_from(
    ["<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "```\n", "````python\n", "train.py\n", 
     "DEPTH = 2  # layers\n",     "HYPOTHESIS: x\n", "CITES:", "\r\n", "    x = x + 1\n", "<think>", "…", "\n"]
)  # fmt: skip


@given(st.lists(pieces | st.text(max_size=20), max_size=12).map("".join), st.sampled_from([TEXT, "", "a\r\nb", "\n\n"]))
def test_no_reply_raises_anything_but_an_edit_error(answer: str, text: str) -> None:
    try:
        edit(text, CANVAS, answer)
    except EditError as error:
        assert str(error)


@given(st.lists(line, min_size=1, max_size=8), st.data(), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_no_byte_outside_the_searched_lines_changes(
    lines: list[str], data: st.DataObject, end: str, last: bool
) -> None:
    lines = [f"{text}#{n}" for n, text in enumerate(lines)]  # every line is unlike any other
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    new = [f"new {text}" for text in data.draw(st.lists(line, max_size=3))]
    last = last or len(lines) == 1  # one line without an end does not tell what ends are like here
    text = end.join(lines) + (end if last else "")
    search, replace = "\n".join(lines[start:stop]), "".join(f"{n}\n" for n in new)
    answer = f"<<<<<<< SEARCH\n{search}\n=======\n{replace}>>>>>>> REPLACE\n"
    before, after = (
        "".join(x + end for x in lines[:start]),
        "".join(end + x for x in lines[stop:]) + (end if last else ""),
    )
    edited = edit(text, CANVAS, answer).text
    if new:
        assert edited == before + end.join(new) + after
