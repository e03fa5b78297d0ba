"""Where the GPU check works: one folder with an interpreter, the canvases, the data and the caches.

A run of a campaign is given neither PYTHONPATH nor the working directory. So there is one environment for all steps,
made by the standard library alone: this interpreter, the packages that it sees, those of --vendor, and this checkout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# What a step may run or a scorer import, laid side by side as in a campaign's folder.
CANVASES = (
    "prepare.py", "train.py", "bench/gpu/original.py", "bench/gpu/starved.py", "bench/gpu/agree.py",
    "bench/gpu/machine.py",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """The folders of one check, all below `output`."""

    output: Path
    dry: bool

    @property
    def work(self) -> Path:
        return self.output / "work"

    @property
    def canvases(self) -> Path:
        return self.work / "canvases"

    @property
    def corpus(self) -> Path:
        return self.work / "corpus.jsonl"

    @property
    def inductor(self) -> Path:
        """The compiler's cache of the runs by hand."""
        return self.work / "inductor"

    @property
    def python(self) -> str:
        return str(self.work / "python" / "bin" / "python")

    def make(self, vendor: Path | None) -> None:
        """Make the environment and lay the canvases; what an earlier check prepared stays."""
        venv.EnvBuilder(symlinks=True, clear=True).create(self.work / "python")
        packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(self.work / "python"), "platbase": ""}))
        (packages / "gpu_check.pth").write_text("".join(f"{folder}\n" for folder in search_path(vendor)))
        shutil.rmtree(self.canvases, ignore_errors=True)
        self.canvases.mkdir()
        for name in CANVASES:
            shutil.copy(CHECKOUT / name, self.canvases)

    def environment(self) -> dict[str, str]:
        """Return the variables of every command: none of ours that the user has set, and no network is tried."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AUTORESEARCH_", "PYTHON"))}
        return own | {
            "AUTORESEARCH_CACHE": str(self.work / "cache"),
            "AUTORESEARCH_SOURCE": str(self.corpus),
            "AUTORESEARCH_PYTHON": self.python,
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
            "TORCHINDUCTOR_CACHE_DIR": str(self.inductor),
            "TRITON_CACHE_DIR": str(self.inductor / "triton"),
            **({"AUTORESEARCH_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""} if self.dry else {}),
        }

    def lacks(self, modules: frozenset[str]) -> frozenset[str]:
        """Return which modules the environment cannot find."""
        code = "import sys; from importlib.util import find_spec; print(*(m for m in sys.argv[1:] if not find_spec(m)))"
        done = subprocess.run(
            [self.python, "-c", code, *sorted(modules)],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return frozenset(done.stdout.split())


def search_path(vendor: Path | None) -> list[str]:
    """Return the folders to import from: this interpreter's packages first, so that nothing replaces its torch."""
    library = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    own = [Path(entry).resolve() for entry in sys.path if entry and Path(entry).is_dir()]
    packages = [path for path in own if path not in library and path.name != "lib-dynload" and path != CHECKOUT]
    return [str(path) for path in (*packages, *([vendor.resolve()] if vendor else []), CHECKOUT)]


def code() -> str:
    """Return a hash of the canvases and of the check: results of one code belong into one report."""
    files = [CHECKOUT / "prepare.py", CHECKOUT / "train.py", *sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def commit() -> str | None:
    """Return the commit of this checkout, with a + where a tracked file was changed; None where git cannot tell."""
    described = ["git", "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+"]
    try:
        done = subprocess.run(described, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
