"""Review on a real repository: accept, pull, the price of a revert, commits on the user's branch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loop.record.experiment_facts import Withdrawn
from loop.record.intents import ProposeRequested, WithdrawRequested
from loop.record.types import Author, Refused, Verdict
from loop.review import review
from loop.review.checkout import Checkout
from loop.text.diff import split_lines
from loop.text.holding import Holding, holding
from loop.text.hunks import Hunk, apply, hunks, invert
from loop.text.lineage import Kept, Removal, Reviewed, authors, parts_of
from tests.campaigns import Campaign, git, make_repository

BASE = "import os\nLR = 0.1\nWD = 0.2\n\n\ndef main():\n    print('val_bpb: 1.0')\n\n\nmain()\n"
THIRD = BASE.replace("LR = 0.1", "LR = 0.3")
FOURTH = THIRD.replace("    print", "    clip = 1.0\n    print")


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    made = Campaign(make_repository(tmp_path / "a b", BASE.encode()))
    made.keep(THIRD, "a larger learning rate", 0.99)
    made.keep(FOURTH, "clip the gradient", 0.97)
    return made


def read(campaign: Campaign) -> tuple[Kept, Reviewed]:
    kept = review.read_kept(campaign.repo, campaign.ledger, None)
    seen = review.read_reviewed(campaign.repo, campaign.ledger)
    assert kept is not None and seen is not None
    return kept, seen


def held(campaign: Campaign, text: list[str], removals: tuple[Removal, ...] | None = None) -> Holding:
    known = review.read_removals(campaign.repo, campaign.ledger) if removals is None else removals
    return holding(read(campaign)[0], known, text)


def pulled(campaign: Campaign, text: list[str]) -> list[str]:
    return review.pulled("train.py", held(campaign, text))


def cut(campaign: Campaign, text: str) -> list[Hunk]:
    kept, seen = read(campaign)
    lines = split_lines(text)
    return hunks(seen.lines, lines, authors(parts_of(kept.line, lines)))


def test_the_kept_line_is_extended_not_read_again(campaign: Campaign) -> None:
    kept, _ = read(campaign)
    assert [step.experiment for step in kept.line.steps] == [1, 2]
    campaign.keep(FOURTH.replace("0.2", "0.5"), "decay", 0.96)
    more = review.read_kept(campaign.repo, campaign.ledger, kept)
    assert more == review.read_kept(campaign.repo, campaign.ledger, None)
    assert review.read_kept(campaign.repo, campaign.ledger, more) is more


def test_accept_moves_the_base_by_one_hunk_and_touches_no_file(campaign: Campaign) -> None:
    first, second = cut(campaign, FOURTH)
    _, seen = read(campaign)
    review.accept(campaign.folder, campaign.ledger, seen, [first], [1])
    assert [h.id for h in cut(campaign, FOURTH)] == [second.id]
    assert (campaign.top / "train.py").read_text() == BASE
    assert git(campaign.top, "status", "--porcelain") == ""


def test_a_second_editor_that_accepts_from_an_old_base_is_refused(campaign: Campaign) -> None:
    first, second = cut(campaign, FOURTH)
    _, seen = read(campaign)
    review.accept(campaign.folder, campaign.ledger, seen, [first], [1])
    with pytest.raises(Refused, match="accepted meanwhile"):
        review.accept(campaign.folder, campaign.ledger, seen, [second], [2])


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        pytest.param(BASE, FOURTH, id="a clean text"),
        pytest.param(BASE + "# mine\n", FOURTH + "# mine\n", id="edited"),
        pytest.param("# mine\n" + THIRD, "# mine\n" + FOURTH, id="edited, one keep behind"),
        pytest.param(FOURTH, FOURTH, id="nothing to pull"),
    ],
)
def test_pull_brings_what_is_missing_and_keeps_what_is_mine(campaign: Campaign, mine: str, expected: str) -> None:
    assert "".join(pulled(campaign, split_lines(mine))) == expected


def test_pull_is_refused_where_both_changed_a_line(campaign: Campaign) -> None:
    campaign.keep(FOURTH.replace("LR = 0.3\nWD = 0.2", "LR = 0.5\nWD = 0.9"), "both", 0.9)
    mine = split_lines(FOURTH.replace("LR = 0.3", "LR = 9"))
    with pytest.raises(Refused, match="your own edits and #3 changed the same lines; nothing was changed"):
        pulled(campaign, mine)


def test_a_reverted_hunk_does_not_come_back_with_the_next_pull(campaign: Campaign) -> None:
    (hunk, _) = cut(campaign, FOURTH)
    mine = apply(split_lines(FOURTH), invert(hunk))
    campaign.propose("".join(mine), "Without #1", Author.HUMAN, removes=1)
    assert pulled(campaign, mine) == mine and held(campaign, mine).changed == (1,)
    campaign.judge(3, 0.98)
    assert held(campaign, mine, ()) == Holding(base=tuple(mine), whole=tuple(mine)), "the kept line has it now"


def test_two_reverted_hunks_do_not_come_back_with_the_next_pull_nor_stop_it(campaign: Campaign) -> None:
    mine = split_lines("# mine\n" + BASE)
    campaign.propose(FOURTH.replace("0.3", "0.1"), "Without #1", Author.HUMAN, removes=1)
    campaign.propose(THIRD, "Without #2", Author.HUMAN, removes=2)
    assert pulled(campaign, mine) == mine
    restored = review.restored(campaign.folder, campaign.ledger, read(campaign)[0], mine, 2)
    assert "".join(restored) == "# mine\n" + FOURTH, "who asks for an experiment gets all of it"
    campaign.keep(FOURTH.replace("0.2", "0.5"), "decay", 0.96)
    assert held(campaign, mine).missing == (5,), "what was kept meanwhile is not in it"
    more = pulled(campaign, mine)
    assert "".join(more) == "# mine\n" + BASE.replace("0.2", "0.5")
    assert pulled(campaign, more) == more
    assert held(campaign, split_lines(THIRD)).missing == (5,), "one of them came back: the other did not"


def test_the_price_of_a_hunk_is_asked_of_the_newest_text_that_has_it(campaign: Campaign) -> None:
    kept, seen = read(campaign)
    (hunk, _), where = cut(campaign, FOURTH), (campaign.folder, campaign.ledger, kept, seen)
    answer = review.propose_without(*where, split_lines(FOURTH), [hunk], 1, [1])
    assert "the next 'autoresearch start' takes it up" in answer.message
    asked = campaign.journal.read()[-1].body
    assert isinstance(asked, ProposeRequested)
    assert (asked.text, asked.base, asked.removes) == (FOURTH.replace("0.3", "0.1"), kept.commits[-1], 1)
    assert asked.hypothesis == "Without #1: a larger learning rate"


def test_reverts_stand_until_they_are_taken_back_queued_or_still_to_be_answered(campaign: Campaign) -> None:
    def standing() -> list[tuple[int, bool]]:
        return [(revert.removes, revert.waits) for revert in review.reverts(campaign.ledger)]

    measured = campaign.propose(THIRD, "Without #2", Author.HUMAN, removes=2)
    campaign.judge(measured, 0.98)
    queued = campaign.propose(BASE, "Without #1", Author.HUMAN, removes=1)
    campaign.record(ProposeRequested("x\n", "Without #1", campaign.baseline, 1))
    assert standing() == [(2, False), (1, True), (1, True)]
    assert review.last_revert(campaign.folder)[1][0].new == tuple(split_lines(BASE))
    assert review.withdraw(campaign.folder, 1) == (True, "it will not be measured")
    assert standing() == [(2, False), (1, True)], "the newest is taken back first"
    assert len(review.read_removals(campaign.repo, campaign.ledger)) == 1
    campaign.record(Withdrawn(queued))
    assert standing() == [(2, False)]
    assert review.withdraw(campaign.folder, 1) == (False, "no revert of #1 waits to be measured")
    assert review.withdraw(campaign.folder, 2) == (
        False,
        "#3, without it, is measured and was adopted; measure your edit to bring it back",
    )


def test_a_revert_measured_in_vain_stands_no_more_once_it_is_undone(campaign: Campaign) -> None:
    without = FOURTH.replace("0.3", "0.1")
    measured = campaign.propose(without, "Without #1", Author.HUMAN, removes=1)
    campaign.judge(measured, 1.02, Verdict.DISCARD)
    assert review.withdraw(campaign.folder, 1) == (False, "#3, without it, is measured and was not adopted")
    assert review.reverts(campaign.ledger) == [] and review.read_removals(campaign.repo, campaign.ledger) == ()
    campaign.record(Withdrawn(measured))
    campaign.judge(campaign.propose(without + "# mine\n", "an edit by hand", Author.HUMAN), 0.97)
    assert review.read_removals(campaign.repo, campaign.ledger) == (), "an edit that was asked for later undoes nothing"


def test_of_two_reverts_of_an_experiment_the_very_one_is_taken_back(campaign: Campaign) -> None:
    for text in (BASE, THIRD):
        campaign.record(ProposeRequested(text, "Without #1", campaign.baseline, 1))
    first, second = review.reverts(campaign.ledger)
    assert review.withdraw(campaign.folder, 1, intent=first.intent) == (True, "it will not be measured")
    assert review.reverts(campaign.ledger) == [second]
    campaign.record(WithdrawRequested(1))
    assert review.reverts(campaign.ledger) == [], "a journal that does not say means the newest"


def test_each_accepted_experiment_becomes_one_commit_of_the_user(campaign: Campaign) -> None:
    kept, seen = read(campaign)
    seen = review.accept(campaign.folder, campaign.ledger, seen, cut(campaign, FOURTH), [1, 2])
    (campaign.top / "notes.txt").write_text("staged")
    git(campaign.top, "add", "notes.txt")
    (campaign.top / "train.py").write_text(FOURTH + "# pending\n")
    made = review.commit_accepted(campaign.folder, campaign.ledger, kept, seen, split_lines(FOURTH + "# pending\n"))
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
        review.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)


HALVED, AGAIN = FOURTH.replace("0.3", "0.15"), FOURTH.replace("0.3", "0.075")


@pytest.fixture
def twice(campaign: Campaign) -> Campaign:
    """#1, #3 and #4 wrote one line in turn."""
    campaign.keep(HALVED, "halve it", 0.96)
    campaign.keep(AGAIN, "halve it again", 0.95)
    return campaign


def test_the_price_of_a_hunk_that_several_wrote_is_that_of_all_their_work(twice: Campaign) -> None:
    kept, seen = read(twice)
    (hunk, _), where = cut(twice, AGAIN), (twice.folder, twice.ledger, kept, seen)
    review.propose_without(*where, split_lines(AGAIN), [hunk], 4, [1, 3, 4])
    asked = twice.journal.read()[-1].body
    assert isinstance(asked, ProposeRequested)
    assert (asked.text, asked.base, asked.removes) == (AGAIN.replace("0.075", "0.1"), kept.commits[-1], 4)
    assert asked.hypothesis == "Without #1 #3 #4: a larger learning rate; halve it; halve it again"


def test_a_commit_names_all_that_wrote_what_it_changes(twice: Campaign) -> None:
    kept, seen = read(twice)
    seen = review.accept(twice.folder, twice.ledger, seen, cut(twice, AGAIN), [1, 2, 3, 4])
    (twice.top / "train.py").write_text(AGAIN)
    shown = split_lines(AGAIN.removesuffix("\n"))  # Neovim writes the missing line end and does not show it
    made = review.commit_accepted(twice.folder, twice.ledger, kept, seen, shown)
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
    seen = review.accept(twice.folder, twice.ledger, seen, cut(twice, AGAIN), [1, 2, 3, 4])
    (twice.top / "train.py").write_text(AGAIN)
    assert [wrote for wrote, _ in review.commit_accepted(twice.folder, twice.ledger, kept, seen, None)] == [(4,)]


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
    seen = review.accept(campaign.folder, campaign.ledger, seen, cut(campaign, FOURTH), [1, 2])
    (campaign.top / "train.py").write_text(mine)
    git(campaign.top, "commit", "-q", "-a", "-m", "own")
    made = review.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)
    assert made[-1][0] == (2,)
    assert git(campaign.top, "show", "HEAD:train.py") == expected
    with pytest.raises(Refused, match="committed already"):
        review.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)


def test_what_was_not_committed_when_the_campaign_began_is_not_committed_with_it(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "r", BASE.replace("0.1", "0.7").encode())
    dirty = BASE.replace("import os\n", "import os, re\n")
    (top / "train.py").write_text(dirty)
    campaign = Campaign(top)
    text = dirty.replace("0.1", "0.3")
    campaign.keep(text, "a larger learning rate", 0.99)
    kept, seen = read(campaign)
    seen = review.accept(campaign.folder, campaign.ledger, seen, cut(campaign, text), [1])
    assert len(review.commit_accepted(campaign.folder, campaign.ledger, kept, seen, None)) == 1
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
    seen = review.accept(campaign.folder, campaign.ledger, seen, cut(campaign, FOURTH), [1, 2])
    spoil(campaign.top)
    text = (campaign.top / "train.py").read_text() if spoil is _commit else FOURTH
    before = git(campaign.top, "rev-parse", "HEAD"), git(campaign.top, "ls-files", "-s")
    with pytest.raises(Refused, match=sentence):
        review.commit_accepted(campaign.folder, campaign.ledger, kept, seen, split_lines(text))
    assert before == (git(campaign.top, "rev-parse", "HEAD"), git(campaign.top, "ls-files", "-s"))


def test_texts_come_in_order_and_a_missing_one_is_named(campaign: Campaign) -> None:
    repo = Checkout(campaign.folder)
    commits = [e.commit for e in campaign.ledger.experiments.values()]
    assert list(repo.texts(commits * 40, "train.py")) == [BASE, THIRD, FOURTH] * 40


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BASE, r"this text is that of #0; adopting it would undo 2 kept patches, #1 #2 \(−0\.0300 together\)"),
        (THIRD, r"this text is that of #1; adopting it would undo 1 kept patch, #2 \(−0\.0200 together\)"),
        (THIRD.replace("\n", "\r\n"), r"this text is that of #1;"),
        (FOURTH, "this text is the incumbent; there is nothing to measure"),
        (FOURTH.replace("LR = 0.3", "LR = 0.1"), "this text has no change of yours; adopting it would undo 1 kept"),
    ],
)
def test_a_file_that_would_only_undo_what_was_kept_is_refused(campaign: Campaign, text: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        review.propose_file(campaign.folder, text, "the file on disk")
    assert text == FOURTH or "If you mean that: autoresearch propose --as-is FILE" in str(refused.value)
    assert not [e for e in campaign.journal.read() if isinstance(e.body, ProposeRequested)]


def test_a_file_is_measured_with_the_keeps_that_it_lacks_or_as_it_is(campaign: Campaign) -> None:
    mine = BASE.replace("WD = 0.2", "WD = 0.9")
    assert "; measured with #1 #2, which this text lacks" in review.propose_file(campaign.folder, mine, "mine").message
    review.propose_file(campaign.folder, BASE, "back", as_is=True)
    asked = [e.body.text for e in campaign.journal.read() if isinstance(e.body, ProposeRequested)]
    assert asked == [FOURTH.replace("WD = 0.2", "WD = 0.9"), BASE]
