"""The Python that runs the experiments: what it has, what the scripts need, and preparing their data with it.

Asks a process of its own, because torch is never imported here. Ends in a fact, never in an exception.
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from loop.settings.program import Program
from loop.system import host
from loop.text.canvas import framework, parse
from loop.trust.sandbox import environment, online

LOOK_S = 180.0  # a cold `import torch` on a busy machine took 70 s
PREPARE_S = 6 * 3600.0
# By prepare.py; beside these parquet needs pyarrow, and a download huggingface_hub. The canvas names its own.
NEEDED = ("numpy", "rustbpe", "tiktoken")
# Runs in the experiments' Python with the modules to look for as arguments; imports only torch, for its devices.
ASK = """
import importlib.util, json, os, platform, shutil, sys, sysconfig
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
said = {"version": platform.python_version(), "missing": missing, "torch": None, "cuda": [], "mps": False}
said |= {"xpu": [], "rocm": None, "built": None, "triton": importlib.util.find_spec("triton") is not None}
said["compiler"] = any(map(shutil.which, ("gcc", "clang")))  # those that Triton looks for
said["headers"] = os.path.exists(os.path.join(sysconfig.get_path("include", "posix_prefix"), "Python.h"))
try:
    import torch
    said["torch"] = torch.__version__
    said["cuda"] = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    said["mps"] = torch.backends.mps.is_available()
    said["rocm"], said["built"] = torch.version.hip, torch.version.cuda
    said["xpu"] = [torch.xpu.get_device_name(n) for n in range(torch.xpu.device_count())]
except ImportError:
    pass
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Interpreter:
    """The Python of the experiments. `missing` are modules that the scripts import and it has not."""

    path: str
    version: str = ""
    missing: tuple[str, ...] = ()
    torch: str | None = None  # version
    cuda: tuple[str, ...] = ()  # names of the GPUs, AMD's too
    mps: bool = False
    cores: int = 1
    error: str = ""
    xpu: tuple[str, ...] = ()  # names of Intel's GPUs
    rocm: str = ""  # the version of ROCm that torch is built for
    cuda_version: str = ""  # the version of CUDA that torch is built for
    triton: bool = True
    compiler: bool = True  # for C, which Triton needs
    headers: bool = True  # of this Python, which what Triton compiles includes

    @property
    def gpus(self) -> tuple[str, ...]:
        """The names of all GPUs but Apple's."""
        return self.cuda + self.xpu


def ask(python: str, modules: Collection[str] = ()) -> Interpreter:
    """Return what the experiments' Python has, asked outside the user's folder with the environment of a run."""
    cores = host.cores()
    with TemporaryDirectory() as scratch:
        clean = environment(scratch=Path(scratch), extra={})
        printed, error = answer(python, "-c", ASK, *sorted(modules), folder=Path(scratch), environment=clean)
    try:
        said = json.loads((printed or "").strip().splitlines()[-1])
        return Interpreter(
            python,
            said["version"],
            missing=tuple(said["missing"]),
            torch=said["torch"],
            cuda=tuple(said["cuda"]),
            mps=bool(said["mps"]),
            cores=cores,
            xpu=tuple(said["xpu"]),
            rocm=said["rocm"] or "",
            cuda_version=said["built"] or "",
            triton=bool(said["triton"]),
            compiler=bool(said["compiler"]),
            headers=bool(said["headers"]),
        )
    except (ValueError, LookupError, TypeError):
        return Interpreter(python, cores=cores, error=error or "it answered with something else")


def imports(folder: Path, canvas: str) -> set[str]:
    """Return the modules that a Python canvas cannot do without, those beside it left out."""
    try:
        body = ast.parse((folder / canvas).read_bytes()).body if canvas.endswith(".py") else []
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in body if isinstance(node, ast.ImportFrom) and not node.level}
    tops = {name.partition(".")[0] for name in names} - {"", "__future__"}
    beside = (folder, (folder / canvas).parent)
    return {top for top in tops if not any((p / top).exists() or (p / f"{top}.py").exists() for p in beside)}


def framework_of(folder: Path, canvas: str) -> str:
    """Return the framework that the canvas on disk names; torch where it cannot be read."""
    try:
        return framework(parse((folder / canvas).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return "torch"


def prepare(folder: Path, python: str, program: Program) -> dict[str, str]:
    """Prepare the data and return `data` or `data_error`; prepare.py's own progress goes to our standard error."""
    extra = {"AUTORESEARCH_SOURCE": program.data, "AUTORESEARCH_DEVICE": program.devices}
    extra = {name: value for name, value in extra.items() if value != "auto"}
    extra["AUTORESEARCH_FRAMEWORK"] = framework_of(folder, program.canvas)
    command = [python, "-B", "prepare.py", "--json"]
    try:
        with TemporaryDirectory() as scratch:
            clean = environment(scratch=Path(scratch), extra=extra) | online()
            done = subprocess.run(command, cwd=folder, env=clean, stdout=subprocess.PIPE, text=True, timeout=PREPARE_S)
        said = json.loads(done.stdout.strip().splitlines()[-1])
        size = f"{said['train_tokens']:,} tokens to train on, {said['val_tokens']:,} to score on"
        return {"data": f"{said['profile']['source']}, {size}; default budget {said['default_budget']}"}
    except subprocess.TimeoutExpired:
        return {"data_error": f"prepare.py did not end within {PREPARE_S / 3600:.0f} hours"}
    except (OSError, ValueError, LookupError, TypeError):
        return {"data_error": "prepare.py could not prepare the data; its own last line above says why"}


def profile(folder: Path, python: str, program: Program) -> dict[str, str]:
    """Return what prepare.py chooses here and why, as fields of Machine, or `profile_error`; nothing of an old copy."""
    extra = {} if program.devices == "auto" else {"AUTORESEARCH_DEVICE": program.devices.partition(",")[0]}
    extra["AUTORESEARCH_FRAMEWORK"] = framework_of(folder, program.canvas)
    with TemporaryDirectory() as scratch:
        clean = environment(scratch=Path(scratch), extra=extra)
        printed, error = answer(python, "-B", "prepare.py", "profile", folder=folder, environment=clean)
    try:
        said = json.loads((printed or "").strip().splitlines()[-1])
        return {"profile": said["name"], "profile_why": said["why"], "profile_device": said["device"]}
    except (ValueError, LookupError, TypeError):
        refusal = error.removeprefix("prepare.py: ")
        return {"profile_error": refusal} if refusal.startswith(("AUTORESEARCH_DEVICE", "device ")) else {}


def answer(*command: str, folder: Path, environment: dict[str, str] | None = None) -> tuple[str | None, str]:
    """Return what a command printed, None and a sentence where it failed."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LOOK_S, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {LOOK_S:.0f} seconds"
    except OSError as error:
        return None, error.strerror or str(error)
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300]
    return done.stdout, ""
