"""A confined run sees its slot, its run's folder, its interpreter and its data; not the user, the network or a key."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest

from loop.trust import sandbox
from loop.trust.places import Needed, mode_of
from loop.trust.probe import probe
from loop.trust.sandbox import BUBBLEWRAP, Sandbox, environment, online

confining = pytest.mark.bubblewrap


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A home, a repository with a slot in its git folder, and data with sealed rows, in paths with odd characters."""
    home, top = tmp_path / "höme dir", tmp_path / "re po"
    slot = top / ".git" / "autoresearch" / "slots" / "a"
    data = home / ".cache" / "autoresearch"
    run = top / ".git" / "autoresearch" / "run-1"
    for folder in (slot, data / "sealed", run, home / ".ssh"):
        folder.mkdir(parents=True)
    for path in (home / ".ssh" / "id", top / "train.py", top / ".git" / "config", data / "train.bin"):
        path.write_text("content")
    for path in (data / "sealed" / "rows", data / "audit.bin", slot / "prepare.py", slot / "train.py"):
        path.write_text("content")
    monkeypatch.setenv("HOME", str(home))
    return {"home": home, "top": top, "slot": slot, "data": data, "run": run}


def confine(places: dict[str, Path], **options: object) -> tuple[str, ...]:
    settings = {
        "slot": places["slot"],
        "run_dir": places["run"],
        "top": places["top"],
        "python": sys.executable,
        "readable": [places["data"]],
        "protect": [places["slot"] / "prepare.py"],
        "hidden": [places["data"] / "sealed", places["data"] / "audit.bin"],
        **options,
    }
    return probe().wrap(**settings)  # type: ignore[arg-type]


def inside(places: dict[str, Path], code: str, *args: object, **options: object) -> str:
    """Run code in the sandbox and return what it prints."""
    argv = [*confine(places, **options), sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(
        argv, cwd=places["slot"], env=environment(places["run"], {}), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


READ = "import sys\nfor p in sys.argv[1:]:\n try: print(open(p).read() or 'empty')\n except OSError: print('no')"
WRITE = "import sys\nfor p in sys.argv[1:]:\n try: open(p, 'w'); print('yes')\n except OSError: print('no')"


@confining
def test_home_and_repository_cannot_be_read(places: dict[str, Path]) -> None:
    paths = [places["home"] / ".ssh/id", places["top"] / "train.py", places["top"] / ".git/config", __file__]
    assert inside(places, READ, *paths[:3]).split() == ["no"] * 3
    assert inside(places, READ, paths[3], top=Path(__file__).parents[3]) == "no"


@confining
def test_data_can_be_read_and_sealed_rows_cannot(places: dict[str, Path]) -> None:
    names = ("train.bin", "sealed/rows", "audit.bin")
    assert inside(places, READ, *(places["data"] / name for name in names)).split() == ["content", "no", "no"]


@confining
def test_sealed_rows_cannot_be_read_through_a_link_to_the_data(places: dict[str, Path]) -> None:
    link = places["home"] / "link"
    link.symlink_to(places["data"])
    names = ("train.bin", "sealed/rows", "audit.bin")
    found = inside(places, READ, *(link / name for name in names), readable=[link])
    assert found.split() == ["content", "no", "no"]


@confining
def test_data_on_a_ram_disk_can_be_read_and_nothing_beside_it(places: dict[str, Path]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        lent, other = Path(disk, "lent"), Path(disk, "other")
        lent.write_text("content")
        other.write_text("content")
        assert inside(places, READ, lent, other, readable=[lent]).split() == ["content", "no"]
        assert inside(places, WRITE, lent, readable=[lent]) == "no"


@confining
def test_only_the_slot_and_the_runs_folder_can_be_written(places: dict[str, Path]) -> None:
    yes = [places["slot"] / "new", places["slot"] / "train.py", places["run"] / "checkpoint.pt"]
    no = [places["data"] / "train.bin", places["slot"] / "prepare.py", "/etc/new", f"{sys.prefix}/new"]
    assert inside(places, WRITE, *yes, *no).split() == ["yes"] * 3 + ["no"] * 4
    assert (places["slot"] / "prepare.py").read_text() == "content"


@confining
def test_a_protected_file_cannot_be_replaced(places: dict[str, Path]) -> None:
    code = "import os\ntry: os.replace('new', 'prepare.py')\nexcept OSError: print('no')"
    (places["slot"] / "new").write_text("tampered")
    assert inside(places, code) == "no"


@confining
@pytest.mark.parametrize("network", [False, True])
def test_the_network_is_reachable_only_when_it_is_told_so(places: dict[str, Path], network: bool) -> None:
    code = "import socket; print(len(socket.if_nameindex()), end=' ')\ns = socket.socket()\n"
    code += "try: s.connect(('127.0.0.1', 9)); print('open')\nexcept OSError as e: print(type(e).__name__)"
    interfaces, found = inside(places, code, network=network).split()
    # The sandbox has a loopback of its own, on which nobody listens.
    assert (int(interfaces) > 1 or os.environ.get("CI") is not None) if network else interfaces == "1"
    assert found == "ConnectionRefusedError"


@confining
def test_a_server_on_this_machine_cannot_be_reached(places: dict[str, Path]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import socket, sys\ns = socket.socket()\ntry: s.connect(('127.0.0.1', int(sys.argv[1]))); print('open')\n"
        )
        code += "except OSError: print('no')"
        port = server.getsockname()[1]
        assert inside(places, code, port) == "no"
        assert inside(places, code, port, network=True) == "open"


@confining
def test_other_processes_cannot_be_seen(places: dict[str, Path]) -> None:
    pids = inside(places, "import os; print(*[n for n in os.listdir('/proc') if n.isdigit()])").split()
    assert len(pids) <= 2 and str(os.getpid()) not in pids[1:]


@confining
def test_the_gate_and_other_inherited_descriptors_pass(places: dict[str, Path]) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"go\n")
    code = "import os, sys; print(os.read(int(sys.argv[1]), 1))"
    argv = [*confine(places), sys.executable, "-c", code, str(reading)]
    found = subprocess.run(argv, pass_fds=[reading], capture_output=True, text=True).stdout
    os.close(reading), os.close(writing)
    assert found == "b'g'\n"


@confining
def test_an_interpreter_inside_the_repository_comes_back(places: dict[str, Path]) -> None:
    python = places["top"] / ".venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", places["top"] / ".venv"], check=True)
    argv = [*confine(places, python=str(python)), str(python), "-c", "import sys; print(sys.prefix)"]
    assert subprocess.run(argv, capture_output=True, text=True).stdout.strip() == str(places["top"] / ".venv")


@confining
def test_the_checkout_does_not_come_back_with_an_editable_install(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "interpreter", lambda python: Needed((Path(sys.prefix),), (places["top"],)))
    assert inside(places, "import os, sys; print(os.listdir(sys.argv[1]))", places["top"]) == "['.git']"


CANARIES = {
    "ANTHROPIC_API_KEY": "canary-1",
    "OPENAI_API_KEY": "canary-2",
    "NVIDIA_API_KEY": "canary-3",
    "CUDA_REGISTRY_TOKEN": "canary-4",
    "LC_PASSWORD": "canary-5",
    "GITHUB_TOKEN": "canary-6",
    "AWS_SECRET_ACCESS_KEY": "canary-7",
    "LC_ODD": "sk-ant-canary-8",
    "OMP_URL": "https://user:canary-9@example.org",
    "http_proxy": "http://user:canary-10@example.org",
    "SSH_AUTH_SOCK": "/canary-11",
    "PYTHONPATH": "/canary-12",
    "LD_PRELOAD": "/canary-13",
    "PYTORCH_HFTOKEN": "hf_canary-14",
}


@pytest.mark.parametrize("confined", [pytest.param(True, marks=confining), False])
def test_no_key_reaches_a_run(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, confined: bool) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    extra = {"AUTORESEARCH_SEED": "3", "TOKENIZERS_PARALLELISM": "false", "X_TOKEN": "canary"}
    variables = environment(places["run"], extra)
    argv = [*(confine(places) if confined else ()), "env"]
    found = subprocess.run(argv, env=variables, capture_output=True, text=True).stdout
    assert "canary" not in found
    assert "AUTORESEARCH_SEED=3" in found and "TOKENIZERS_PARALLELISM=false" in found


def test_what_a_run_needs_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "2", "LANG": "C.UTF-8", "LC_ALL": "C", "TZ": "UTC"}
    for name, value in {**wanted, "AUTORESEARCH_CACHE": "/data"}.items():
        monkeypatch.setenv(name, value)
    found = environment(tmp_path, {"AUTORESEARCH_RUN": "/run"})
    assert wanted.items() <= found.items()
    assert (found["HOME"], found["TMPDIR"]) == (str(tmp_path / "home"), str(tmp_path / "tmp"))
    assert (found["AUTORESEARCH_CACHE"], found["AUTORESEARCH_RUN"]) == ("/data", "/run")


def test_proxies_mirror_and_token_are_for_downloads_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"https_proxy": "http://proxy:3128", "HF_ENDPOINT": "https://mirror", "HF_TOKEN": "hf_canary9999999"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert names.items() <= online().items()
    assert not names.keys() & environment(tmp_path, {}).keys()


@confining
def test_of_the_machine_only_the_system_is_there_where_the_score_is_sealed(places: dict[str, Path]) -> None:
    code = "import os, sys; print(*[os.path.exists(p) for p in sys.argv[1:]])"
    others = [p for p in ("/mnt", "/srv", "/home", "/var/lib", "/media", "/boot") if os.path.isdir(p)]
    found = inside(places, code, "/usr", "/etc/passwd", places["data"] / "train.bin", *others, system_only=True)
    assert found.split() == ["True"] * 3 + ["False"] * len(others)
    assert "False" not in inside(places, code, *others)


@confining
def test_a_name_that_leads_through_a_link_leads_there_without_the_machine_too(places: dict[str, Path]) -> None:
    named = places["home"].parent / "named"
    named.symlink_to(places["data"].parent)
    lent = named / "autoresearch"
    assert inside(places, READ, lent / "train.bin", readable=[lent], system_only=True) == "content"


@confining
@pytest.mark.parametrize("system_only", [False, True])
def test_read_only_nothing_of_a_run_can_be_written(places: dict[str, Path], system_only: bool) -> None:
    no = [places["slot"] / "new", places["slot"] / "train.py", places["run"] / "checkpoint.pt"]
    options = {"read_only": True, "system_only": system_only}
    assert inside(places, WRITE, *no, **options).split() == ["no"] * 3
    assert inside(places, READ, no[1], **options) == "content"


def test_a_process_that_ends_while_proc_is_read_weakens_nothing() -> None:
    class Ended:
        def stat(self, follow_symlinks: bool) -> os.stat_result:
            raise FileNotFoundError

    assert mode_of(Ended()) & 0o5 == 0o5  # type: ignore[arg-type]


def test_the_network_and_the_folders_are_shared_as_asked_whatever_works_here(places: dict[str, Path]) -> None:
    """The command line itself: where bubblewrap is missing the tests above are skipped."""
    needed = Needed((), ())
    where = {"slot": places["slot"], "run_dir": places["run"], "top": places["top"], "python": needed}
    alone, open_wide, read_only = (
        Sandbox(BUBBLEWRAP, "bwrap").wrap(**where, **options)  # type: ignore[arg-type]
        for options in ({}, {"network": True}, {"read_only": True})
    )
    assert "--unshare-net" in alone and "--unshare-net" not in open_wide
    slot = str(places["slot"].resolve())
    assert alone[alone.index(slot) - 1] == "--bind" and read_only[read_only.index(slot) - 1] == "--ro-bind"


def test_the_git_folder_of_a_linked_worktree_is_not_seen(tmp_path: Path) -> None:
    main, work, run = tmp_path / "main", tmp_path / "work", tmp_path / "run"
    run.mkdir()
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@x")
    subprocess.run([*git, "init", "-q", str(main)], check=True)
    subprocess.run([*git, "-C", str(main), "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "-C", str(main), "worktree", "add", "-q", str(work)], check=True)
    argv = Sandbox(BUBBLEWRAP, "bwrap").wrap(slot=run, run_dir=run, top=work, python=Needed((), ()))
    covered = {place for option, place in pairwise(argv) if option == "--tmpfs"}
    assert {str(work.resolve()), str((main / ".git").resolve())} <= covered
