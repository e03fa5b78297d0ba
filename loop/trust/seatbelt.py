"""The weaker sandbox, of macOS: a profile for `sandbox-exec`, which the kernel enforces, and the command line.

Whether a Mac keeps what this promises is tested by seatbelt_probe.py. A profile denies operations by path; it mounts
nothing, makes no namespaces and bounds no memory: SECURITY.md lists what that leaves open.

Apple documents the language for nobody else. What is used here was measured by others: of rules about paths the last
that matches decides, and paths are to be resolved (riboseinc/retrace#720); (subpath "/System") holds every home, as
/System/Volumes/Data; a `require-not` in a denial makes sandbox-exec abort (anthropics/claude-code#39635).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from loop.trust.places import Needed, View, closed_to_others, depth, interpreter
from loop.trust.sandbox import Sandbox

PROGRAM = "/usr/bin/sandbox-exec"

# What programs of macOS need, but for the interpreter. /System itself is not here: it holds the disk of the homes.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/opt", "/System/Library", "/System/Cryptexes", "/System/Volumes/Preboot",
    "/Library/Apple", "/Library/Developer", "/Library/Frameworks", "/private/etc", "/private/preboot/Cryptexes",
    "/private/var/db/dyld", "/private/var/db/timezone", "/private/var/select",
)  # fmt: skip
HOMES, DEVICES, ETC = Path("/System/Volumes/Data"), Path("/dev"), Path("/private/etc")
SERVICES = ("/opt/homebrew/var", "/usr/local/var")  # the databases of the user's servers
PRIVATE = ("/tmp", "/var/tmp", "/var/folders")

# In every profile. The environment of other processes is closed to us only if processes are denied in so many words
# and sysctls are allowed by name: KERN_PROCARGS2 has none (leopepe/sandme, SPEC-0005). Apple's GPUs need a user
# client and their compiler (nolabs-ai/nono#635, tetsuo-ai/agenc-core#1488). libomp aborts where it cannot name itself
# in shared memory (llvm/llvm-project#80165).
BASE = r"""(version 1)
(deny default)
(deny process-info*)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow process-fork)
(allow sysctl-read
  (sysctl-name-prefix "hw.") (sysctl-name-prefix "machdep.") (sysctl-name-prefix "sysctl.")
  (sysctl-name "kern.argmax") (sysctl-name "kern.bootargs") (sysctl-name "kern.boottime")
  (sysctl-name "kern.hostname") (sysctl-name "kern.iossupportversion") (sysctl-name "kern.maxfilesperproc")
  (sysctl-name "kern.osproductversion") (sysctl-name "kern.osrelease") (sysctl-name "kern.ostype")
  (sysctl-name "kern.osvariant_status") (sysctl-name "kern.osversion") (sysctl-name "kern.version")
  (sysctl-name "security.mac.lockdown_mode_state") (sysctl-name "vm.loadavg"))
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.MTLCompilerService") (xpc-service-name "com.apple.MTLCompilerService"))
(allow iokit-open (iokit-user-client-class "AGXDeviceUserClient"))
(allow ipc-posix-shm* (ipc-posix-name-regex #"^/__KMP_REGISTERED_LIB_[0-9]+_[0-9]+$"))
(allow file-read-metadata)
(allow file-read* (literal "/"))"""
NODES = """(allow file-read* file-write-data (literal "/dev/null") (literal "/dev/zero"))
(allow file-read* (literal "/dev/random") (literal "/dev/urandom") (subpath "/dev/fd"))"""
NETWORK = """(allow network*)
(allow system-socket)
(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.DNSConfiguration") (global-name "com.apple.SystemConfiguration.configd")
  (global-name "com.apple.dnssd.service") (global-name "com.apple.trustd") (global-name "com.apple.trustd.agent"))"""
# Named semaphores, for Python's locks between processes. The scorer's processes get none: they could tell something.
LOCKS = "(allow ipc-posix-sem)"

# A folder whose name only the process's environment tells; BESIDE is around it. There lies the file of the logits,
# which is open already, and which the model process sets the size of.
OWN = """(allow file-read* file-write* file-map-executable process-exec* (subpath (param "OWN")))
(allow file-write-data (subpath (param "BESIDE")))"""
FIND_OWN = ("/bin/sh", "-c", """own=$(cd "${TMPDIR:?}" && pwd -P) || exit; program=$1; shift
exec "$program" -D "OWN=$own" -D "BESIDE=${own%/*}" "$@\"""", "sh")  # fmt: skip


class Access(Enum):
    """What may be done with a path, or below it: the rules for that."""

    HIDDEN = "(deny file-read-data file-read-xattr file-write* file-map-executable process-exec* {below})"
    SHOWN = "(allow file-read* file-map-executable process-exec* {below})\n(deny file-write* {below})"
    WRITABLE = "(allow file-read* file-write* file-map-executable process-exec* {below})"
    FIXED = "(deny file-write-create file-write-unlink {itself})"  # neither removed nor renamed, whatever is in it
    SOCKETS = (
        "(allow network-bind network-inbound (local unix-socket {below}))\n"
        "(allow network-outbound (remote unix-socket {below}))"
    )


@dataclass(frozen=True)
class Seatbelt(Sandbox):
    """What `sandbox-exec` of a Mac offers; `missing` are the promises of bubblewrap that it does not keep."""

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
        """Return the argv prefix that confines a command, as Sandbox.wrap describes it, but for `mounts`.

        With `read_only` the folder that TMPDIR names at the start can be written: of each process its own.
        """
        needed = python if isinstance(python, Needed) else interpreter(python)
        view = View(top, needed, readable, system_only, SYSTEM, PRIVATE)
        own = [slot.resolve(), run_dir.resolve()]
        kept, covered = [path.resolve() for path in protect if path.exists()], view.places_of(hidden)
        everywhere = {Path("/"): Access.SHOWN, HOMES: Access.HIDDEN, DEVICES: Access.HIDDEN}
        rules: dict[Path, Access] = {} if system_only else everywhere
        rules |= dict.fromkeys((*view.empty, *map(Path, SERVICES), *closed_to_others(ETC)), Access.HIDDEN)
        rules |= dict.fromkeys(view.shown, Access.SHOWN)
        rules |= dict.fromkeys(own, Access.SHOWN if read_only else Access.WRITABLE)
        rules |= dict.fromkeys(kept, Access.SHOWN) | dict.fromkeys(covered, Access.HIDDEN)
        profile = Profile()
        for place in sorted(rules, key=depth):
            profile.add(rules[place], place)
        # A rule knows a file by its path: once the folder around it is renamed, it is read, or another takes its place.
        around = {p for file in (*kept, *covered) for p in file.parents if any(place in p.parents for place in own)}
        for folder in sorted(around):
            profile.add(Access.FIXED, folder)
        for place in () if read_only else own:
            profile.add(Access.SOCKETS, place)
        profile.rules += [NODES, *([NETWORK] if network else []), OWN if read_only else LOCKS]
        return (*(FIND_OWN if read_only else ()), *profile.command())


class Profile:
    """The rules of a profile in their order. Paths are parameters: in its text they would have to be quoted."""

    def __init__(self) -> None:
        self.rules, self._names = [BASE], dict[str, str]()  # of the parameters, by path

    def add(self, access: Access, place: Path) -> None:
        """Add what may be done with a path, which outdoes all rules before it."""
        name = self._names.setdefault(str(place), f"PATH{len(self._names)}")
        itself, below = (f'({kind} (param "{name}"))' for kind in ("literal", "subpath"))
        self.rules.append(access.value.format(itself=itself, below=itself if place.is_file() else below))

    def command(self) -> tuple[str, ...]:
        """Return the argv prefix of a command under this profile."""
        paths = (word for place, name in self._names.items() for word in ("-D", f"{name}={place}"))
        return (PROGRAM, *paths, "-p", "\n".join(self.rules))
