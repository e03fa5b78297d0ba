"""The comparison key: two scores compare under one key, which what measures decides and what only speaks does not."""

import json
import os
import subprocess
import sys

import pytest

import prepare

from .conftest import ROOT

SOURCE = (ROOT / "prepare.py").read_text(encoding="utf-8")


def changed(old, new):
    """The ruler's hash after one place of its text was changed."""
    assert SOURCE.count(old) == 1, f"{SOURCE.count(old)} places: {old}"
    return prepare.measuring(SOURCE.replace(old, new).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("# Measured on two CPU cores;", "# Measured on one CPU core;", id="a comment"),
        pytest.param('"""Return the device to train on."""', '"""Return where to train."""', id="a docstring"),
        pytest.param("        wall, on_cpu = ", "\n        wall, on_cpu = ", id="a blank line"),
        pytest.param("a second Budget(): a run has one", "there is a second Budget()", id="a refusal"),
        pytest.param(
            "only {self.share:.0%} of the", "{self.share:.1%} of {self.limit} in the", id="a value in a message"
        ),
        pytest.param("tokenizing and packing", "making tokens and rows", id="progress"),
        pytest.param("of shape {wanted}", "of the shape {wanted}", id="a refused score"),
        pytest.param('help="do not wait for a line"', 'help="score at once"', id="help"),
        pytest.param('"default_budget": p.budget,', "", id="what the engine is told"),
        pytest.param('"num_params_M": f', '"params_M": f', id="the summary of a run"),
        pytest.param("is not a whole parquet file;", "is half a parquet file;", id="downloads"),
    ],
)
def test_what_only_speaks_keeps_the_key(old, new):
    assert changed(old, new) == prepare.measuring(SOURCE.encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("total / (math.log(2) * size)", "total / math.log(2) / size * 0.99", id="scoring"),
        pytest.param("losses.double()", "losses.float()", id="the sum of the nats"),
        pytest.param("return self.lengths > 0", "return self.lengths > 1", id="what is scored"),
        pytest.param("MOST_GAIN = 0.003", "MOST_GAIN = 0.004", id="the tolerance"),
        pytest.param("altered[order], exam", "exam.inputs[order], exam", id="auditing"),
        pytest.param("self.put(piece[room:])", "self.put(piece[room + 1 :])", id="packing"),
        pytest.param("vocab - 1)\n    ranks", "vocab - 2)\n    ranks", id="tokenizer training"),
        pytest.param("TOKENIZER_TEXT = 1 << 27", "TOKENIZER_TEXT = 1 << 26", id="the tokenizer's text"),
        pytest.param("self.flop += max(", "self.flop += min(", id="budget charging"),
        pytest.param('(("randn", "randn_like",', '(("randn_like",', id="the charge of an operator"),
        pytest.param("HOLD_OUT = 20", "HOLD_OUT = 21", id="what is held out"),
        pytest.param("RULER_VERSION = 2", "RULER_VERSION = 3", id="the version"),
        pytest.param('"token_flop": token_flop()', '"token_flop": 2 * token_flop()', id="what a token costs"),
        pytest.param('str(data.folder / TRAIN), "token', 'str(data.folder / TOKENIZER), "token', id="the rows served"),
        pytest.param("options.split, options.wrap", '"audit", options.wrap', id="the rows scored"),
        pytest.param('"nan", "non_causal"', '"non_causal"', id="a text without a blank"),
    ],
)
def test_what_measures_changes_the_key(old, new):
    assert changed(old, new) != prepare.measuring(SOURCE.encode())


def test_whatever_is_added_counts():
    assert prepare.measuring(f"{SOURCE}\n\ndef more() -> int:\n    return 1\n".encode()) != prepare.measuring(
        SOURCE.encode()
    )


def test_what_is_left_out_is_there():
    assert all(callable(vars(prepare)[name]) for name in prepare.UNMEASURED)


def test_fields_that_a_later_python_adds_do_not_count(monkeypatch):
    before = prepare.measuring(b"def f(): return 1")
    monkeypatch.setattr(prepare.ast.FunctionDef, "_fields", (*prepare.ast.FunctionDef._fields, "later"))
    monkeypatch.setattr(prepare.ast.FunctionDef, "later", [], raising=False)
    assert prepare.measuring(b"def f(): return 1") == before


@pytest.fixture
def key(corpus, tmp_path):
    """The key that a prepare.py prints."""

    def ask(script=ROOT / "prepare.py", **environment):
        base = {"AUTORESEARCH_CACHE": str(tmp_path / "cache"), "AUTORESEARCH_SOURCE": str(corpus)}
        command = [sys.executable, str(script), "--json"]
        done = subprocess.run(
            command, env=os.environ | base | environment, capture_output=True, timeout=120, check=True
        )
        return json.loads(done.stdout)["comparison_key"]

    return ask


def test_the_key_changes_with_machine_budget_data_and_what_measures(key, corpus, tmp_path):
    (tmp_path / "prepare.py").write_text(SOURCE.replace("MOST_GAIN = 0.003", "MOST_GAIN = 0.004"))
    keys = [key(), key(AUTORESEARCH_THREADS="7"), key(AUTORESEARCH_BUDGET="3s"), key(tmp_path / "prepare.py")]
    (corpus / "03.txt").write_text("other words in one file of the corpus")
    assert len({*keys, key()}) == 5


def test_the_key_stays_for_another_spelling_another_seed_or_a_corrected_message(key, tmp_path):
    (tmp_path / "prepare.py").write_text(SOURCE.replace("learning {p.vocab} tokens", "{p.vocab} tokens are learnt"))
    one, other = key(AUTORESEARCH_BUDGET="60s"), key(AUTORESEARCH_BUDGET="1m", AUTORESEARCH_SEED="5")
    assert one == other == key(tmp_path / "prepare.py", AUTORESEARCH_BUDGET="60s")
