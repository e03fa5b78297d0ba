"""What a patch smuggles in as data is found wherever it stands, and honest code has room."""

from __future__ import annotations

import ast
import base64
import random
import textwrap
from pathlib import Path

import pytest

from loop.trust.findings import Severity
from loop.trust.preflight import check
from loop.trust.smuggling import DATA, LARGEST, NEW, REMARKS, smuggled

ROOT = Path(__file__).parents[3]
OWN = (ROOT / "train.py").read_text(encoding="utf-8")
DICE = random.Random(0)
BYTES = DICE.randbytes(12_000)
TEXT = base64.b64encode(BYTES).decode()
FLOATS = [DICE.gauss(0, 1) for _ in range(1500)]
SMUGGLED = {
    "one string": f"X = '{TEXT}'\n",
    "one bytes literal": f"X = {BYTES[:4000]!r}\n",
    "a raw string over several lines": f'X = """{textwrap.fill(TEXT, 100)}"""\n',
    "a huge number": f"X = 0x{BYTES.hex()}\n",
    "a list": f"X = {list(BYTES)}\n",
    "a tuple of floats": f"X = {tuple(FLOATS)}\n",
    "a set": f"X = {set(FLOATS)}\n",
    "a dict": f"X = {dict(enumerate(FLOATS))}\n",
    "lists in lists": f"X = {[list(BYTES[n : n + 50]) for n in range(0, 6000, 50)]}\n",
    "an implicit concatenation": "X = (\n" + "".join(f"    '{part}'\n" for part in textwrap.wrap(TEXT, 100)) + ")\n",
    "a sum": "X = " + " + ".join(f"'{part}'" for part in textwrap.wrap(TEXT, 100)) + "\n",
    "many assignments": "".join(f"X{n} = {value}\n" for n, value in enumerate(FLOATS)),
    "many strings": "".join(f"X{n} = '{part}'\n" for n, part in enumerate(textwrap.wrap(TEXT, 60))),
    "many calls": "X = []\n" + "".join(f"X.append({value})\n" for value in FLOATS),
    "default arguments": f"def f({', '.join(f'a{n}={value}' for n, value in enumerate(FLOATS[:250]))}):\n    pass\n",
    "default arguments of many": "".join(f"def f{n}(a={value}):\n    pass\n" for n, value in enumerate(FLOATS)),
    "f-strings": "".join(f"X{n} = f'{part}{{0}}'\n" for n, part in enumerate(textwrap.wrap(TEXT, 60))),
    "comments": "".join(f"# {part}\n" for part in textwrap.wrap(TEXT, 100)),
    "a docstring": f'def f():\n    """{textwrap.fill(TEXT, 100)}"""\n',
    "strings that are statements": "".join(f"'{part}'\n" for part in textwrap.wrap(TEXT, 100)),
    "names": "".join(f"x{part} = 0\n" for part in textwrap.wrap(BYTES.hex(), 60)),
    "attributes": "".join(f"self.x{part}\n" for part in textwrap.wrap(BYTES.hex(), 60)),
    "annotations": "".join(f"X: '{part}'\n" for part in textwrap.wrap(TEXT, 60)),
    "blanks at line ends": "".join(
        "pass" + format(byte, "08b").replace("0", " ").replace("1", "\t") * 4 + "\n" for byte in BYTES[:1500]
    ),
    "blanks in a line": "".join(f"X{' ' * (1 + byte % 40)}={' ' * (1 + byte // 40)}0\n" for byte in BYTES),
    "dictionary keys": f"X = dict({', '.join(f'k{part}=0' for part in textwrap.wrap(BYTES.hex(), 40)[:400])})\n",
    "type comments": "".join(f"X = 0  # type: {part}\n" for part in textwrap.wrap(TEXT, 60)),
    "signs": "X = [" + ", ".join("-1" if bit == "0" else "+1" for bit in f"{int.from_bytes(BYTES[:3000]):b}") + "]\n",
    "which names are used": "".join(f"X.append({'ab'[int(bit)]})\n" for bit in f"{int.from_bytes(BYTES[:800]):b}"),
    "code that differs": "".join(
        f"def f{n}(x):\n    return x {'+-*/'[b % 4]} x {'+-*/'[b // 64]} x\n" for n, b in enumerate(BYTES)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SMUGGLED)
def test_data_is_found_wherever_it_stands(name: str) -> None:
    text = OWN + SMUGGLED[name]
    ast.parse(text)
    found = smuggled(text, OWN)
    assert found is not None and "bytes" in found.message and 1 <= found.line <= text.count("\n") + 1


def test_the_check_refuses_it_with_the_reason() -> None:
    found = check(OWN + SMUGGLED["a list"], OWN, baseline=OWN)
    assert [(f.rule, f.severity) for f in found] == [("data", Severity.REFUSE)]
    assert check(OWN + SMUGGLED["a list"], OWN) == []  # of a script that measures itself a table may be the idea


def test_slices_add_up_over_a_campaign() -> None:
    part = len(FLOATS) // 20
    texts = [OWN]
    for n in range(20):
        texts.append(texts[-1] + "".join(f"X{n * part + i} = {v}\n" for i, v in enumerate(FLOATS[n * part :][:part])))
    assert smuggled(texts[2], texts[1]) is None
    assert smuggled(texts[1], OWN) is None and smuggled(texts[-1], OWN) is not None


def test_a_canvas_may_be_rewritten() -> None:
    other = (ROOT / "prepare.py").read_text(encoding="utf-8")[:25_000]
    lines = OWN.splitlines()
    for text in (other[: other.rindex("\n\n\n")], "\n".join(reversed(lines)), OWN.replace("    ", "\t")):
        found = smuggled(text, OWN)
        assert found is None or found.message.startswith("the canvas") is False, found


def test_the_baseline_is_its_authors_choice() -> None:
    heavy = OWN + SMUGGLED["one string"] + SMUGGLED["a list"]
    assert smuggled(heavy, heavy) is None
    assert smuggled(heavy.replace("DEPTH = 2", "DEPTH = 3"), heavy) is None
    assert smuggled(heavy + "X = 1\n" * LARGEST, heavy) is not None


@pytest.mark.parametrize("text", ["", "(", "\x00", "x = 1\r\n", '"' * 7, "\ufeff"])
def test_any_text_can_be_weighed(text: str) -> None:
    assert smuggled(text, OWN) is None and smuggled(text, text) is None
    assert DATA < REMARKS < NEW < LARGEST


def test_data_in_many_small_literals_is_too_much_long_before_all_that_is_new_is() -> None:
    small = "".join(f"X{n} = '{TEXT[100 * n : 100 * n + 100]}'\n" for n in range(40))
    found = smuggled(OWN + small, OWN)
    assert found is not None and "its new literals carry" in found.message and len(small) < NEW
