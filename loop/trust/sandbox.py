"""What a run may see and touch: a bubblewrap command line where the machine allows one, a clean environment always.

Whether a machine keeps what this promises is tested by probe.py. Not here: memory and processes (limits.py), time, disk
and the death of the tree (the supervisor), macOS (seatbelt.py). Without a sandbox a run is only a process group of its
own: it can read the user's files and reach the network. A weaker tier is named wherever a score is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loop.settings.devices import DEVICES
from loop.trust.limits import Limits, machine
from loop.trust.places import Needed, View, depth, interpreter, kernel_rules
from loop.trust.secrets import ALLOWED, looks_secret

BUBBLEWRAP = "bubblewrap"
SEATBELT = "sandbox-exec"
PROCESS_GROUP = "process group"

# Besides those, for prepare.py's downloads.
ALLOWED_ONLINE = re.compile(
    r"(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|HF_(ENDPOINT|TOKEN|HUB_\w+)", re.I
)
# A plain bind of a device cannot be opened; the rest of /dev (disks!) stays the sandbox's own.
NODES = [pattern for device in DEVICES for pattern in device.nodes]

WRITABLE = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # each a tmpfs of the run's own, with a size

NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL")
# Its own user namespace also for root: root in it is nobody outside, and keyrings belong to it. The second option
# takes away the right to make another one, in which a process would have every capability again.
OWN_USER = ("--unshare-user", "--disable-userns")


@dataclass(frozen=True)
class Sandbox:
    """What this machine offers: `kind` is one of the three tiers above; `reason` says why it is the weakest.

    `missing` are the promises that were tested and do not hold. `options` are bubblewrap's that work here.
    """

    kind: str
    bwrap: str = ""
    reason: str = ""
    missing: tuple[str, ...] = ()
    options: tuple[str, ...] = (*OWN_USER, *NAMESPACES)
    sizes: bool = True  # whether a tmpfs can be given a size (bubblewrap 0.7)
    limits: Limits = field(default_factory=machine, compare=False)

    @property
    def label(self) -> str:
        """Return the tier in words, with every promise that does not hold: recorded, and shown beside a score."""
        return f"{self.kind}, without {', '.join(self.missing)}" if self.missing else self.kind

    def wrap(
        self,
        *,
        slot: Path,
        run_dir: Path,
        top: Path,
        python: str | Needed,
        readable: Iterable[Path] = (),
        protect: Iterable[Path] = (),
        hidden: Iterable[Path] = (),
        mounts: Iterable[tuple[Path, Path]] = (),
        network: bool = False,
        system_only: bool = False,
        read_only: bool = False,
    ) -> tuple[str, ...]:
        """Return the argv prefix that confines a command; empty without a sandbox.

        The machine is read-only, or with `system_only` not there but for the folders of its system; the user's home,
        the repository around `top`, /tmp and /run are empty. Back come the interpreter and `readable`, read-only, and
        `slot` and `run_dir`, writable but for the files in `protect` (with `read_only` nothing of them is). `hidden`
        files and folders hold nothing. `mounts` (source, place) come last and cover all of these. The working directory
        and inherited descriptors pass.
        """
        if not self.bwrap:
            return ()
        needed = python if isinstance(python, Needed) else interpreter(python)
        view = View(top, needed, readable, system_only)
        rules = view.rules()
        writable = "--ro-bind" if read_only else "--bind"
        for option, paths in ((writable, (slot, run_dir)), ("--ro-bind", protect)):
            rules |= {p: (option, str(p), str(p)) for p in map(Path.resolve, paths) if p.exists()}
        rules |= view.links((slot, run_dir), rules)
        for place in view.places_of(hidden):
            rules[place] = ("--tmpfs", str(place)) if place.is_dir() else ("--ro-bind", "/dev/null", str(place))
        last = [word for source, place in mounts for word in ("--ro-bind", str(source), str(place))]
        return self._command(rules, last, network, system_only)

    def _command(
        self, rules: Mapping[Path, tuple[str, ...]], last: Iterable[str], network: bool, system_only: bool
    ) -> tuple[str, ...]:
        size = ("--size", str(self.limits.tmpfs)) if self.sizes else ()
        argv = [self.bwrap, *(() if system_only else ("--ro-bind", "/", "/")), "--dev", "/dev", "--proc", "/proc"]
        for device in sorted(d for pattern in NODES for d in Path("/dev").glob(pattern)):
            argv += ["--dev-bind", str(device), str(device)]
        own = {place: (*size, "--tmpfs", str(place)) for place in WRITABLE if not place.is_symlink()}
        sealed = [str(place) for place, rule in rules.items() if rule[0] == "--tmpfs" and place not in own]
        rules = {**rules, **own}
        # A page is as good as nothing, and one call less to the kernel for each.
        page = ("--size", "4096") if self.sizes else ()
        rules |= {p: (*page, *rule) if rule[0] == "--tmpfs" else rule for p, rule in kernel_rules().items()}
        for place in sorted(rules, key=depth):
            argv += rules[place]
        for place in (*sealed, "/dev", *(("/",) if system_only else ())):
            argv += ["--remount-ro", place]
        argv += [
            *self.options,
            *([] if network else ["--unshare-net"]),
            "--die-with-parent",
            "--new-session",
            *last,
            "--",
        ]
        return (*argv, *bounded(self.limits.processes))


def bounded(processes: int) -> tuple[str, ...]:
    """Return a prefix that bounds the processes of one user namespace; the kernel does not bound root's so.

    Set inside, because outside it would count all that the user runs. A little over what the supervisor counts to, so
    that a bomb meets that first and its run ends by name.
    """
    if os.geteuid() == 0:
        return ()
    limit = processes + 64
    script = f'ulimit -u {limit} 2>/dev/null || ulimit -p {limit} 2>/dev/null; exec "$@"'
    return ("/bin/sh", "-c", script, "sh")


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
    """Return proxies, certificates, Hugging Face's mirror and token: for prepare.py's downloads only."""
    return {name: value for name, value in os.environ.items() if ALLOWED_ONLINE.fullmatch(name)}
