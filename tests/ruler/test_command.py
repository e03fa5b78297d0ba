"""`python prepare.py` says in one JSON line what a campaign needs, and in one sentence what is wrong."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.fixture
def ask(corpus, tmp_path):
    def run(*arguments, script=ROOT / "prepare.py", **environment):
        base = {"AUTORESEARCH_CACHE": str(tmp_path / "cache"), "AUTORESEARCH_SOURCE": str(corpus)}
        command = [sys.executable, "-X", "importtime", str(script), *arguments]
        return subprocess.run(command, env=os.environ | base | environment, capture_output=True, text=True, timeout=60)

    return run


def test_the_line_tells_a_campaign_what_it_needs(ask, corpus):
    facts = json.loads(ask("--json").stdout)
    assert (facts["ruler"], facts["profile"]["source"], facts["profile"]["context"]) == (2, str(corpus), 256)
    assert facts["uniform_bpb"] == pytest.approx(math.log2(2048) / facts["bytes_per_token"])
    assert all(Path(path).exists() for path in facts["sealed_paths"] + facts["read_paths"])
    assert str(corpus) in facts["sealed_paths"]
    assert {"train.bin", "tokenizer.json"} & {Path(path).name for path in facts["sealed_paths"]} == {"tokenizer.json"}


def test_a_second_time_it_neither_prepares_nor_imports_torch(ask):
    first, second = ask("--json"), ask("--json")
    assert first.stdout == second.stdout
    assert "learning" in first.stderr and "learning" not in second.stderr
    assert not {"torch", "tiktoken", "rustbpe", "pyarrow"} & {
        line.split("|")[-1].strip() for line in second.stderr.splitlines()
    }


def test_it_hashes_what_measures_in_other_rulers(ask, tmp_path):
    """The tool's copy judges those of folders and campaigns."""
    corrected = tmp_path / "prepare.py"
    corrected.write_text((ROOT / "prepare.py").read_text() + "# corrected\n")
    hashes = json.loads(ask("measuring", str(ROOT / "prepare.py"), str(corrected), __file__).stdout)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--source", "no/such"], {}, "source 'no/such' is neither python, climbmix"),
        (["--json"], {"AUTORESEARCH_BUDGET": "soon"}, "budget 'soon' is not understood; write"),
        (["--json"], {"AUTORESEARCH_CACHE": "/proc/no"}, "/proc/no: .*set AUTORESEARCH_CACHE"),
        (["score", "--now", "--run", ".", "--canvas", "c.py"], {"AUTORESEARCH_SOURCE": "gone"}, "source 'gone'"),
    ],
)
def test_a_refusal_is_one_sentence_and_code_1(ask, arguments, environment, sentence):
    answer = ask(*arguments, **environment)
    said = [line for line in answer.stderr.splitlines() if not line.startswith("import time")]
    assert (answer.returncode, answer.stdout) == (1, "")
    assert re.search(sentence, said[-1])
    assert "Traceback" not in answer.stderr
