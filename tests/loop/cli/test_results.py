"""What is shown of a campaign as text and as JSON."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from loop.record.campaign_facts import StateChanged
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.types import State
from tests.loop.cli.running import run
from tests.stub import make_campaign

RESULT_KEYS = {
    *("experiment", "commit", "score", "delta", "verdict", "reason", "outcome", "source", "proposer", "hypothesis"),
    *("peak_memory_mb", "train_seconds", "total_seconds"),
}
STATUS_KEYS = {
    *("campaign", "state", "experiment", "experiments", "keeps", "baseline", "noise_floor", "best", "incumbent")
}


def test_results_are_an_array_of_objects_with_the_promised_keys(night: Path) -> None:
    rows = json.loads(run(night, "results", "--json").stdout)
    assert [row["experiment"] for row in rows] == list(range(len(rows))) and len(rows) >= 7
    assert all(row.keys() >= RESULT_KEYS for row in rows)
    assert {row["source"] for row in rows if row["score"] is not None} == {"self-reported"}


def test_status_is_one_object_with_the_promised_keys(night: Path) -> None:
    status = json.loads(run(night, "status", "--json").stdout)
    assert status.keys() >= STATUS_KEYS
    assert status["state"] == "finished" and status["best"] < status["baseline"]
    assert "is not running (finished); 'autoresearch start' begins another" in run(night, "stop").stderr


def test_a_campaign_whose_daemon_was_killed_is_interrupted(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "c")
    with Journal(find_home(folder).journal) as journal:
        journal.append("night", StateChanged(State.RUNNING, "measuring the baseline"))
    told = run(folder, "status").stdout
    assert told == "✗ interrupted\ninterrupted; 'autoresearch start' continues\n"
    status = json.loads(run(folder, "status", "--json").stdout)
    assert (status["state"], status["alive"]) == ("interrupted", False)
    assert "night is not running (interrupted); 'autoresearch start' continues" in run(folder, "stop").stderr


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


def test_a_report_writes_its_three_files_and_git_status_stays_clean(night: Path) -> None:
    done = run(night, "report")
    assert done.returncode == 0, done.stderr
    assert all((night / name).stat().st_size > 100 for name in ("results.tsv", "progress.png", "report.html"))
    status = subprocess.run(["git", "status", "--porcelain"], cwd=night, capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_a_report_says_as_data_where_its_files_are(night: Path) -> None:
    told = json.loads(run(night, "report", "--json").stdout)
    names = [Path(told[kind]).relative_to(night.resolve()).name for kind in ("table", "picture", "page")]
    assert names == ["results.tsv", "progress.png", "report.html"]
    assert told["summary"] == run(night, "report").stdout.partition("\n")[2].rstrip("\n")
