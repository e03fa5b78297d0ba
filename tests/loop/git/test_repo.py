"""The user's repository is safe, whatever state it is in, and what the loop commits is what training reads."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.git.repo import LARGEST_UNTRACKED, STALE_LOCK_S, Git, Repo
from loop.record.types import Refused, RepoError

AT = 1_700_000_000.0


def git(folder: Path, *args: str) -> str:
    """Run the real git as a user would, and return what it prints."""
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout


def footprint(top: Path) -> dict[str, object]:
    """Everything of the user's that must not change: every file, the index, HEAD, their branches, the status."""
    ours = ("autoresearch", "objects", "refs/autoresearch", "refs/heads/autoresearch", "logs/refs/heads/autoresearch")
    skip = {f".git/{name}" for name in ours}
    found: dict[str, object] = {}
    for folder, names, files in os.walk(top):
        here = os.path.relpath(folder, top)
        names[:] = [name for name in names if os.path.normpath(f"{here}/{name}") not in skip]
        for name in files + [name for name in names if os.path.islink(os.path.join(folder, name))]:
            path = Path(folder, name)
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            stat = path.lstat()
            # Git itself freshens the time of a shared index whenever it reads it.
            time = 0 if name.startswith("sharedindex.") else stat.st_mtime_ns
            found[str(path)] = (hashlib.sha256(data).hexdigest(), stat.st_mode, time, stat.st_ino)
    return found


def status(top: Path) -> str:
    return git(top, "--no-optional-locks", "status", "--porcelain=v2", "--branch")


def tree(repo: Repo, commit: str) -> dict[str, str]:
    """Paths of a commit and their modes."""
    entries = git(repo.top, "ls-tree", "-r", "-z", commit).split("\0")[:-1]
    return {entry.split("\t", 1)[1]: entry.split()[0] for entry in entries}


def laid(slot: Path) -> dict[str, bytes]:
    """Files of a slot and their bytes; a link counts by its target."""
    walk = [Path(folder, name) for folder, dirs, files in os.walk(slot) for name in files + dirs]
    return {
        path.relative_to(slot).as_posix(): os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
        for path in walk
        if path.is_symlink() or path.is_file()
    }


def lay(repo: Repo, commit: str, canvas: str = "train.py") -> Path:
    slot = repo.home.slots / "0"
    repo.lay(commit, slot, canvas)
    return slot


# Snapshot: what is on disk, and nothing of the user's changes.


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


# Refusals.


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


def obey_permissions() -> None:
    """Let even root be refused by file permissions (capabilities 1 and 2 are dropped at the coming exec)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", lambda *_: None)
    for capability in (1, 2):
        prctl(24, capability, 0, 0, 0)


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


# Slots.


def write_everywhere(slot: Path) -> None:
    (slot / "train.py").write_text("LR = 9.9\n")
    (slot / "model.ckpt").touch()
    (slot / "__pycache__").mkdir(exist_ok=True)
    (slot / "__pycache__" / "x.pyc").touch()


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
