"""What the profile for macOS's `sandbox-exec` lets a run do, asked of a small reader of profiles. Not run on a Mac."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.trust import seatbelt
from loop.trust.places import Needed
from loop.trust.sandbox import SEATBELT
from loop.trust.seatbelt import Seatbelt
from tests.loop import macos
from tests.loop.trust.sandbox_exec import parse
from tests.loop.trust.sbpl import Malformed, Profile

# What a profile's text, a parameter and a shell could each take for their own.
ODD = """a "b" 'c' \\ (param "PATH0") $HOME `d` = #"^" ; höme \N{SNOWMAN}"""


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Path]]:
    """A home with data and a Python in it and a repository with a slot, below an odd name and a link to that."""
    with tempfile.TemporaryDirectory(prefix="seatbelt-") as name:
        top = Path(name).resolve() / ODD
        work = top / "home" / "work"
        found = {
            "home": top / "home",
            "work": work,
            "slot": work / ".git" / "slots" / "a",
            "run": work / ".git" / "runs" / "1",
            "data": top / "home" / "data",
            "sealed": top / "home" / "data" / "sealed",
            "python": top / "home" / ".venv",
            "private": top / "private",
            "other": top / "other",
        }
        for folder in (*found.values(), found["slot"] / "campaign"):
            folder.mkdir(parents=True, exist_ok=True)
        for file in ("prepare.py", "train.py"):
            (found["slot"] / "campaign" / file).write_text("text")
        (Path(name) / "link").symlink_to(top)
        with mock.patch.dict("os.environ", {"HOME": str(found["home"])}):
            yield found


def wrap(places: dict[str, Path], **options: object) -> tuple[str, ...]:
    settings = {
        "slot": places["slot"],
        "run_dir": places["run"],
        "top": places["work"],
        "python": Needed((places["python"],), ()),
        "readable": [places["data"]],
        "protect": [places["slot"] / "campaign" / name for name in ("prepare.py", "train.py")],
        "hidden": [places["sealed"]],
        "system_only": True,
        **options,
    }
    return Seatbelt(SEATBELT).wrap(**settings)  # type: ignore[arg-type]


def profile(places: dict[str, Path], **options: object) -> Profile:
    """Return what a command line says; of a scorer's with the folder that its shell finds."""
    argv = wrap(places, **options)
    at = argv.index(seatbelt.PROGRAM)
    own = ["-D", f"OWN={places['private']}", "-D", f"BESIDE={places['private'].parent}"] if at else []
    found, command = parse([*own, *argv[at + 1 :]])
    assert command == []
    return found


NAMES = st.lists(st.text("ab \"'\\\\()é;#.", min_size=1, max_size=5).filter(lambda n: n.strip(".")), max_size=4)


@given(
    where=st.sampled_from(["home", "work", "slot", "run", "data", "sealed", "python", "private", "other"]), names=NAMES
)
def test_a_run_writes_to_its_own_folders_and_reads_what_it_is_given_and_nothing_else(
    places: dict[str, Path], where: str, names: list[str]
) -> None:
    path = places[where].joinpath("x", *names)  # none of the folders that are named above
    training, scoring = profile(places), profile(places, system_only=False, read_only=True, readable=[])
    assert training.writes(path) is (where in ("slot", "run"))
    assert training.reads(path) is (where in ("slot", "run", "data", "python"))
    assert scoring.reads(path) is (where in ("slot", "run", "python", "private"))
    assert scoring.allows("file-write-create", str(path)) is (where == "private")
    # Beside its own it may write to what it has open, and open nothing to read: all of this lies in one folder here.
    assert scoring.allows("file-write-data", str(path)) is True


def test_what_is_pinned_can_be_neither_written_nor_replaced(places: dict[str, Path]) -> None:
    for options in ({}, {"network": True, "system_only": False}):
        found, folder = profile(places, **options), places["slot"] / "campaign"
        for name in ("prepare.py", "train.py"):
            assert found.reads(folder / name) and not found.writes(folder / name)
        assert found.writes(folder / "new") and found.writes(places["slot"] / "train.py")
        assert not found.allows("file-write-unlink", str(folder)), "renamed, another one could take its place"
        assert not found.allows("file-link", str(folder / "train.py")), "by another name it could be written"


def test_what_is_hidden_in_a_runs_own_folder_stays_so_where_its_folder_is_renamed(places: dict[str, Path]) -> None:
    corpus = places["slot"] / "texts" / "deep" / "corpus.txt"
    corpus.parent.mkdir(parents=True)
    corpus.write_text("text")
    found = profile(places, hidden=[corpus])
    assert not found.reads(corpus) and not found.writes(corpus)
    for folder in corpus.parents[:2]:
        assert not found.allows("file-write-unlink", str(folder)), "by another path it could be read"
        assert found.writes(folder / "new")


def test_of_the_machine_a_sealed_run_sees_the_system(places: dict[str, Path]) -> None:
    found = profile(places)
    for path in ("/usr/lib/libobjc.dylib", "/System/Library/Frameworks/Metal.framework/Metal", "/opt/x/lib", "/"):
        if Path("/", *Path(path).parts[1:2]).exists() or path.startswith("/usr"):
            assert found.reads(path) and not found.writes(path)
    for path in ("/Users/me/.ssh/id", "/System/Volumes/Data/Users/me/.ssh/id", "/Volumes/disk/x", "/private/tmp/x"):
        assert not found.reads(path) and not found.writes(path)
    assert found.allows("file-write-data", "/dev/null") and not found.allows("file-write-unlink", "/dev/null")
    assert not found.reads("/dev/disk0")


def test_a_script_that_measures_itself_sees_the_machine_but_no_home(places: dict[str, Path]) -> None:
    found = profile(places, system_only=False, network=True)
    assert found.reads("/Volumes/disk/x") and not found.writes("/Volumes/disk/x")
    home = places["home"] / ".ssh" / "id"
    for path in (home, f"/System/Volumes/Data{home}", "/dev/disk0", "/opt/homebrew/var/mysql/x", "/tmp/x"):
        assert not found.reads(path)


@pytest.mark.parametrize("network", [False, True])
def test_the_network_is_there_only_where_it_is_told_so(places: dict[str, Path], network: bool) -> None:
    found = profile(places, network=network)
    for operation in ("network-outbound", "network-bind", "network-inbound"):
        assert found.allows(operation, "('1.1.1.1', 443)") is network
        assert found.allows(operation, "/private/var/run/mDNSResponder") is network
        assert found.allows(operation, str(places["run"] / "tmp" / "shm.sock")), "torch's shared memory manager"
    assert found.allows("mach-lookup", "com.apple.trustd") is network
    assert not profile(places, read_only=True).allows("network-bind", str(places["run"] / "x")), "nobody to talk to"


def test_of_other_processes_nothing_is_seen_and_none_is_signalled(places: dict[str, Path]) -> None:
    found = profile(places)
    for operation in ("signal", "process-info-pidinfo", "process-info-listpids"):
        assert found.allows(operation, "same-sandbox") and not found.allows(operation, "others")
    # A rule for all of sysctl-read would show their environment, whatever is denied after it.
    assert found.allows("sysctl-read", "hw.ncpu") and not found.allows("sysctl-read", "kern.procargs2")
    assert not found.allows("mach-lookup", "com.apple.coreservices.launchservicesd"), "it starts programs outside"


def test_what_a_gpu_and_openmp_need_is_allowed(places: dict[str, Path]) -> None:
    for options in ({}, {"read_only": True}):
        found = profile(places, **options)
        assert found.allows("iokit-open", "AGXDeviceUserClient")
        assert found.allows("mach-lookup", "com.apple.MTLCompilerService")
        assert found.allows("ipc-posix-shm-write-create", "/__KMP_REGISTERED_LIB_123_501")
        assert not found.allows("ipc-posix-shm-write-create", "/word")
        assert found.allows("ipc-posix-sem") is not bool(options), "models that are scored have no locks in common"


def test_a_path_is_never_part_of_the_profiles_text(places: dict[str, Path]) -> None:
    argv = wrap(places)
    text = argv[argv.index("-p") + 1]
    assert ODD not in text and str(places["home"]) not in text and "höme" not in text
    given_paths = [word.partition("=")[2] for option, word in pairwise(argv) if option == "-D"]
    assert {str(places[name]) for name in ("home", "slot", "run", "data", "sealed", "python")} <= set(given_paths)
    assert argv[0] == seatbelt.PROGRAM and argv[-2:] == ("-p", text)


def test_a_path_that_leads_through_a_link_is_meant_where_it_leads(places: dict[str, Path]) -> None:
    link = places["home"].parents[1] / "link" / "home"
    assert (link / "data").is_dir() and link.resolve() == places["home"]
    found = profile(places, slot=link / "work/.git/slots/a", readable=[link / "data"], hidden=[link / "data/sealed"])
    assert found.writes(places["slot"] / "x") and found.reads(places["data"] / "x")
    assert not found.reads(places["sealed"] / "x") and not found.reads(link / "data" / "sealed" / "x")
    assert {str(p) for p in map(Path, found.parameters.values())} >= {str(places["slot"]), str(places["sealed"])}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return macos.fake_sandbox_exec(monkeypatch, tmp_path)


def python(places: dict[str, Path], code: str, *arguments: object, **options: object) -> str:
    """Run code under the stand-in, in a temporary folder of its own, and return what it prints."""
    here = Needed(tuple(map(Path, (sys.prefix, sys.base_prefix, sys.executable))), ())
    argv = [*wrap(places, python=here, **options), sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(argv, env={"TMPDIR": str(places["private"])}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


WRITE = "import sys\nfor p in sys.argv[1:]:\n try: open(p, 'w'); print('yes')\n except OSError: print('no')"


def test_the_command_line_of_a_training_runs_it(places: dict[str, Path], program: Path) -> None:
    paths = [
        places["slot"] / "new",
        places["run"] / "new",
        places["private"] / "new",
        places["slot"] / "campaign/train.py",
    ]
    assert python(places, WRITE, *paths).split() == ["yes", "yes", "no", "no"]


def test_the_command_line_of_a_scorer_gives_each_process_a_folder_of_its_own(
    places: dict[str, Path], program: Path
) -> None:
    options = {"system_only": False, "read_only": True}
    paths = [places["slot"] / "new2", places["run"] / "new2", places["private"] / "new"]
    assert python(places, WRITE, *paths, **options).split() == ["no", "no", "yes"]
    argv = [*wrap(places, **options), "true"]
    for variables in ({"TMPDIR": "/gone"}, {"TMPDIR": ""}, {}):
        lost = subprocess.run(argv, env=variables, capture_output=True, text=True)
        assert lost.returncode != 0 and "sh: " in lost.stderr, "else it might be given the folder that it stands in"


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        pytest.param("(version 1)\n(allow default)", {}, id="allows all"),
        pytest.param('(version 1)(deny default)(allow file-read* (subpath "/a")', {}, id="not closed"),
        pytest.param("(version 1)(deny default)(allow file-red*)", {}, id="an operation that is not known"),
        pytest.param('(version 1)(deny default)(allow file-read* (target "/a"))', {}, id="not its filter"),
        pytest.param('(version 1)(deny default)(allow file-read* (subpath "a"))', {}, id="not absolute"),
        pytest.param('(version 1)(deny default)(allow file-read* (subpath (param "A")))', {}, id="no such parameter"),
        pytest.param("(version 1)(deny default)(allow process-fork)", {"A": "/a"}, id="a parameter for nothing"),
    ],
)
def test_the_reader_fails_on_what_it_does_not_know(text: str, parameters: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        Profile(text, parameters)


def test_the_reader_lets_the_last_rule_decide() -> None:
    rules = (
        '(allow file-read* (subpath "/a"))(deny file-read-data (subpath "/a/b"))(allow file-read* (literal "/a/b/c"))'
    )
    found = Profile(f"(version 1)(deny default){rules}", {})
    assert [found.reads(p) for p in ("/a", "/a/x", "/a/b", "/a/b/c", "/a/b/c/d", "/ab")] == [
        True, True, False, True, False, False,
    ]  # fmt: skip
    assert shlex.split(seatbelt.FIND_OWN[2]), "the shell's words are whole"
