"""The accepted base, and commits of it on the user's branch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loop.record.types import Refused
from loop.review import accepting
from loop.text.diff import split_lines
from tests.campaigns import Campaign, git, make_repository
from tests.loop.review.told import AGAIN, BASE, FOURTH, HALVED, THIRD, cut, read


def test_accept_moves_the_base_by_one_hunk_and_touches_no_file(campaign: Campaign) -> None:
    first, second = cut(campaign, FOURTH)
    _, seen = read(campaign)
    accepting.accept(campaign.folder, campaign.ledger, seen, [first], [1])
    assert [h.id for h in cut(campaign, FOURTH)] == [second.id]
    assert (campaign.top / "train.py").read_text() == BASE
    assert git(campaign.top, "status", "--porcelain") == ""


def test_a_second_editor_that_accepts_from_an_old_base_is_refused(campaign: Campaign) -> None:
    first, second = cut(campaign, FOURTH)
    _, seen = read(campaign)
    accepting.accept(campaign.folder, campaign.ledger, seen, [first], [1])
    with pytest.raises(Refused, match="accepted meanwhile"):
        accepting.accept(campaign.folder, campaign.ledger, seen, [second], [2])


def test_each_accepted_experiment_becomes_one_commit_of_the_user(campaign: Campaign) -> None:
    kept, seen = read(campaign)
    seen = accepting.accept(campaign.folder, campaign.ledger, seen, cut(campaign, FOURTH), [1, 2])
    (campaign.top / "notes.txt").write_text("staged")
    git(campaign.top, "add", "notes.txt")
    (campaign.top / "train.py").write_text(FOURTH + "# pending\n")
    made = accepting.commit_accepted(campaign.folder, campaign.ledger, kept, seen, split_lines(FOURTH + "# pending\n"))
    assert [wrote for wrote, _ in made] == [(1,), (2,)]
    assert git(campaign.top, "log", "--format=%s|%an", "-2").splitlines() == [
        "clip the gradient|User",
        "a larger learning rate|User",
    ]
    body = git(campaign.top, "log", "-1", "--format=%b")
    assert "val_bpb 0.9700 ± 0.0003 (−0.0200), self-reported: keep, better" in body and "Experiment: 2" in body
    assert git(campaign.top, "show", "HEAD:train.py") == FOURTH
    assert git(campaign.top, "status", "--porcelain") == "A  notes.txt\n M train.py\n"
    with pytest.raises(Refused, match="committed already"):
        accepting.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)


def test_a_commit_names_all_that_wrote_what_it_changes(twice: Campaign) -> None:
    kept, seen = read(twice)
    seen = accepting.accept(twice.folder, twice.ledger, seen, cut(twice, AGAIN), [1, 2, 3, 4])
    (twice.top / "train.py").write_text(AGAIN)
    shown = split_lines(AGAIN.removesuffix("\n"))  # Neovim writes the missing line end and does not show it
    made = accepting.commit_accepted(twice.folder, twice.ledger, kept, seen, shown)
    assert [wrote for wrote, _ in made] == [(2,), (1, 3, 4)]
    subject, *body = git(twice.top, "log", "-1", "--format=%B").splitlines()
    assert subject == "halve it again" and "Experiment: 4" in body and "Experiment: 3" not in body
    assert "With #3, halve it: val_bpb 0.9600 ± 0.0003 (−0.0100), self-reported: keep, better" in body
    assert "With #1, a larger learning rate: val_bpb 0.9900 ± 0.0003 (−0.0100), self-reported: keep, better" in body
    assert git(twice.top, "show", "HEAD~:train.py") == AGAIN.replace("0.075", "0.1")


def test_what_is_committed_already_is_not_named_again(twice: Campaign) -> None:
    (twice.top / "train.py").write_text(HALVED)
    git(twice.top, "commit", "-q", "-a", "-m", "what was accepted")
    kept, seen = read(twice)
    seen = accepting.accept(twice.folder, twice.ledger, seen, cut(twice, AGAIN), [1, 2, 3, 4])
    (twice.top / "train.py").write_text(AGAIN)
    assert [wrote for wrote, _ in accepting.commit_accepted(twice.folder, twice.ledger, kept, seen, None)] == [(4,)]


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        pytest.param(BASE.replace("WD", "MINE = 5\nWD"), FOURTH.replace("WD", "MINE = 5\nWD"), id="beside a hunk"),
        pytest.param(BASE + "MINE = 5\n", FOURTH + "MINE = 5\n", id="elsewhere"),
        pytest.param(BASE.replace("os", "re"), FOURTH.replace("os", "re"), id="instead of a line of the baseline"),
        pytest.param(THIRD.replace("WD", "MINE = 5\nWD"), FOURTH.replace("WD", "MINE = 5\nWD"), id="with a hunk"),
        pytest.param(BASE.replace("WD = 0.2\n", ""), FOURTH.replace("WD = 0.2\n", ""), id="a deletion"),
        pytest.param(BASE.replace("LR = 0.1\n", ""), FOURTH, id="a deletion of what was accepted anew"),
    ],
)
def test_what_the_user_committed_stays_in_head(campaign: Campaign, mine: str, expected: str) -> None:
    kept, seen = read(campaign)
    seen = accepting.accept(campaign.folder, campaign.ledger, seen, cut(campaign, FOURTH), [1, 2])
    (campaign.top / "train.py").write_text(mine)
    git(campaign.top, "commit", "-q", "-a", "-m", "own")
    made = accepting.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)
    assert made[-1][0] == (2,)
    assert git(campaign.top, "show", "HEAD:train.py") == expected
    with pytest.raises(Refused, match="committed already"):
        accepting.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)


def test_what_was_not_committed_when_the_campaign_began_is_not_committed_with_it(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", BASE.replace("0.1", "0.7").encode())
    dirty = BASE.replace("import os\n", "import os, re\n")
    (top / "train.py").write_text(dirty)
    campaign = Campaign(top)
    text = dirty.replace("0.1", "0.3")
    campaign.keep(text, "a larger learning rate", 0.99)
    kept, seen = read(campaign)
    seen = accepting.accept(campaign.folder, campaign.ledger, seen, cut(campaign, text), [1])
    assert len(accepting.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)) == 1
    assert git(top, "show", "HEAD:train.py") == THIRD


def _detach(top: Path) -> None:
    git(top, "checkout", "-q", "--detach")


def _merge(top: Path) -> None:
    (top / ".git" / "MERGE_HEAD").write_text(git(top, "rev-parse", "HEAD"))


def _stage(top: Path) -> None:
    (top / "train.py").write_text("staged = 1\n")
    git(top, "add", "train.py")


def _edit(top: Path) -> None:
    (top / "train.py").write_text("something else\n")


def _commit(top: Path) -> None:
    (top / "train.py").write_text("import re\n" + BASE.replace("0.1", "9"))
    git(top, "commit", "-q", "-a", "-m", "own")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_detach, "not on a branch"),
        (_merge, "a merge is under way"),
        (_stage, "has staged changes"),
        (_edit, "has unsaved changes"),
        (_commit, r"train\.py in HEAD, line 3: both changed it, you and what you accepted; nothing was committed"),
    ],
)
def test_an_unsafe_commit_is_refused_and_nothing_moves(
    campaign: Campaign, spoil: Callable[[Path], None], sentence: str
) -> None:
    kept, seen = read(campaign)
    seen = accepting.accept(campaign.folder, campaign.ledger, seen, cut(campaign, FOURTH), [1, 2])
    spoil(campaign.top)
    text = (campaign.top / "train.py").read_text() if spoil is _commit else FOURTH
    before = git(campaign.top, "rev-parse", "HEAD"), git(campaign.top, "ls-files", "-s")
    with pytest.raises(Refused, match=sentence):
        accepting.commit_accepted(campaign.folder, campaign.ledger, kept, seen, split_lines(text))
    assert before == (git(campaign.top, "rev-parse", "HEAD"), git(campaign.top, "ls-files", "-s"))
