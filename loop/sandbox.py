"""What a run may see and touch: a bubblewrap command line where the machine allows one, a clean environment always.

Not here: time, disk and the death of the tree (supervisor.py). Without bubblewrap a run is only a process group of its
own: it can read the user's files and reach the network. That weaker tier is named wherever a score is shown.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loop.home import find_home
from loop.secrets import looks_secret
from loop.types import Refused

BUBBLEWRAP = "bubblewrap"
PROCESS_GROUP = "process group"

ALLOWED = re.compile(
    r"PATH|LANG|LANGUAGE|TZ|LC_\w+|(DY)?LD_LIBRARY_PATH|VIRTUAL_ENV|CONDA_PREFIX"
    r"|(CUDA|HIP|ROCR|HSA|NVIDIA|PYTORCH|OMP|KMP|MKL|OPENBLAS)_\w+"
)
# Besides those, for prepare.py's downloads.
ALLOWED_ONLINE = re.compile(r"(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE", re.I)
# A plain bind of a device cannot be opened; the rest of /dev (disks!) stays the sandbox's own.
GPU_DEVICES = ("nvidia*", "dri", "kfd", "dxg")


@dataclass(frozen=True)
class Sandbox:
    """What this machine offers: `kind` is "bubblewrap" or "process group"; `reason` says why it is the weaker one."""

    kind: str
    bwrap: str = ""
    reason: str = ""

    def wrap(
        self,
        *,
        slot: Path,
        run_dir: Path,
        top: Path,
        python: str,
        readable: Iterable[Path] = (),
        protect: Iterable[Path] = (),
        hidden: Iterable[Path] = (),
        network: bool = False,
    ) -> tuple[str, ...]:
        """Return the argv prefix that confines a command; empty in the weaker tier.

        The machine is read-only; the user's home, the repository around `top`, /tmp and /run are empty. Back come the
        interpreter and `readable`, read-only, and `slot` and `run_dir`, writable but for the files in `protect`.
        `hidden` files and folders hold nothing. The working directory and inherited descriptors pass.
        """
        if self.kind != BUBBLEWRAP:
            return ()
        repository = [top.resolve(), *git_folder(top)]
        private = [p.resolve() for p in (Path.home(), Path("/tmp"), Path("/var/tmp"), Path("/run")) if p.is_dir()]
        empty = [p for p in (*private, *repository) if p != Path("/")]
        # One rule for each place; deeper places are mounted later and so win over what is around them.
        rules: dict[Path, tuple[str, ...]] = {place: ("--tmpfs", str(place)) for place in empty}
        prefixes, others = interpreter(python)
        # What an editable install adds may be the user's checkout itself; the slot has its own copy of that.
        libraries = [p for p in others if not any(p.resolve().is_relative_to(r) for r in repository)]
        wanted = (*prefixes, *libraries, *readable, Path("/run/current-system"), Path("/run/opengl-driver"))
        # Both where it is named and where it is: the folder that holds a link may be one of the empty ones.
        places = {place: p.resolve() for p in wanted for place in (p.parent.resolve() / p.name, p.resolve())}
        shown: dict[Path, Path] = {}  # place: source
        hiding = [*empty, Path("/dev")]  # its own: no RAM disk
        for place in sorted(places, key=depth):
            around = [p for p in (*hiding, *shown) if place.is_relative_to(p)]
            lost = bool(around) and max(around, key=depth) in hiding
            if lost and place.exists() and not any(p.is_relative_to(place) for p in hiding):
                shown[place] = places[place]
        rules |= {place: ("--ro-bind", str(source), str(place)) for place, source in shown.items()}
        for option, paths in (("--bind", (slot, run_dir)), ("--ro-bind", protect)):
            rules |= {p: (option, str(p), str(p)) for p in map(Path.resolve, paths) if p.exists()}
        for path in (p.resolve() for p in hidden if p.exists()):
            aliases = {at / path.relative_to(source) for at, source in shown.items() if path.is_relative_to(source)}
            for place in {path, *aliases}:
                rules[place] = ("--tmpfs", str(place)) if path.is_dir() else ("--ro-bind", "/dev/null", str(place))
        argv = [self.bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        for device in sorted(d for pattern in GPU_DEVICES for d in Path("/dev").glob(pattern)):
            argv += ["--dev-bind", str(device), str(device)]
        for place in sorted(rules, key=depth):
            argv += rules[place]
        argv += ["--unshare-pid", "--unshare-ipc", *([] if network else ["--unshare-net"])]
        return (*argv, "--die-with-parent", "--new-session", "--")


@functools.cache
def probe() -> Sandbox:
    """Return the sandbox that really works here; bubblewrap is tried once per process (about 10 ms)."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Sandbox(PROCESS_GROUP, reason="bubblewrap (bwrap) is not installed")
    options = "--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --unshare-pid --unshare-ipc --unshare-net"
    command = [bwrap, *options.split(), "--die-with-parent", "--new-session", "--", "true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Sandbox(PROCESS_GROUP, reason=f"bubblewrap does not work here: {error}")
    if done.returncode != 0:
        return Sandbox(PROCESS_GROUP, reason=f"bubblewrap does not work here: {done.stderr.strip()[-300:]}")
    return Sandbox(BUBBLEWRAP, bwrap)


def depth(path: Path) -> tuple[int, Path]:
    """Order paths so that a folder comes before what is in it."""
    return len(path.parts), path


@functools.cache
def interpreter(python: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return what a Python needs: its prefixes and itself; and the folders that its path files add."""
    code = "import json, sys; print(json.dumps([[sys.prefix, sys.base_prefix, sys.executable], sys.path[1:]]))"
    clean = {name: value for name, value in os.environ.items() if ALLOWED.fullmatch(name)}
    done = subprocess.run([python, "-s", "-c", code], capture_output=True, text=True, check=True, timeout=60, env=clean)
    prefixes, others = json.loads(done.stdout)
    return tuple(map(Path, prefixes)), tuple(map(Path, others))


def git_folder(top: Path) -> list[Path]:
    """Return the common git folder of a repository (it may lie elsewhere: a linked worktree), none outside one."""
    try:
        return [find_home(top).root.parent.resolve()]
    except Refused:
        return []


def cache() -> Path:
    """Return the folder where prepare.py keeps its data, under the variables that it reads."""
    chosen = os.environ.get("AUTORESEARCH_CACHE") or os.environ.get("AUTORESEARCH_CACHE_DIR")
    return Path(chosen or "~/.cache/autoresearch").expanduser().absolute()


def environment(scratch: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that we start: an allowlist and `extra`, never what looks like a key.

    HOME and TMPDIR lie in `scratch`; the supervisor makes room for them and removes them at the end.
    """
    allowed = {name: value for name, value in os.environ.items() if ALLOWED.fullmatch(name)}
    allowed |= {"AUTORESEARCH_CACHE": str(cache()), **extra}
    ours = {
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return {name: value for name, value in allowed.items() if not looks_secret(name, value)} | ours


def online() -> dict[str, str]:
    """Return the user's proxies and certificates, for prepare.py's downloads only."""
    return {name: value for name, value in os.environ.items() if ALLOWED_ONLINE.fullmatch(name)}
