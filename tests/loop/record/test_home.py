"""Where the files of a repository's campaigns are, also in linked worktrees and submodules."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.record.home import Home, find_home, find_top
from loop.record.types import Refused


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "src" / "inner").mkdir(parents=True)
    return tmp_path / "repo"


@pytest.mark.parametrize("folder", [".", "src", "src/inner"])
def test_every_folder_of_a_repository_has_its_home(top: Path, folder: str) -> None:
    assert find_home(top / folder) == Home(top / ".git" / "autoresearch")
    assert find_top(top / folder) == top


@pytest.mark.parametrize("common", ["../..", "{top}/.git"], ids=["relative", "absolute"])
def test_a_linked_worktree_shares_the_home_of_its_repository(top: Path, common: str) -> None:
    linked, git = top.parent / "linked", top / ".git" / "worktrees" / "linked"
    linked.mkdir()
    git.mkdir(parents=True)
    (git / "commondir").write_text(f"{common.format(top=top)}\n")
    (linked / ".git").write_text(f"gitdir: {git}\n")
    assert find_home(linked) == find_home(top)
    assert find_top(linked) == linked, "though its working tree is its own"


def test_a_submodule_has_a_home_of_its_own(top: Path) -> None:
    inner = top / "src" / "inner"
    (top / ".git" / "modules" / "inner").mkdir(parents=True)
    (inner / ".git").write_text("gitdir: ../../.git/modules/inner\n")
    assert find_home(inner) == Home(top / ".git" / "modules" / "inner" / "autoresearch")


def test_outside_a_repository_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not inside a git repository; run 'git init' there first"):
        find_home(tmp_path)


def test_looking_makes_nothing_and_each_run_has_a_place_of_its_own(top: Path) -> None:
    home = find_home(top)
    assert not home.root.exists()
    places = [home.run(campaign, n, k) for campaign in ("night", "day") for n in (0, 1) for k in (1, 2)]
    assert len(set(places)) == len(places)
    assert home.run("night", 3, 2).parent == home.experiment("night", 3)
    own = [home.journal, home.backups, home.lock, home.beat, home.run_lock, home.log, home.slots]
    assert len(set(own)) == len(own) and {place.parent for place in own} == {home.root}
