"""What git refuses is a sentence with the next step, and nothing of the caller's leads it elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from git.cmd import Git

from loop.git.repo import Repo
from loop.record.types import Refused, RepoError
from tests.loop.git.user import AT, git, lay, obey_permissions


def bare(top: Path) -> Path:
    git(top, "config", "core.bare", "true")
    return top


def not_a_repository(top: Path) -> Path:
    shutil.rmtree(top / ".git")
    return top


def damaged(top: Path) -> Path:
    (top / ".git" / "HEAD").unlink()
    return top


@pytest.mark.parametrize(("shape", "sentence"), [
    (bare, "bare repository.*clone it"),
    (not_a_repository, "run 'git init' there first, or 'autoresearch init'"),
    (damaged, "not a git repository"),
    (lambda top: top / ".git" / "refs", "inside a git folder"),
    (lambda top: top / "missing", "missing: no such folder"),
])  # fmt: skip
def test_a_folder_without_a_usable_repository_is_refused(shape, sentence: str, repository: Path):
    with pytest.raises(Refused, match=sentence):
        Repo(shape(repository))


def test_another_users_repository_is_refused_with_the_command_that_trusts_it(repository: Path, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(Refused, match=r"belongs to another user.*git config --global --add safe.directory '.*repo'"):
        Repo(repository)


def fake_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "fake-git"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(Git, "GIT_PYTHON_GIT_EXECUTABLE", str(path))
    monkeypatch.setattr(Git, "_refresh_token", object())


@pytest.mark.parametrize(("script", "sentence"), [
    ("echo git version 2.17.1", "git 2.17.1 is too old; install 2.25 or newer"),
    (None, "git was not found; install git"),
])  # fmt: skip
def test_a_missing_or_old_git_is_refused(script, sentence: str, repository: Path, tmp_path: Path, monkeypatch):
    fake_git(tmp_path, monkeypatch, script or "")
    if script is None:
        (tmp_path / "fake-git").unlink()
    with pytest.raises(Refused, match=sentence):
        Repo(repository)


def test_a_folder_with_a_line_break_in_its_name_is_refused(repository: Path):
    odd = repository / "a\nb"
    odd.mkdir()
    with pytest.raises(Refused, match=r"a\\nb': a line break in the name of a folder; rename it"):
        Repo(odd)


@pytest.mark.parametrize(("said", "sentence"), [
    ("error: file write error: No space left on device", "the disk is full .*; free some space and start again"),
    ("error: insufficient permission for adding an object to repository database .git/objects", r"make .*/\.git writ"),
    ("error: open(\"x\"): Permission denied\nerror: unable to index file x", r"make it readable, or ignore it"),
    ("fatal: Unable to create 'x.lock': Read-only file system", r"make .*/\.git writable for you"),
    ("fatal: 'refs/heads/autoresearch/x/y' exists; cannot create 'refs/heads/autoresearch/x'", "choose another name"),
    ("fatal: cannot lock ref 'x': unable to create directory for .git/x", r"make .*/\.git writable for you"),
    ("warning: x\nfatal: something new", "^git: something new$"),
])  # fmt: skip
def test_what_git_says_becomes_a_sentence(said: str, sentence: str, repository: Path, tmp_path: Path, monkeypatch):
    repo = Repo(repository)
    monkeypatch.setenv("SAID", said)
    fake_git(tmp_path, monkeypatch, 'cat >/dev/null; printf %s "$SAID" >&2; exit 128')
    with pytest.raises(RepoError, match=sentence):
        repo.commit_text("HEAD", "train.py", "x", "try", AT)


def test_a_full_disk_while_laying_is_a_sentence(repository: Path, monkeypatch):
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.mkdir", full)
    for act in (lambda: lay(repo, commit), lambda: repo.snapshot("x", AT)):
        with pytest.raises(RepoError, match="the disk is full"):
            act()


READ_ONLY = """
import sys; from pathlib import Path; from loop.git.repo import Repo; from loop.record.types import RepoError
try: Repo(Path(sys.argv[1])).snapshot("baseline", 0)
except RepoError as error: print(error)
"""


def test_a_read_only_git_folder_is_a_sentence(repository: Path):
    subprocess.run(["chmod", "-R", "a-w", repository / ".git"], check=True)
    run = subprocess.run(
        [sys.executable, "-c", READ_ONLY, repository], capture_output=True, text=True, preexec_fn=obey_permissions,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    subprocess.run(["chmod", "-R", "u+w", repository / ".git"], check=True)
    assert "Permission denied; make " in run.stdout and ".git writable for you" in run.stdout, run.stderr


def test_the_callers_git_variables_are_ignored(repository: Path, tmp_path: Path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    repo = Repo(repository)
    assert lay(repo, repo.snapshot("baseline", AT)).joinpath("train.py").read_text() == "LR = 0.1\n"
    assert not (tmp_path / "elsewhere").exists()
