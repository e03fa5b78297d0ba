"""What the doctor needs to know of this machine and folder. Looks, changes nothing, and judges nothing.

Every look has a time limit and ends in a fact, never in an exception. Values of variables are not kept, only names.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loop.proposers.providers import OLLAMA, is_ollama
from loop.record.disk import free_mb
from loop.record.home import Home, find_home, find_top
from loop.record.journal import Journal
from loop.record.lock import served
from loop.record.types import AutoResearchError, Problem, Refused, ScoreSource, State
from loop.settings.program import Program, check, parse
from loop.setup.campaigns import of_folder, read
from loop.setup.copies import Copies, compare
from loop.setup.inputs import check_canvas
from loop.setup.interpreter import NEEDED, Interpreter, answer, ask, framework_of, imports, prepare, profile
from loop.system import host
from loop.system.packages import no_mlx
from loop.system.power import sleeps_after_min

NVIDIA = (Path("/dev/nvidia0"), Path("/usr/lib/wsl/lib/nvidia-smi"))  # the second is Windows' driver, seen from WSL


@dataclass(frozen=True)
class Machine:
    """All that was seen of it and of the folder. An empty `…_error` means that there was none."""

    python: tuple[int, ...]
    git: str | None
    top: str | None
    runner: Interpreter
    system: str = "Linux"  # or macOS, WSL 1, WSL 2
    no_mlx: str = ""  # why MLX cannot be installed here, "" where it can
    windows_disk: bool = False  # the folder is on a disk of Windows that WSL mounts
    sleeps_after_min: int | None = None  # idle minutes, 0 for never; None where nobody tells
    git_error: str = ""
    writable: bool = True  # the git folder, in which a campaign lives
    branch: str = ""
    changed: int = 0
    unmerged: int = 0
    ignored: tuple[str, ...] = ()
    program: Program | None = None
    program_error: str = ""
    problems: tuple[Problem, ...] = ()
    canvas_error: str = ""
    sealed: bool = False
    framework: str = "torch"  # that the canvas names
    copies: Copies | None = None  # of prepare.py, where the score is sealed
    nvidia: bool = False
    amd: bool = False
    profile: str = ""  # which prepare.py chooses here, and why; of a GPU it is the tier
    profile_why: str = ""
    profile_device: str = ""  # torch's name of it: cpu, cuda, cuda:1, xpu, mps
    profile_error: str = ""
    data: str = ""  # what was prepared, in words; empty where nobody looked
    data_error: str = ""
    variables: frozenset[str] = frozenset()  # names of the variables that are set and not empty
    command_found: bool = False
    reachable: bool | None = None  # the model's own server; None where there is none to ask
    sandbox: str = ""
    sandbox_reason: str = ""
    sandbox_missing: tuple[str, ...] = ()  # promises that were tried and do not hold
    free_gb: dict[str, float] = field(default_factory=lambda: {"here": 100.0})
    journal_error: str = ""
    campaign: str | None = None
    state: State | None = None
    journal_findings: tuple[str, ...] = ()
    backup: str = ""  # when the last sound one was made
    runs: str | None = None  # the campaign that a living daemon serves


def look(folder: Path, full: bool = False) -> Machine:
    """Return what is seen for a campaign in `folder`; `full` lets prepare.py prepare its data."""
    from loop.runs.command import python_for
    from loop.runs.ruler import is_ruler
    from loop.trust.probe import probe

    folder = folder.resolve()
    seen: dict[str, Any] = _program(folder)
    program: Program = seen.get("program") or Program()
    sealed = is_ruler(folder / "prepare.py")
    runner = ask(python_for(folder), imports(folder, program.canvas) | set(NEEDED if sealed else ()))
    kind = probe()
    top = find_top(folder)
    seen |= _repository(folder, program.canvas) if top else {}
    seen |= _campaign(folder) if top else {}
    framework = framework_of(folder, program.canvas)
    chooses = sealed and (runner.gpus or framework != "torch")  # of a CPU in torch there is nothing to choose
    seen |= profile(folder, runner.path, program) if chooses else {}
    seen |= prepare(folder, runner.path, program) if full and sealed and not runner.error else {}
    baseline = seen.pop("baseline", None)
    return Machine(
        python=tuple(sys.version_info[:3]),
        git=(answer("git", "--version", folder=Path("/"))[0] or "").removeprefix("git version ").strip() or None,
        top=str(top) if top else None,
        runner=runner,
        system=host.name(),
        no_mlx=no_mlx(),
        windows_disk=host.on_windows_disk(str(folder)),
        sleeps_after_min=sleeps_after_min(),
        canvas_error=_canvas(folder, program.canvas),
        sealed=sealed,
        framework=framework,
        copies=compare(folder, runner.path, baseline) if sealed else None,
        nvidia=any(map(Path.exists, NVIDIA)) or shutil.which("nvidia-smi") is not None,
        amd=Path("/dev/kfd").exists(),
        variables=frozenset(name for name, value in os.environ.items() if value),
        command_found=program.command is not None and shutil.which(shlex.split(program.command)[0]) is not None,
        reachable=_reachable(program),
        sandbox=kind.kind,
        sandbox_reason=kind.reason,
        sandbox_missing=kind.missing,
        free_gb=_free(folder),
        **seen,
    )


def _program(folder: Path) -> dict[str, Any]:
    try:
        text = (folder / "program.md").read_bytes().decode("utf-8")
    except FileNotFoundError:
        return {"program_error": f"{folder}: no program.md here"}
    except (OSError, UnicodeDecodeError) as error:
        return {"program_error": f"program.md cannot be read ({error})"}
    problems = tuple(check(text))
    return {"problems": problems} if problems else {"program": parse(text)}


def _canvas(folder: Path, canvas: str) -> str:
    """Return why a start would refuse the canvas on disk, "" where it would not."""
    try:
        check_canvas(folder, canvas)
    except Refused as refusal:
        return str(refusal)
    return ""


def _repository(folder: Path, canvas: str) -> dict[str, Any]:
    git = ("git", "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
    status, error = answer(*git, "status", "--porcelain=v2", "--branch", "--", ".", folder=folder)
    if status is None:
        return {"git_error": error}
    lines = status.splitlines()
    head = next((line.removeprefix("# branch.head ") for line in lines if line.startswith("# branch.head ")), "")
    ignored, _ = answer(*git, "check-ignore", "program.md", "prepare.py", canvas, folder=folder)
    return {
        "writable": os.access(find_home(folder).root.parent, os.W_OK | os.X_OK),
        "branch": "" if head == "(detached)" else f"branch {head}",
        "changed": sum(not line.startswith("#") for line in lines),
        "unmerged": sum(line.startswith("u ") for line in lines),
        "ignored": tuple((ignored or "").split("\n")[:-1]),
    }


def _campaign(folder: Path) -> dict[str, Any]:
    from loop.setup.sources import examine

    try:
        home: Home = find_home(folder)
        found, backup = examine(folder)
        deep = {"journal_findings": tuple(found), "backup": backup}
        if not home.journal.exists():
            return deep
        with Journal(home.journal, create=False) as journal:
            name = next((k.name for k in of_folder(journal, folder)), None)
            ledger = read(journal, name) if name else None
        created = ledger.created if ledger else None
        baseline = created.baseline if created and created.source is ScoreSource.SEALED else None
        state = ledger.state if ledger else None
        return {"campaign": name, "state": state, "baseline": baseline, "runs": served(home), **deep}
    except (AutoResearchError, OSError, LookupError, ValueError) as error:
        return {"journal_error": str(error)}


def _reachable(program: Program) -> bool | None:
    """Return whether the models' own server takes a connection; None where they have none."""
    local = any(is_ollama(name) for name in program.models)
    address = program.api_base or (os.environ.get("OLLAMA_API_BASE") or OLLAMA if local else "")
    if not address:
        return None
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True


def _free(folder: Path) -> dict[str, float]:
    from loop.trust.sandbox import cache

    return {str(place): free_mb(place) / 1000 for place in (folder, cache())}
