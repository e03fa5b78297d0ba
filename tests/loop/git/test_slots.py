"""A slot holds exactly one commit, whatever a run left there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from loop.git.repo import Repo
from loop.record.types import RepoError
from tests.loop.git.user import AT, footprint, git, laid, lay, write_everywhere


def plant_git(slot: Path) -> None:
    (slot / ".git").write_text("gitdir: /elsewhere\n")
    (slot / "sub folder" / ".git").mkdir()


def swap_folder_for_link(slot: Path) -> None:
    (slot / "sub folder").rename(slot / "moved")
    (slot / "sub folder").symlink_to("moved")


def swap_file_for_folder(slot: Path) -> None:
    (slot / "train.py").unlink()
    (slot / "train.py").mkdir()


def link_file_outside(slot: Path) -> None:
    outside = slot.parent / "outside"
    outside.write_text("must stay")
    (slot / "train.py").unlink()
    (slot / "train.py").symlink_to(outside)


def forge_time(slot: Path) -> None:
    git(slot.parents[3], "config", "core.trustctime", "false")
    stat = (slot / "program.md").stat()
    (slot / "program.md").write_text("Raise val_bpb.\n")
    os.utime(slot / "program.md", ns=(stat.st_atime_ns, stat.st_mtime_ns))


def take_permissions(slot: Path) -> None:
    (slot / "sub folder" / "deep").mkdir()
    (slot / "sub folder" / "deep" / "x").touch()
    for name in ("sub folder/deep", "sub folder", "train.py"):
        (slot / name).chmod(0)


def flip_executable(slot: Path) -> None:
    (slot / "run ü.sh").chmod(0o644)


def remove_all(slot: Path) -> None:
    shutil.rmtree(slot)


def tear_index(slot: Path) -> None:
    slot.with_name("0.index").write_bytes(b"DIRC torn")
    slot.with_name("0.index.lock").touch()


MESSES = [
    write_everywhere, plant_git, swap_folder_for_link, swap_file_for_folder, link_file_outside, forge_time,
    take_permissions, flip_executable, remove_all, tear_index,
]  # fmt: skip


@pytest.mark.parametrize("mess", MESSES)
def test_whatever_a_run_left_behind_the_slot_holds_the_commit(mess, repository: Path):
    (repository / "sub folder").mkdir()
    (repository / "sub folder" / "ü.py").write_text("x = 1\n")
    (repository / "run ü.sh").write_text("#!/bin/sh\n")
    (repository / "run ü.sh").chmod(0o755)
    (repository / "link").symlink_to("sub folder")
    (repository / "dangling").symlink_to("/nowhere at all")
    expected = {k: v for k, v in laid(repository).items() if not k.startswith(".git/")}
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)
    slot = lay(repo, commit)
    mess(slot)
    assert laid(lay(repo, commit)) == expected
    assert os.access(slot / "run ü.sh", os.X_OK) and not os.access(slot / "train.py", os.X_OK)
    assert not (slot / ".git").exists() and not (slot / "sub folder" / "deep").exists()
    if mess is link_file_outside:
        assert (slot.parent / "outside").read_text() == "must stay"


def test_a_slot_follows_a_commit_that_removes_and_adds_files(repository: Path):
    repo = Repo(repository)
    first = repo.snapshot("baseline", AT)
    (repository / "program.md").unlink()
    (repository / "new.py").write_text("n\n")
    second = repo.snapshot("baseline", AT)
    assert set(laid(lay(repo, second))) == {"train.py", "new.py", ".gitignore"}
    assert set(laid(lay(repo, first))) == {"train.py", "program.md", ".gitignore"}


def test_a_link_that_a_run_left_in_place_of_the_canvas_is_not_followed(repository: Path):
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)
    slot = lay(repo, commit)
    (slot / "train.py").unlink()
    (slot / "train.py").symlink_to(repository / "train.py")
    assert laid(lay(repo, commit))["train.py"] == b"LR = 0.1\n"
    assert (repository / "train.py").read_text() == "LR = 0.1\n" and not (slot / "train.py").is_symlink()


def test_what_git_ignores_is_lent_by_links_beside_what_the_commit_has(repository: Path):
    for path, text in {"data/README": "r", "data/deep/a.bin": "a", "data/deep/own.py": "o", "data/b.bin": "b"}.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text)
    (repository / "data/.git").mkdir()
    (repository / ".gitignore").write_text("*.bin\n")
    (repository / "elsewhere").symlink_to(repository / "data")
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)
    slot = repo.home.slots / "0"
    for _ in range(2):
        repo.lay(commit, slot, "train.py", repository / "data")
        assert [p.name for p in (slot / "data").rglob("*") if p.is_symlink()] == ["b.bin", "a.bin"]
        assert {p.name for p in (slot / "data").rglob("*")} == {"README", "deep", "own.py", "b.bin", "a.bin"}
        assert (slot / "data/deep/a.bin").read_text() == "a" and (slot / "data/b.bin").resolve().parent.name == "data"
    repo.lay(commit, slot, "train.py", repository / "elsewhere" / "b.bin")
    assert (slot / "elsewhere" / "b.bin").read_text() == "b", "a link of the commit's leads where it always does"
    assert not [p for p in (slot / "data").rglob("*") if p.is_symlink()]
    assert (repository / "data/deep/a.bin").read_text() == "a" and (repository / "data/b.bin").read_text() == "b"


def test_a_link_that_leads_out_of_the_checkout_is_put_right_for_what_is_lent(repository: Path):
    (repository.parent / "big").mkdir()
    (repository.parent / "big" / "n.txt").write_text("1")
    (repository / "data").symlink_to("../big")
    (repository / "other").symlink_to("../big")
    repo = Repo(repository)
    commit = repo.snapshot("baseline", AT)
    slot = repo.home.slots / "0"
    for lent in ("data", "data/n.txt", "data"):
        repo.lay(commit, slot, "train.py", repository / lent)
        assert (slot / "data" / "n.txt").read_text() == "1" and not (slot / "other").exists()
    assert laid(lay(repo, commit))["data"] == b"../big"
    (repository / ".gitignore").write_text("*.bin\n")
    (repository / "a [b].bin").touch()
    assert repo.lacks(repository / "data/n.txt") and not repo.lacks(repository / "train.py")
    assert repo.lacks(repository / "a [b].bin")
    assert not repo.lacks(repository.parent / "big/n.txt") and not repo.lacks(repository / "nothing")


def test_a_folder_that_is_not_a_slot_is_left_alone(repository: Path):
    repo = Repo(repository)
    before = footprint(repository)
    for folder in (repository, repository / "x", repo.home.slots, repo.home.slots / ".." / "journal.db"):
        with pytest.raises(RepoError, match="not one of our slots"):
            repo.lay("HEAD", folder)
    assert footprint(repository) == before
