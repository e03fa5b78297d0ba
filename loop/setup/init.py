"""Make a campaign folder: the default program.md, prepare.py and train.py, laid beside whatever is there.

Never overwrites a file and never commits.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from loop.record.home import find_top
from loop.record.types import Refused
from loop.setup.interpreter import framework_of

SCRIPTS = ("prepare.py", "train.py")  # they belong together: one without the other measures nothing
NAMES = ("program.md", *SCRIPTS)
CANVASES = {"torch": "train.py", "mlx": "train_mlx.py"}  # by framework: the file whose text becomes train.py


def init(folder: Path, git: bool = False, template: Path | None = None, framework: str = "torch") -> str:
    """Lay out a campaign in `folder`, made where missing, and return what to tell the user; raises Refused.

    Where a prepare.py or train.py of the user's own stands, only program.md is added. `git` makes a repository where
    there is none around. `framework` is a name in CANVASES.
    """
    template = template or find_template()
    _make(folder)
    sources = {name: template / name for name in NAMES} | {"train.py": template / CANVASES[framework]}
    own = [name for name in SCRIPTS if _differs(folder / name, sources[name])]
    written: list[str] = []
    kept: list[str] = []
    for name in ("program.md",) if own else NAMES:
        (written if _lay(sources[name], folder / name) else kept).append(name)
    lines = [f"{folder}: wrote {_list(written)}" if written else f"{folder}: all files are there, nothing was written"]
    if written and kept:
        lines.append(f"kept {_list(kept)} as found")
    if own:
        lines.append(
            f"your own {_list(own)} stays as it is and nothing is added to it; a train.py that prints "
            "'val_bpb: <number>' works unchanged, its scores are called self-reported"
        )
        lines += ["'autoresearch doctor' says how that prepare.py differs from the tool's"] * ("prepare.py" in own)
    if "train.py" in own and framework not in ("torch", found := framework_of(folder, "train.py")):
        lines.append(
            f"train.py is in {found}; for the one in {framework} move it away, then run the same command again"
        )
    lines += _repository(folder, git)
    lines.append("next: read program.md, then run 'autoresearch doctor' and 'autoresearch start' in that folder")
    return "\n".join(lines)


def find_template() -> Path:
    """Return the folder of the default files: in the installed package, or the top of a checkout."""
    for place in (Path(__file__).parents[1] / "template", Path(__file__).parents[2]):
        if all((place / name).is_file() for name in {*NAMES, *CANVASES.values()}):
            return place
    raise Refused("the default program.md, prepare.py or canvases are missing here; install autoresearch-lsp again")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused(f"{folder}: a file exists there; name a folder") from error
    except OSError as error:
        raise Refused(f"{folder}: cannot be made ({error.strerror}); name a folder that you may write in") from error


def _differs(found: Path, ours: Path) -> bool:
    """Return whether something of the user's own stands where our file would go."""
    try:
        return found.read_bytes() != ours.read_bytes()
    except FileNotFoundError:
        return found.is_symlink()
    except OSError:
        return True


def _lay(source: Path, target: Path) -> bool:
    """Copy one file; return False where something stands there already."""
    data = source.read_bytes()
    try:
        with target.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    except OSError as error:
        with suppress(OSError):
            target.unlink()  # half a file would be kept by the next try
        raise Refused(f"{target}: cannot be written ({error.strerror}); name a folder that you may write in") from error
    return True


def _repository(folder: Path, git: bool) -> list[str]:
    """Return what to say about the repository, after making one where asked."""
    top = find_top(folder.resolve())
    if top is not None:
        return [] if top == folder.resolve() else [f"it belongs to the git repository {top}"]
    if not git:
        return ["it is in no git repository, which a campaign needs; run 'autoresearch init --git' or 'git init' there"]
    try:
        done = subprocess.run(["git", "init", "-q", str(folder.resolve())], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise Refused("git was not found; install git, then run 'git init' in the folder") from None
    if done.returncode != 0:
        raise Refused(f"git init failed: {done.stderr.strip()[-300:]}")
    return ["made a git repository; no commit is needed"]


def _list(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""
