"""What a run says about itself is read as untrusted text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loop.record.types import Metric
from loop.runs.progress import LOG, Progress, number_printed, numbers_in, read_progress, read_tail


def test_progress_of_the_original_script(tmp_path: Path) -> None:
    line = "\rstep {:05d} (3.4%) | loss: 5.612345 | lrm: 1.00 | dt: 310ms | tok/sec: 1,690,112 | remaining: 289s    "
    (tmp_path / LOG).write_text("".join(line.format(step) for step in range(1000)))
    assert read_progress(tmp_path) == Progress(999, 0.034, 5.612345, tokens_per_s=1690112.0, remaining_s=289.0)


@pytest.mark.parametrize(
    "text",
    ["", "[", "[1]", "null", "[" * 50_000, '{"step": 1e999, "share": 0.5}', '{"step": true, "share": "x"}', "9" * 5000],
)
def test_a_broken_progress_file_is_no_progress(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) is None


def test_numbers_that_are_none_are_left_out() -> None:
    assert numbers_in('{"a": 1, "b": null, "c": NaN, "d": true, "f": "1", "g": 1e999}') == {"a": 1.0}


def test_a_file_that_is_a_pipe_or_a_link_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "file").write_text("0123456789")
    assert [read_tail(tmp_path / name, 4) for name in ("pipe", "link", "none", "file")] == ["", "", "", "6789"]


@pytest.mark.parametrize(
    ("metric", "log", "found"),
    [
        pytest.param(Metric(), "val_bpb: 1.5\nval_bpb: 0.99\n", 0.99, id="the last counts"),
        pytest.param(Metric(), "val_bpb:\t9.9e-1", 0.99, id="exponent"),
        pytest.param(Metric("loss"), "val_bpb: 1\nloss: -2", -2.0, id="another name"),
        pytest.param(Metric(pattern=r"accuracy = (\S+)%"), "accuracy = 12.5%", 12.5, id="a pattern"),
        pytest.param(Metric(pattern=r"\d+\.\d+$"), "a 1.5\nb 2.5", 2.5, id="a pattern without a group"),
        pytest.param(Metric(pattern=r"score (\w+)"), "score high", None, id="a pattern that finds no number"),
        pytest.param(Metric("ms"), "ms: 1,234.5", 1234.5, id="thousands"),
        pytest.param(Metric("ms"), "ms: -1,234,567", -1234567.0, id="millions"),
        pytest.param(Metric(pattern=r"took (\S+) ms"), "took 1,234.5 ms", 1234.5, id="thousands by a pattern"),
        pytest.param(Metric("loss"), "loss: 0.5, step 7", 0.5, id="a comma behind it"),
        pytest.param(Metric("loss"), "loss: 0,987", None, id="a decimal comma is no number, least of all 0"),
        pytest.param(Metric("loss"), "loss: 12,5", None, id="another one"),
        pytest.param(Metric(pattern=r"took (\d+)? ms"), "took 5 ms\ntook  ms", 5.0, id="a group that may be absent"),
        pytest.param(Metric(), "", None, id="nothing"),
    ],
)
def test_the_number_printed(metric: Metric, log: str, found: float | None) -> None:
    assert number_printed(log, metric) == found


@pytest.mark.parametrize("line", ["step 1 (1.2.3%) | loss: 1", f"step {'9' * 5000} (1%)", "step 1 (.%)"])
def test_a_line_that_only_looks_like_progress_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / LOG).write_text(f"step 7 (50.0%) | loss: 2.5\n{line}\n")
    assert read_progress(tmp_path) == Progress(step=7, share=0.5, loss=2.5)


def test_a_folder_where_the_log_should_be_is_no_log(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    (tmp_path / "progress.json").mkdir()
    assert read_progress(tmp_path) is None and read_tail(tmp_path / LOG, 10) == ""
