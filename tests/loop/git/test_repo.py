"""What the loop commits is what training reads, refs move from where they were expected, the user's files stay."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.git.repo import STALE_LOCK_S, Repo
from loop.record.types import RepoError
from tests.loop.git.user import AT, footprint, git, lay, status, tree, write_everywhere

# Texts.

TEXTS = {
    "empty": "",
    "no final newline": "a = 1",
    "CRLF": "a = 1\r\nb = 2\r\n",
    "mixed": "a\r\nb\nc\rd",
    "byte order mark and blank lines": "\ufeffa = 'ü'\n\n\n",
    "a keyword git might expand": "# $Id$\n",
}
CONVERSIONS = [
    "", "* text=auto\n", "*.py text eol=crlf\n", "*.py ident\n", "*.py filter=shout\n",
    "*.py working-tree-encoding=UTF-16\n",
]  # fmt: skip


@pytest.mark.parametrize("autocrlf", ["false", "true"])
@pytest.mark.parametrize("attributes", CONVERSIONS)
def test_training_reads_exactly_the_text_that_was_committed(attributes: str, autocrlf: str, texts_repo: Repo):
    repo = texts_repo
    git(repo.top, "config", "core.autocrlf", autocrlf)
    git(repo.top, "config", "core.eol", "crlf")
    head = git(repo.top, "rev-parse", "HEAD").strip()
    base = repo.commit_text(head, ".gitattributes", attributes, "attributes", AT)
    for name, text in TEXTS.items():
        commit = repo.commit_text(base, "train.py", text, "try", AT)
        slot = lay(repo, commit)
        assert repo.text_at(commit, "train.py") == text, name
        assert (slot / "train.py").read_bytes() == text.encode(), name
        assert (slot / "program.md").read_bytes() == b"Lower val_bpb.\n"


@pytest.fixture
def texts_repo(repository: Path) -> Repo:
    (repository / ".gitattributes").touch()
    git(repository, "config", "filter.shout.smudge", "tr a-z A-Z")
    git(repository, "config", "filter.shout.clean", "tr A-Z a-z")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "attributes")
    return Repo(repository)


def test_a_users_filter_serves_the_files_that_are_not_the_canvas(texts_repo: Repo):
    repo = texts_repo
    (repo.top / ".gitattributes").write_text("*.bin filter=shout\n")
    (repo.top / "data.bin").write_text("POINTED AT")
    commit = repo.snapshot("baseline", AT)
    assert repo.text_at(commit, "data.bin") == "pointed at"
    assert (lay(repo, commit) / "data.bin").read_text() == "POINTED AT"


@pytest.mark.parametrize(("path", "sentence"), [
    ("missing.py", "missing.py: not in commit .*; does git ignore it"),
    ("latin.py", "latin.py: not UTF-8 at byte 5; save it as UTF-8"),
])  # fmt: skip
def test_a_text_that_cannot_be_read_is_named(path: str, sentence: str, repository: Path):
    (repository / "latin.py").write_bytes(b"# caf\xe9\n")
    repo = Repo(repository)
    with pytest.raises(RepoError, match=sentence):
        repo.text_at(repo.snapshot("baseline", AT), path)


def test_committing_a_text_changes_one_file_keeps_its_mode_and_is_deterministic(repository: Path):
    (repository / "train.py").chmod(0o755)
    (repository / "a").mkdir()
    (repository / "a" / "ü.py").write_text("x")
    repo = Repo(repository)
    base = repo.snapshot("baseline", AT)
    new = repo.commit_text(base, "train.py", "LR = 2\n", "try\n\nExperiment: 1", AT)
    assert new == Repo(repository).commit_text(base, "train.py", "LR = 2\n", "try\n\nExperiment: 1\n", AT + 0.4)
    assert tree(repo, new) == tree(repo, base)
    assert tree(repo, new)["train.py"] == "100755"
    assert git(repository, "diff-tree", "-r", "--name-only", base, new) == "train.py\n"
    assert git(repository, "log", "-1", "--format=%B%P", new) == f"try\n\nExperiment: 1\n{base}\n"
    git(repository, "fsck", "--strict", new)


@pytest.mark.parametrize("path", ["missing.py", "link.py", "folder", "folder/missing.py", "train.py/x"])
def test_only_an_ordinary_file_that_exists_is_replaced(path: str, repository: Path):
    (repository / "link.py").symlink_to("train.py")
    (repository / "folder").mkdir()
    (repository / "folder" / "a.py").touch()
    repo = Repo(repository)
    with pytest.raises(RepoError, match="no ordinary file of that name"):
        repo.commit_text(repo.snapshot("baseline", AT), path, "x", "try", AT)


# Refs.


def test_a_ref_moves_only_from_where_it_was_expected(repository: Path):
    repo = Repo(repository)
    base = repo.snapshot("baseline", AT)
    one, two = (repo.commit_text(base, "train.py", f"LR = {n}\n", "try", AT) for n in (1, 2))
    name = repo.branch("c")
    assert repo.ref(name) is None
    repo.move_ref(name, base, None)
    repo.move_ref(name, base, None)  # a replay after a crash
    repo.move_ref(name, one, base)
    repo.move_ref(name, one, base)
    with pytest.raises(RepoError, match=r"moved meanwhile, expected .*, found .*; read it again"):
        repo.move_ref(name, two, base)
    with pytest.raises(RepoError, match="moved meanwhile"):
        repo.move_ref(name, two, None)
    assert repo.ref(name) == one


def test_the_lock_of_a_killed_writer_is_cleared_and_that_of_a_living_one_is_not(repository: Path):
    repo = Repo(repository)
    base, name = repo.snapshot("baseline", AT), repo.attempt_ref("c", 7)
    lock = repository / ".git" / f"{name}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(RepoError, match="File exists"):
        repo.move_ref(name, base, None)
    os.utime(lock, (AT, lock.stat().st_mtime - STALE_LOCK_S - 1))
    repo.move_ref(name, base, None)
    assert repo.ref(name) == base


def test_a_branch_in_the_way_of_ours_is_named(repository: Path):
    git(repository, "branch", "autoresearch")
    repo = Repo(repository)
    with pytest.raises(RepoError, match="rename your branch 'autoresearch'"):
        repo.move_ref(repo.branch("c"), repo.snapshot("baseline", AT), None)


def test_of_many_writers_at_once_exactly_one_moves_the_ref(repository: Path):
    repo = Repo(repository)
    base = repo.snapshot("baseline", AT)
    repo.move_ref(repo.branch("c"), base, None)
    won: list[str] = []

    def write(number: int) -> None:
        mine = Repo(repository)
        commit = mine.commit_text(base, "train.py", f"LR = {number}\n", "try", AT)
        try:
            mine.move_ref(mine.branch("c"), commit, base)
            won.append(commit)
        except RepoError:
            pass

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [repo.ref(repo.branch("c"))]
    git(repository, "fsck", "--strict")


# Diff.


def test_a_diff_whatever_the_users_settings(repository: Path):
    git(repository, "config", "diff.noprefix", "true")
    (repository / ".gitattributes").write_text("*.py -diff\n")
    (repository / "trän.py").write_text("LR = 0.1\nB = 2")
    repo = Repo(repository)
    base = repo.snapshot("baseline", AT)
    new = repo.commit_text(base, "trän.py", "LR = 0.2\nB = 2\nC = 3\n", "try", AT)
    assert "--- a/trän.py\n+++ b/trän.py\n@@ -1,2 +1,3 @@\n-LR = 0.1\n-B = 2\n\\ No newline" in repo.diff(
        base, new, "trän.py"
    )
    assert repo.diff(base, base, "trän.py") == ""


# Exports.


def test_exports_are_hidden_once_and_only_in_the_campaigns_folder(repository: Path):
    folder = repository / "a [b] ü"
    folder.mkdir()
    exclude = repository / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("*.mine")
    for _ in range(2):
        Repo(folder).exclude(["results.tsv", "progress.png"])
    for place in (folder, repository):
        (place / "results.tsv").touch()
    assert exclude.read_text() == "*.mine\n/a \\[b] ü/results.tsv\n/a \\[b] ü/progress.png\n"
    assert git(repository, "status", "--porcelain") == "?? results.tsv\n"


# Everything at once.

ACTS = ["snapshot", "commit", "move", "lay", "run", "diff", "exclude"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.text(max_size=30)), min_size=1, max_size=8))
def test_no_sequence_of_our_acts_changes_anything_of_the_users(acts, repository: Path):
    (repository / "train.py").write_text("LR = 0.4\n")
    (repository / "staged.py").write_text("s\n")
    git(repository, "add", "staged.py")
    (repository / "staged.py").write_text("edited since\n")
    repo = Repo(repository)
    repo.exclude(["results.tsv"])
    commits = [repo.snapshot("baseline", AT)]
    before, told = footprint(repository), status(repository)
    for act, text in acts:
        perform(repo, act, text, commits)
    assert (footprint(repository), status(repository)) == (before, told)


def perform(repo: Repo, act: str, text: str, commits: list[str]) -> None:
    slot = repo.home.slots / "0"
    match act:
        case "snapshot":
            commits.append(repo.snapshot(text, AT))
        case "commit":
            commits.append(repo.commit_text(commits[-1], "train.py", text, text, AT))
            assert repo.text_at(commits[-1], "train.py") == text
        case "move":
            repo.move_ref(repo.branch("c"), commits[-1], repo.ref(repo.branch("c")))
        case "lay":
            repo.lay(commits[-1], slot, "train.py")
            assert (slot / "train.py").read_bytes().decode() == repo.text_at(commits[-1], "train.py")
        case "run" if slot.exists():
            write_everywhere(slot)
        case "diff":
            texts = [repo.text_at(c, "train.py") for c in (commits[0], commits[-1])]
            assert (repo.diff(commits[0], commits[-1], "train.py") == "") == (texts[0] == texts[1])
        case "exclude":
            repo.exclude(["results.tsv"])
