"""The command as a user types it: exit codes, where sentences go, what a terminal can show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loop.cli.running import run
from tests.loop.git.user import obey_permissions
from tests.stub import git, gone, make_campaign, run_to_end


def test_what_others_wrote_cannot_steer_the_terminal(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    mine = tmp_path / "mine.py"
    mine.write_text("# \x1b[2J\nraise ValueError('owned\x1b[5m\x07')\n")
    run_to_end(folder, experiments="1")
    run(folder, "propose", str(mine), "--hypothesis", "\x1b[31mred\x1b[0m\nsecond line")
    ledger = run_to_end(folder)
    number = str(max(ledger.experiments))
    told = run(folder, "show", number).stdout + run(folder, "results").stdout + run(folder, "status").stdout
    assert "red" in told and "owned" in told
    subject = git(folder, "log", "-1", "--format=%B", ledger.experiments[int(number)].commit)
    assert subject.startswith("[31mred [0m second line\n\nCampaign: ")
    assert not [c for c in told + subject if not (c.isprintable() or c == "\n")]
    assert "\x1b[2J" in run(folder, "diff", number).stdout, "a pipe may end in git apply"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(["pause"], 1, "not running", id="a refusal"),
        pytest.param(["start", "--budget", "soon"], 1, "budget", id="a bad override"),
        pytest.param(["show"], 2, "Usage: autoresearch show", id="usage"),
        pytest.param(["results", "--json", "--tsv"], 2, "--json and --tsv exclude each other", id="one form"),
        pytest.param(["dance"], 2, "Usage: autoresearch", id="an unknown command"),
        pytest.param(["dctor"], 2, "Did you mean 'doctor'?", id="a mistyped command"),
        pytest.param(["status", "--jsno"], 2, "Did you mean '--json'?", id="a mistyped option"),
        pytest.param(["import", "none.tsv"], 1, "none.tsv", id="a missing file"),
        pytest.param(["propose", "none.py"], 1, "none.py: cannot be read (No such file", id="a missing canvas"),
    ],
)
def test_exit_codes_and_where_the_sentence_goes(night: Path, arguments: list[str], code: int, sentence: str) -> None:
    done = run(night, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (".git", "make {top}/.git writable for you"),
        ("train.py", "train.py: cannot be read (Permission denied); make it"),
    ],
)
def test_what_permissions_forbid_is_a_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    folder = make_campaign(tmp_path / "c")
    (folder / name).chmod(0o555 if name == ".git" else 0)
    command = [sys.executable, "-P", "-m", "loop", "start"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=obey_permissions)
    (folder / name).chmod(0o755)
    gone(folder)
    assert done.returncode == 1 and sentence.format(top=folder) in done.stderr, done.stderr


def test_a_report_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    run_to_end(folder, experiments="1")
    folder.chmod(0o555)
    command = [sys.executable, "-P", "-m", "loop", "report"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=obey_permissions)
    folder.chmod(0o755)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("autoresearch: results.tsv: cannot be written (Permission denied);")


@pytest.mark.parametrize("verb", [["status"], ["results"], ["watch"], ["status", "--json"], ["results", "--json"]])
def test_a_terminal_that_lacks_a_sign_is_shown_the_rest(night: Path, verb: list[str]) -> None:
    command = [sys.executable, "-P", "-m", "loop", *verb]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=night, capture_output=True, text=True, env=ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert "finished" in done.stdout or "LEARNING_RATE" in done.stdout
    if "--json" in verb:
        assert json.loads(done.stdout) == json.loads(run(night, *verb).stdout)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_a_sentence(night: Path, buffered: bool) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-P", "-m", "loop", "status"]
        env = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
        done = subprocess.run(command, cwd=night, stdout=full, stderr=subprocess.PIPE, text=True, env=env)
    assert (done.returncode, done.stderr) == (1, "autoresearch: No space left on device\n")


def test_a_closed_pipe_is_no_error_worth_a_traceback(night: Path) -> None:
    command = f"{sys.executable} -P -m loop results --json | head -c 10"
    done = subprocess.run(command, shell=True, cwd=night, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
