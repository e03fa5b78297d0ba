"""What is on disk, whatever state it is in and whatever shape the repository has; nothing of the user's changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from loop.git.repo import Repo
from loop.git.snapshot import LARGEST_UNTRACKED
from loop.record.types import RepoError
from tests.loop.git.user import AT, footprint, git, laid, lay, status, tree


def no_commit_yet(top: Path) -> None:
    git(top, "update-ref", "-d", "HEAD")


def empty_repository(top: Path) -> None:
    shutil.rmtree(top / ".git")
    git(top, "init", "-q")


def detached(top: Path) -> None:
    git(top, "checkout", "-q", "--detach")


def mid_merge(top: Path) -> None:
    git(top, "checkout", "-q", "-b", "other")
    (top / "train.py").write_text("LR = 0.2\n")
    git(top, "commit", "-qam", "theirs")
    git(top, "checkout", "-q", "main")
    (top / "train.py").write_text("LR = 0.3\n")
    git(top, "commit", "-qam", "ours")
    subprocess.run(["git", "merge", "-q", "other"], cwd=top, capture_output=True)
    assert "<<<<" in (top / "train.py").read_text()


def index_locked(top: Path) -> None:
    (top / ".git" / "index.lock").touch()


def intent_to_add(top: Path) -> None:
    (top / "new.py").write_text("x = 1\n")
    git(top, "add", "--intent-to-add", "new.py")


def deleted_on_disk(top: Path) -> None:
    (top / "program.md").unlink()


def staged_then_edited(top: Path) -> None:
    """An edit of the same size in the same tick of the clock as `git add`: only the index's own time tells."""
    (top / "train.py").write_text("LR = 0.5\n")
    os.utime(top / "train.py", (AT, AT))
    git(top, "add", "train.py")
    (top / "train.py").write_text("LR = 0.7\n")
    for path in (top / "train.py", top / ".git" / "index"):
        os.utime(path, (AT, AT))


def assumed_unchanged(top: Path) -> None:
    git(top, "update-index", "--assume-unchanged", "train.py")
    (top / "train.py").write_text("LR = 0.9\n")


def skipped_by_hand(top: Path) -> None:
    git(top, "update-index", "--skip-worktree", "train.py")
    (top / "train.py").write_text("LR = 0.9\n")


def folder_became_link(top: Path) -> None:
    (top / "data").mkdir()
    (top / "data" / "a.txt").write_text("a")
    git(top, "add", "-A")
    shutil.move(top / "data", top.parent / "elsewhere")
    (top / "data").symlink_to(top.parent / "elsewhere")


def file_became_folder(top: Path) -> None:
    (top / "program.md").unlink()
    (top / "program.md").mkdir()
    (top / "program.md" / "a b ü.txt").write_text("a")


def split_index(top: Path) -> None:
    git(top, "update-index", "--split-index")
    (top / "train.py").write_text("LR = 0.9\n")


def mixed_line_endings(top: Path) -> None:
    git(top, "config", "core.safecrlf", "true")
    git(top, "config", "core.autocrlf", "input")
    (top / "notes.txt").write_bytes(b"a\r\nb\n")


def hooks_that_fail(top: Path) -> None:
    hook = '#!/bin/sh\ntouch "$(git rev-parse --show-toplevel)/hook-ran"\nexit 1\n'
    for name in ("pre-commit", "post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        (top / ".git" / "hooks").mkdir(exist_ok=True)
        (top / ".git" / "hooks" / name).write_text(hook)
        (top / ".git" / "hooks" / name).chmod(0o755)
    git(top, "config", "core.fsmonitor", str(top / ".git" / "hooks" / "fsmonitor-watchman"))
    (top / ".git" / "hooks" / "fsmonitor-watchman").write_text(f"#!/bin/sh\ntouch '{top}/hook-ran'\n")


STATES = [
    no_commit_yet, empty_repository, detached, mid_merge, index_locked, intent_to_add, deleted_on_disk,
    staged_then_edited, assumed_unchanged, skipped_by_hand, folder_became_link, file_became_folder, split_index,
    mixed_line_endings, hooks_that_fail,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_snapshot_and_an_experiment_hold_what_is_on_disk_and_change_nothing(state, repository: Path):
    state(repository)
    (repository / "untracked ü.txt").write_text("yes")
    (repository / "big.ckpt").write_text("ignored")
    before = footprint(repository)
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)
    new = repo.commit_text(commit, "train.py", "LR = 3\n", "try", AT)
    repo.move_ref(repo.branch("c"), new, None)
    on_disk = {k: v for k, v in laid(repository).items() if not k.startswith(".git/") and k != "big.ckpt"}
    assert footprint(repository) == before
    if state is not mixed_line_endings:
        assert laid(lay(repo, commit)) == on_disk
        assert laid(lay(repo, new)) == on_disk | {"train.py": b"LR = 3\n"}
    assert footprint(repository) == before


def test_a_snapshot_sits_on_head_and_equal_states_give_equal_hashes(repository: Path):
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)
    assert git(repository, "rev-parse", f"{commit}^").strip() == git(repository, "rev-parse", "HEAD").strip()
    assert git(repository, "show", "-s", "--format=%an <%ae> %at", commit).strip() == (
        f"AutoResearch <autoresearch@localhost> {int(AT)}"
    )
    assert repo.snapshot("baseline", AT) == commit


def test_a_snapshot_before_the_first_commit_has_no_parent(repository: Path):
    no_commit_yet(repository)
    commit = Repo(repository).snapshot("baseline", AT)
    assert git(repository, "rev-list", "--count", commit).strip() == "1"


def test_an_index_left_by_a_killed_snapshot_is_no_obstacle_and_goes_away(repository: Path):
    repo = Repo(repository)
    left = repo.home.root / "scratch-dead"
    left.mkdir(parents=True)
    (left / "index").write_bytes(b"torn")
    (left / "index.lock").touch()
    os.utime(left, (AT, AT))
    assert tree(repo, repo.snapshot("baseline", AT)).keys() == {"train.py", "program.md", ".gitignore"}
    assert list(repo.home.root.glob("scratch-*")) == []


def test_a_snapshot_names_an_untracked_file_too_large_to_copy(repository: Path):
    with (repository / "shard.bin").open("wb") as stream:
        stream.truncate(LARGEST_UNTRACKED + 1)
    with pytest.raises(RepoError, match=r"shard.bin: 1.0 GiB, neither tracked nor ignored; add it to .gitignore"):
        Repo(repository).snapshot("baseline", AT)


def test_a_nested_repository_without_a_commit_is_named(repository: Path):
    git(repository, "init", "-q", "nested")
    with pytest.raises(RepoError, match=r"nested.*commit in that nested repository, or ignore it"):
        Repo(repository).snapshot("baseline", AT)


# Other shapes of repositories.


def linked_worktree(top: Path) -> Path:
    git(top, "worktree", "add", "-q", "../linked", "-b", "side")
    return top.parent / "linked"


def shallow_clone(top: Path) -> Path:
    git(top, "commit", "-q", "--allow-empty", "-m", "second")
    git(top.parent, "clone", "-q", "--depth=1", top.as_uri(), "shallow")
    return top.parent / "shallow"


def as_submodule(top: Path) -> Path:
    git(top.parent, "init", "-q", "outer")
    git(top.parent / "outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(top), "sub")
    return top.parent / "outer" / "sub"


def sha256(top: Path) -> Path:
    shutil.rmtree(top / ".git")
    git(top, "init", "-q", "--object-format=sha256")
    git(top, "add", "train.py")
    return top


def sparse(top: Path, *options: str) -> Path:
    for name in ("seen", "unseen"):
        (top / name).mkdir()
        (top / name / "a.py").write_text("a")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "folders")
    git(top, "sparse-checkout", "set", "--cone", *options, "seen")
    assert not (top / "unseen").exists()
    (top / "unseen").mkdir()
    (top / "unseen" / "new.py").write_text("on disk all the same")
    return top


def sparse_index(top: Path) -> Path:
    return sparse(top, "--sparse-index")


@pytest.mark.parametrize("shape", [linked_worktree, shallow_clone, as_submodule, sha256, sparse, sparse_index])
def test_every_shape_of_repository_is_snapshotted_and_laid(shape, repository: Path):
    top = shape(repository)
    (top / "train.py").write_text("LR = 0.25\n")
    before, told = footprint(top), status(top)
    repo = Repo(top)
    commit = repo.snapshot("baseline", AT)
    slot = lay(repo, commit)
    on_disk = {k: v for k, v in laid(top).items() if not k.startswith(".git/") and k != ".git"}
    whole = {"unseen/a.py": b"a"} if "sparse" in shape.__name__ else {}
    assert laid(slot) == on_disk | whole
    assert (footprint(top), status(top)) == (before, told)


@pytest.mark.parametrize("folder", ["", "examples/tiny", "mit leer ü"])
def test_a_campaign_may_live_in_any_folder(folder: str, repository: Path):
    (repository / folder).mkdir(parents=True, exist_ok=True)
    (repository / folder / "train.py").write_text("LR = 0.5\n")
    repo = Repo(repository / folder)
    canvas = repo.inside("train.py")
    assert (repo.top, repo.prefix) == (repository, folder)
    commit = repo.commit_text(repo.snapshot("baseline", AT), canvas, "LR = 4\n", "try", AT)
    assert (lay(repo, commit, canvas) / folder / "train.py").read_text() == "LR = 4\n"


def test_submodules_are_laid_at_the_commit_on_disk(repository: Path):
    inner = repository.parent / "library"
    shutil.copytree(repository, inner)
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "lib ü")
    git(repository, "commit", "-qm", "submodule")
    git(repository, "config", "submodule.recurse", "true")
    before = footprint(repository)
    repo = Repo(repository)
    slot = lay(repo, repo.snapshot("baseline", AT))
    assert laid(slot / "lib ü") == {k: v for k, v in laid(inner).items() if not k.startswith(".git/")}
    (slot / "lib ü" / "train.py").write_text("a run wrote here")
    (slot / "lib ü" / "extra").touch()
    assert laid(lay(repo, repo.snapshot("baseline", AT)) / "lib ü")["train.py"] == b"LR = 0.1\n"
    assert not (slot / "lib ü" / "extra").exists()
    assert footprint(repository) == before
    git(repository, "submodule", "deinit", "-q", "-f", "--all")
    assert list((lay(repo, repo.snapshot("baseline", AT)) / "lib ü").iterdir()) == []
