"""What a shell completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loop.cli.running import run

SHELLS = ("bash", "zsh", "fish")


def completed(folder: Path, *words: str) -> list[str]:
    """Return what a shell is offered for the last word."""
    asked = {
        "_AUTORESEARCH_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": f"{len(words) - 1}",
    }
    command = [sys.executable, "-P", "-m", "loop"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **asked})
    assert not done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_verbs_and_options_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "autoresearch", "re") == ["rebuild", "report", "results", "resume", "return"]
    assert completed(tmp_path, "autoresearch", "start", "--ex") == ["--experiments"]


def test_experiments_and_campaigns_are_completed_in_the_folder_that_is_named(night: Path, tmp_path: Path) -> None:
    assert completed(night, "autoresearch", "show", "")[:3] == ["0", "1", "2"]
    (name,) = completed(night, "autoresearch", "status", "--campaign", "")
    assert completed(tmp_path, "autoresearch", "-C", str(night), "report", "--campaign", name[:2]) == [name]
    assert completed(tmp_path, "autoresearch", "show", "") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell_asks_the_command(tmp_path: Path, shell: str) -> None:
    script = run(tmp_path, "completion", shell).stdout
    assert f"_AUTORESEARCH_COMPLETE={shell}_complete" in script and "autoresearch" in script.splitlines()[0]


def test_bash_takes_the_script(tmp_path: Path) -> None:
    (tmp_path / "autoresearch").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m loop "$@"\n')
    (tmp_path / "autoresearch").chmod(0o755)
    typed = (
        'eval "$(autoresearch completion bash)"; COMP_WORDS=(autoresearch doc); COMP_CWORD=1; '
        '_autoresearch_completion autoresearch; echo "${COMPREPLY[@]}"'
    )
    bash = shutil.which("bash")
    assert bash is not None
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([bash, "-c", typed], cwd=tmp_path, capture_output=True, text=True, env=path)
    assert (done.stdout, done.stderr) == ("doctor\n", "")
