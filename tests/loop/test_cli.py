"""The command as a user types it: exit codes, where sentences go, what JSON holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from loop import cli
from loop.record.campaign_facts import StateChanged
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.types import State
from tests.loop.git.test_repo import obey_permissions
from tests.stub import git, gone, make_campaign, run_to_end

TOP = Path(__file__).parents[2]
RESULT_KEYS = {
    *("experiment", "commit", "score", "delta", "verdict", "reason", "outcome", "source", "proposer", "hypothesis"),
    *("peak_memory_mb", "train_seconds", "total_seconds"),
}
STATUS_KEYS = {
    *("campaign", "state", "experiment", "experiments", "keeps", "baseline", "noise_floor", "best", "incumbent")
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stub campaign that has ended."""
    folder = make_campaign(tmp_path_factory.mktemp("cli") / "c")
    run_to_end(folder)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "loop", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_results_are_an_array_of_objects_with_the_promised_keys(night: Path) -> None:
    rows = json.loads(run(night, "results", "--json").stdout)
    assert [row["experiment"] for row in rows] == list(range(len(rows))) and len(rows) >= 7
    assert all(row.keys() >= RESULT_KEYS for row in rows)
    assert {row["source"] for row in rows if row["score"] is not None} == {"self-reported"}


def test_status_is_one_object_with_the_promised_keys(night: Path) -> None:
    status = json.loads(run(night, "status", "--json").stdout)
    assert status.keys() >= STATUS_KEYS
    assert status["state"] == "finished" and status["best"] < status["baseline"]


def test_a_campaign_whose_daemon_was_killed_is_interrupted(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    with Journal(find_home(folder).journal) as journal:
        journal.append("night", StateChanged(State.RUNNING, "measuring the baseline"))
    told = run(folder, "status").stdout
    assert told == "✗ interrupted\ninterrupted; 'autoresearch start' goes on\n"
    status = json.loads(run(folder, "status", "--json").stdout)
    assert (status["state"], status["alive"]) == ("interrupted", False)
    assert "night is not running (interrupted); 'autoresearch start' goes on" in run(folder, "stop").stderr


def test_results_as_a_table_and_as_tsv_have_a_line_for_each_experiment(night: Path) -> None:
    rows = json.loads(run(night, "results", "--json").stdout)
    tsv = run(night, "results", "--tsv").stdout.splitlines()
    assert len(tsv) == len(rows) + 1 and tsv[0].split("\t")[0] == "experiment"
    assert len(run(night, "results").stdout.splitlines()) == len(rows)


def test_show_and_diff_tell_of_one_experiment(night: Path) -> None:
    shown = run(night, "show", "1").stdout
    assert "run 1: measure" in shown and re.search(r"^commit [0-9a-f]{12}, \d+ s training$", shown, re.M)
    assert re.search(r"^\+[A-Z_]+ = ", run(night, "diff", "1").stdout, re.M)
    missing = run(night, "show", "999")
    assert missing.returncode == 1 and "there are #0 to #" in missing.stderr


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


def test_a_report_writes_its_three_files_and_git_status_stays_clean(night: Path) -> None:
    done = run(night, "report")
    assert done.returncode == 0, done.stderr
    assert all((night / name).stat().st_size > 100 for name in cli.EXPORTS)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=night, capture_output=True, text=True, check=True)
    assert status.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(["pause"], 1, "not running", id="a refusal"),
        pytest.param(["start", "--budget", "soon"], 1, "budget", id="a bad override"),
        pytest.param(["show"], 2, "usage", id="usage"),
        pytest.param(["dance"], 2, "usage", id="an unknown command"),
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_a_sentence(night: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-P", "-m", "loop", "status"]
        done = subprocess.run(command, cwd=night, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "autoresearch: No space left on device\n")


def test_a_closed_pipe_is_no_error_worth_a_traceback(night: Path) -> None:
    command = f"{sys.executable} -P -m loop results --json | head -c 10"
    done = subprocess.run(command, shell=True, cwd=night, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr


def test_every_command_is_told_of_in_the_readme() -> None:
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    verbs = next(a for a in cli.parser()._actions if a.dest != "folder" and hasattr(a, "choices") and a.choices)
    assert isinstance(verbs.choices, dict)
    missing = [name for name in verbs.choices if not re.search(rf"[`\s]{name}\b", readme)]
    assert not missing
