"""What a campaign that trains on the standard library hides of it: a program, run by the campaign's own interpreter.

    python -c "$(cat library.py)" CACHE SEALED...

prints as JSON the folders with other copies of that text on this machine (`hidden`), and what the scorer's sandbox
mounts over this interpreter's modules (`mounts`: source, place): the same modules compiled, without their text. SEALED
are the held-out files and folders, which are left out. Imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import py_compile
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

SKIPPED = {"__pycache__", "test", "tests", "idle_test", "site-packages", "dist-packages"}
TEXTS = ("pydoc_data",)  # what `help` prints: more text than all compiled modules hold besides
BINARIES = ("lib-dynload", "site-packages", "dist-packages")  # extension modules, other packages: none of the text
# Where other copies of the standard library lie on machines: the same text, of this version or another.
OTHERS = (
    "/usr/lib*/python[23]*", "/usr/lib*/pypy*", "/usr/local/lib*/python[23]*", "/usr/local/*/lib/python[23]*",
    "/opt/*/lib/python[23]*", "/opt/*/*/lib/python[23]*", "/opt/*/*/*/lib/python[23]*", "/opt/*/*/*/*/lib/python[23]*",
    "/home/linuxbrew/.linuxbrew/lib/python[23]*", "/home/linuxbrew/.linuxbrew/Cellar/python@*",
    "/opt/homebrew/Cellar/python@*", "/usr/local/Cellar/python@*", "/Library/Frameworks/Python.framework/Versions/*",
    "/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions/*",
    "/nix/store/*-python3-*/lib/python[23]*", "/usr/share/python-wheels", "/snap", "/var/lib/snapd", "/var/lib/flatpak",
    "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers",
)  # fmt: skip


def main(cache: str, *sealed: str) -> None:
    """Print what is hidden and what is mounted; make the compiled copy in `cache` if there is none."""
    root = standard_library()
    mounts = [(compiled_library(Path(cache), sealed), root), *((place, place) for place in binaries(root))]
    shown = [[str(source), str(place)] for source, place in mounts]
    print(json.dumps({"hidden": [str(place) for place in other_libraries()], "mounts": shown}), flush=True)


def standard_library() -> Path:
    """Return the folder of this interpreter's own modules."""
    return Path(sysconfig.get_paths()["stdlib"])


def other_libraries() -> list[Path]:
    """Return the folders with standard libraries other than this interpreter's, and none of what it uses itself."""
    used = [Path(name).resolve() for name in (*sys.path, sys.prefix, sys.base_prefix, str(standard_library())) if name]
    found: set[Path] = {Path(name) for pattern in OTHERS for name in glob.glob(pattern)}

    def is_used(place: Path) -> bool:
        own = place.resolve()
        return any(u.is_relative_to(own) or (own.is_relative_to(u) and u != Path("/usr")) for u in used)

    return sorted(place for place in found if place.is_dir() and not is_used(place))


def compiled_library(cache: Path, sealed: Sequence[str]) -> Path:
    """Return a folder with this interpreter's modules without their text, building it now if there is none.

    Compiled without docstrings (-OO); a Python reads a module.pyc that lies where its source should. Sealed modules
    are left out, and what `help` prints.
    """
    root = standard_library()
    left_out = {Path(name) for name in sealed} | {root / name for name in TEXTS}
    sources = [path for path in sorted(modules(root)) if left_out.isdisjoint((path, *path.parents))]
    marks = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    key = hashlib.sha256(json.dumps([sys.version, marks]).encode()).hexdigest()[:12]
    folder = cache / f"library-{key}"
    if folder.is_dir():
        return folder
    building = Path(tempfile.mkdtemp(prefix="library-", suffix=".tmp", dir=cache))
    for path in sources:
        target = building / path.relative_to(root).with_suffix(".pyc")
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(py_compile.PyCompileError):  # a sample of wrong syntax
            py_compile.compile(
                str(path), str(target), dfile=f"<{path.stem}>", doraise=True, optimize=2,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )  # fmt: skip
    for place in binaries(root):
        building.joinpath(place.relative_to(root)).mkdir(exist_ok=True)
    building.chmod(0o755)
    try:
        os.replace(building, folder)
    except OSError:  # another preparation was first
        shutil.rmtree(building)
    return folder


def modules(root: Path) -> Iterator[Path]:
    """Yield the source files of a standard library, without tests and what was installed into it."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def binaries(root: Path) -> list[Path]:
    """Return the folders in the standard library's that hold none of its text."""
    return [root / name for name in BINARIES if (root / name).is_dir()]


if __name__ == "__main__":
    main(*sys.argv[1:])
