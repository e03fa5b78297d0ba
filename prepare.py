"""The fixed ruler of a campaign: data, tokenizer, loader, budget and the sealed score. Never edited by the agent.

    python prepare.py [--source python|climbmix|tinystories|PATH] [--json]      prepare once, idempotent
    python prepare.py score --run DIR --canvas train.py --now                   score DIR/checkpoint.pt

The canvas (train.py) does `import prepare` and uses PROFILE, device(), seed(), batches(), Budget and submit().
`val_bpb` = nats of the scored tokens / (ln 2 * bytes of the text they stand for); special tokens are in neither.
Importing imports the canvas's framework (torch, or the one that it names) and waits at the gate, nothing else.
POSIX only (pipes and file locks between processes).
"""

from __future__ import annotations

import argparse
import ast
import base64
import builtins
import contextlib
import errno
import fcntl
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import math
import mmap
import operator
import os
import platform
import random
import re
import resource
import secrets
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import tokenize
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tiktoken
    import torch
    from torch import Tensor

Tokens = NDArray[np.uint16]
Nats = NDArray[np.float64]

# By this line a loop knows, without running the file, that it seals its scores; raise it with the protocol.
RULER_VERSION = 2
FORMAT = 2  # of a prepared folder; raise it when packing or splitting changes
HOLD_OUT = 20  # every 20th document, or a 20th of the text, is never trained on


class Refusal(Exception):
    """The ruler cannot go on; the message names the thing, the finding and the next step."""


class NonFiniteLoss(RuntimeError):
    """The training loss is NaN or infinite: the run ends here, there is nothing to score."""


class OutOfTime(RuntimeError):
    """A compute budget was not spent within its cap of wall time."""


class Overrun(RuntimeError):
    """A run went on long after its budget: what it would submit is not what the budget bought."""


class Uncharged(RuntimeError):
    """A run computed far more than its budget was charged for."""


class NoScore(Exception):
    """The scorer's expected bad ending: kind is one of KINDS, detail one sentence."""

    KINDS = ("no_checkpoint", "crash", "oom", "nan", "non_causal", "depends_on_rows", "bad_shape", "timeout")

    def __init__(self, kind: str, detail: str, trace: str = "") -> None:
        super().__init__(detail)
        self.kind, self.detail, self.trace = kind, detail, trace


# --- Profile: what this machine measures with --------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    """The sizes a score depends on, chosen by the machine and never by the canvas."""

    name: str  # "cpu" (an Apple GPU has it too), "gpu" or a smaller GPU's: gpu-48, gpu-24, gpu-12, gpu-8, gpu-fp32
    context: int  # tokens the model sees, T
    vocab: int  # logits per position, V
    eval_tokens: int  # at most this many targets are scored
    eval_rows: int  # rows in one scoring batch, before any halving
    budget: str  # default budget of one run
    source: str
    threads: int
    device: str  # torch's name: cpu, cuda, cuda:1, xpu, mps
    device_name: str
    framework: str = "torch"  # of the canvas
    bf16: bool = False  # whether the device multiplies bf16 in hardware


# Measured on two CPU cores; an Apple GPU uses these too until somebody measures better. One thread: beside any other
# work two wait for each other and a step takes 3 to 20 times as long; one keeps its speed and leaves the scorer a core.
CPU = Profile("cpu", 256, 2048, 131_072, 16, budget="2 TFLOP", source="python", threads=1, device="cpu", device_name="")
UNCOUNTED_BUDGET = "350k tokens"  # on a CPU, of what nothing counts: what 2 TFLOP buy the default canvas
GPU = Profile("gpu", 2048, 8192, 5_242_880, 4, budget="5m", source="climbmix", threads=8, device="cuda", device_name="",
              bf16=True)  # fmt: skip
# The GPUs below the data centre's largest, by the GiB from which on: what they score. What they train is in train.py.
TIERS = (
    (44.0, replace(GPU, name="gpu-48")),
    (21.0, replace(GPU, name="gpu-24", eval_tokens=2_621_440)),
    (11.0, replace(GPU, name="gpu-12", eval_tokens=1_310_720)),
    (0.0, replace(GPU, name="gpu-8", eval_tokens=1_310_720)),
)
GPU_FP32 = replace(GPU, name="gpu-fp32", eval_tokens=1_310_720, bf16=False)
GPU_KINDS = ("cuda", "xpu")  # AMD's are cuda to torch
DATA_CENTRE = ("8.0", "9.0", "10.0", "10.3", "gfx942", "gfx950")  # A100, H100, B200, B300, MI300, MI350
BF16 = re.compile(r"|([89]|1\d)\.\d|gfx9(08|0a|4\d|50)|gfx1[12]\w\w")  # chips; of Intel's the name is empty
DEVICES = {"cpu": "cpu", "mps": "mps", "cuda": "cuda", "rocm": "cuda", "hip": "cuda", "xpu": "xpu"}


@dataclass(frozen=True)
class Card:
    """What torch says of a GPU."""

    name: str
    memory_gib: float
    chip: str  # NVIDIA's compute capability, 8.6; AMD's architecture, gfx1100; of others ""
    processors: int


def tier(card: Card) -> tuple[Profile, str]:
    """Return the profile of a GPU and why it is that one. docs/accelerators.md says what the tiers rest on."""
    chip = card.chip if card.chip.startswith("gfx") else f"compute capability {card.chip}"
    what = f"{card.memory_gib:.1f} GiB, {chip}" if card.chip else f"{card.memory_gib:.1f} GiB"
    if not BF16.fullmatch(card.chip):
        return GPU_FP32, f"{what}: it has no bf16 and computes in fp32"
    if card.chip in DATA_CENTRE and card.memory_gib >= 38 and card.processors >= 100:  # MIG's slices have fewer
        return GPU, f"{what}, {card.processors} processors: a data-centre GPU"
    return next((found, f"{what}: for {least:.0f} GiB and more") for least, found in TIERS if card.memory_gib >= least)


def find_card(where: str) -> Card:
    """Return what torch says of one of GPU_KINDS."""
    import torch

    found = torch.get_device_module(where).get_device_properties(torch.device(where))
    chip = ""
    if where.startswith("cuda"):
        chip = found.gcnArchName.partition(":")[0] if torch.version.hip else f"{found.major}.{found.minor}"
    return Card(found.name, found.total_memory / 2**30, chip, getattr(found, "multi_processor_count", 0))


@functools.cache
def profile() -> Profile:
    """Return the profile of machine, environment and canvas; imports torch only where it may have an accelerator."""
    if given := os.environ.get("AUTORESEARCH_PROFILE"):  # told by the scorer to its model processes
        return Profile(**json.loads(given))
    named, chosen = framework_name(), os.environ.get("AUTORESEARCH_DEVICE", "auto")
    where = _best_device(named) if chosen in ("", "auto") else chosen if named != "torch" else named_device(chosen)
    apple = (sys.platform, platform.machine()) == ("darwin", "arm64")
    if named != "torch" and where != "cpu" and (where, apple) != ("mps", True):
        only = "on cpu or mps" if apple else "on cpu, this machine has no Apple GPU"
        raise Refusal(f"device {where!r}: a canvas in {named} is measured {only}; set AUTORESEARCH_DEVICE=cpu")
    source = os.environ.get("AUTORESEARCH_SOURCE", "auto")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    base = tier(find_card(where))[0] if where.startswith(GPU_KINDS) else CPU
    return replace(
        base,
        budget="1m" if where == "mps" else base.budget if named == "torch" else UNCOUNTED_BUDGET,
        source=base.source if source in ("", "auto") else source,
        threads=int(os.environ.get("AUTORESEARCH_THREADS") or min(cores, base.threads)),
        device=where,
        device_name=_device_name(where),
        framework=named,
    )


def framework_name() -> str:
    """Return the framework of the canvas: the one that the loop measures, or the one that the running script names."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return os.environ.get("AUTORESEARCH_FRAMEWORK") or (declared(Path(script)) if script else "torch")


def declared(canvas: Path) -> str:
    """Return what a canvas assigns to FRAMEWORK at its top level, read without running it; "torch" where nothing."""
    with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.parse(canvas.read_bytes()).body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id="FRAMEWORK")], value=ast.Constant(value=str(name)))
                    | ast.AnnAssign(target=ast.Name(id="FRAMEWORK"), value=ast.Constant(value=str(name)))
                ) if name:
                    return name
    return "torch"


def profile_reason() -> str:
    """Return why this machine has its profile; of a CPU, why a GPU that is there is not used, "" where none is."""
    where = profile().device
    if where.startswith(GPU_KINDS):
        return tier(find_card(where))[1]
    if profile().framework != "torch":
        return ""
    import torch

    return "; ".join(unusable(kind) for kind in GPU_KINDS if torch.get_device_module(kind).is_available())


def named_device(text: str) -> str:
    """Return torch's name of a device that a human has named; raise Refusal where torch cannot use it."""
    kind, colon, number = text.strip().lower().partition(":")
    if kind not in DEVICES or (colon and not (number.isdecimal() and DEVICES[kind] in GPU_KINDS)):
        raise Refusal(f"AUTORESEARCH_DEVICE={text} is no device; write cpu, mps, cuda, cuda:1, rocm or xpu")
    why = unusable(DEVICES[kind] + colon + number, rocm=kind in ("rocm", "hip"))
    if why:
        raise Refusal(f"AUTORESEARCH_DEVICE={text}: {why}; or set AUTORESEARCH_DEVICE=cpu")
    return DEVICES[kind] + colon + number


def unusable(where: str, rocm: bool = False) -> str:
    """Return why torch cannot use a device, by torch's name, and what to do; "" where it can."""
    if where == "cpu":
        return ""
    import torch

    version, (kind, _, number) = f"torch {torch.__version__}", where.partition(":")
    if kind == "mps":
        return "" if torch.backends.mps.is_available() else f"{version} finds no Apple GPU"
    cuda, hip, xpu = (getattr(torch.version, name, None) for name in ("cuda", "hip", "xpu"))
    if not (xpu if kind == "xpu" else hip if rocm else cuda or hip):
        name = "XPU" if kind == "xpu" else "ROCm" if rocm else "CUDA and ROCm"
        return f"{version} is built without {name}; install the build for your GPU that pytorch.org/get-started names"
    gpu = torch.get_device_module(kind)
    if not gpu.is_available():
        return f"{version} finds no GPU; check its driver with nvidia-smi (AMD: rocminfo, Intel: xpu-smi)"
    if int(number or 0) >= gpu.device_count():
        return f"torch finds {gpu.device_count()} of them, counted from {kind}:0; write one of those"
    card = find_card(where)
    if kind == "cuda" and lacks_code(card.chip, torch.cuda.get_arch_list()):
        known = ", ".join(torch.cuda.get_arch_list())
        return f"{version} has code for {known} and none for {card.name} ({card.chip}); install a build that has"
    return ""


def lacks_code(chip: str, built_for: list[str]) -> bool:
    """Return whether a torch that is built for these (sm_86, compute_90, gfx1100) has nothing that a chip runs."""
    if chip.startswith("gfx"):
        return bool(built_for) and chip not in built_for
    major, minor = map(int, chip.split("."))
    for name in built_for:
        own = divmod(int(re.sub(r"\D", "", name)), 10)  # code for an earlier minor version runs, and any earlier PTX
        if (own[0] == major and own[1] <= minor) or (name.startswith("compute") and own <= (major, minor)):
            return False
    return bool(built_for)


def _best_device(named: str) -> str:
    """Return cuda, xpu, mps or cpu. What can only be a CPU, by its wheel or its nodes, is known without torch."""
    if named != "torch":
        return "mps" if (named, sys.platform, platform.machine()) == ("mlx", "darwin", "arm64") else "cpu"
    wheel = ""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        wheel = importlib.metadata.version("torch")
    nodes = ["/dev/nvidiactl", "/dev/dxg", "/dev/kfd", *(["/dev/dri"] if wheel.endswith("+xpu") else [])]
    if wheel.endswith("+cpu") or (sys.platform == "linux" and not any(map(os.path.exists, nodes))):
        return "cpu"
    return next((where for where in (*GPU_KINDS, "mps") if not unusable(where)), "cpu")


def _device_name(where: str) -> str:
    if where.startswith(GPU_KINDS):
        return find_card(where).name
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":  # where platform.processor() is "arm" for every chip of Apple's
            ask = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(ask, capture_output=True, text=True).stdout.strip() or platform.machine()
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def remembered() -> dict[str, Any]:
    """Return what remember() was told in the campaign's baseline, {} where nothing was: a private copy, as all has."""
    try:
        return dict(json.loads((_notes() or Path()).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def remember(**facts: Any) -> None:
    """Have the campaign's other runs know what this one found out of its device. Of the baseline alone it is kept."""
    if notes := _notes():
        notes.parent.mkdir(parents=True, exist_ok=True)
        replace_text(notes, json.dumps(facts))


def _notes() -> Path | None:
    """Return the file for such facts, beside what a run compiles; None by hand."""
    compiled = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    return Path(compiled) / "device.json" if compiled and run_folder() else None


def device() -> torch.device:
    """Return the device to train on."""
    return torch.device(profile().device)


def seed() -> int:
    """Return the seed of this run: the loop's, or 0 by hand."""
    return int(os.environ.get("AUTORESEARCH_SEED") or 0)


def cache_root() -> Path:
    """Return the cache folder: AUTORESEARCH_CACHE, the original's AUTORESEARCH_CACHE_DIR, or ~/.cache/autoresearch."""
    named = os.environ.get("AUTORESEARCH_CACHE") or os.environ.get("AUTORESEARCH_CACHE_DIR")
    return Path(named).expanduser().absolute() if named else Path.home() / ".cache" / "autoresearch"


def say(text: str, end: str = "\n") -> None:
    print(f"prepare: {text}", end=end, file=sys.stderr, flush=True)


# --- Sources: documents, in an order that never changes ----------------------------------------------------------

CLIMBMIX = "karpathy/climbmix-400b-shuffle"  # a dataset on the Hugging Face hub
CLIMBMIX_SHARDS = 10  # of 6542 for training; `climbmix:40` asks for more
CLIMBMIX_HELD_OUT = 6542  # the last shard, pinned: the one the original validates on
TINYSTORIES = "roneneldan/TinyStories"
TINYSTORIES_TRAIN = "data/train-00000-of-00004-2d5a1467fff1081b.parquet"  # a quarter: 249 MB, half a million stories
TINYSTORIES_HELD_OUT = "data/validation-00000-of-00001-869c898b519ad725.parquet"

DATA_SUFFIXES = (".txt", ".md", ".rst", ".jsonl", ".parquet")
CODE_SUFFIXES = (
    ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".rs", ".go", ".java", ".kt", ".js", ".jsx", ".ts", ".tsx",
    ".rb", ".php", ".cs", ".swift", ".sh", ".sql", ".lua", ".jl", ".r", ".hs", ".ml", ".html", ".css", ".tex", ".yaml",
)  # fmt: skip
SKIPPED_FOLDERS = {"__pycache__", "node_modules"}
PYTHON_SKIPPED = SKIPPED_FOLDERS | {"test", "tests", "idle_test", "site-packages", "dist-packages"}


# What is held out of the standard library: modules that no training run imports, so that the sandbox can cover them,
# those of many kinds first. As many as make a 20th of the text; some exist in no newer Python, some not on Debian.
PYTHON_HELD_OUT = (
    "wsgiref", "xmlrpc", "mailbox.py", "imaplib.py", "smtplib.py", "ftplib.py", "poplib.py", "modulefinder.py",
    "curses", "dbm", "shelve.py", "trace.py", "pyclbr.py", "tabnanny.py", "fileinput.py", "sched.py", "zipapp.py",
    "nntplib.py", "telnetlib.py", "smtpd.py", "asyncore.py", "asynchat.py", "cgi.py", "cgitb.py", "aifc.py",
    "sunau.py", "sndhdr.py", "xdrlib.py", "mailcap.py", "pipes.py", "uu.py", "msilib", "turtledemo", "turtle.py",
    "tkinter", "idlelib",
)  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Documents to train on and documents held out; each call starts again and gives the same order."""

    train: Callable[[], Iterator[str]]
    held_out: Callable[[], Iterator[str]]
    sealed: tuple[Path, ...]  # files or folders with held-out text that no run needs
    files: tuple[Path, ...] = ()  # of the held-out documents, where each is a file of its own among others


def open_corpus(source: str, cache: Path) -> Corpus:
    """Return the documents of a source, downloading what is missing; raise Refusal for an unknown or empty one."""
    if source == "python":
        return _standard_library()
    if not (shards := downloads(source, cache)):
        return _local(source)
    *train, held_out = [fetch(*shard) for shard in shards]
    return Corpus(
        train=lambda: (text for path in train for text in read_documents(path)),
        held_out=lambda: read_documents(held_out),
        sealed=(held_out,),
    )


def downloads(source: str, cache: Path) -> list[tuple[str, str, Path]]:
    """Return dataset, file and place of each parquet file of a source, the held-out one last; none if it is local."""
    name, _, count = source.partition(":")
    if source == "tinystories":
        dataset, folder = TINYSTORIES, cache / "tinystories"
        files = [TINYSTORIES_TRAIN, TINYSTORIES_HELD_OUT]
    elif name == "climbmix" and (not count or (count.isdecimal() and 0 < int(count) <= CLIMBMIX_HELD_OUT)):
        dataset, folder = CLIMBMIX, cache / "data"
        files = [f"shard_{i:05d}.parquet" for i in (*range(int(count or CLIMBMIX_SHARDS)), CLIMBMIX_HELD_OUT)]
    else:
        return []
    return [(dataset, file, folder / Path(file).name) for file in files]


def standard_library() -> Path:
    """Return the folder of this interpreter's own modules."""
    return Path(sysconfig.get_paths()["stdlib"])


def _standard_library() -> Corpus:
    """Return this interpreter's modules, those held out that no run needs, and of those every file sealed."""
    root, files = standard_library(), local_files("python")
    wanted = sum(map(_size, files)) // HOLD_OUT
    held: list[Path] = []
    sealed: list[Path] = []
    for name in PYTHON_HELD_OUT:
        if sum(map(_size, held)) < wanted and (root / name).exists():
            held += [path for path in files if path.is_relative_to(root / name)]
            sealed += [root / name] if (root / name).is_dir() else [root / name, *compiled(root / name)]
    # Held-out documents come in an order without neighbours of one package, so that val and audit are of one kind.
    held.sort(key=lambda path: _sha256(path.relative_to(root).as_posix()))
    copies = {_text_mark(text) for text in _distinct_documents(held)}
    rest = [path for path in files if path not in set(held)]
    return Corpus(
        train=lambda: (text for text in _distinct_documents(rest) if _text_mark(text) not in copies),
        held_out=lambda: _distinct_documents(held),
        sealed=tuple(sealed),
    )


def compiled(module: Path) -> list[Path]:
    """Return where compiled copies of a module lie or may come to lie."""
    folder, tag = module.parent / "__pycache__", sys.implementation.cache_tag
    names = {f"{module.stem}.{tag}{level}.pyc" for level in ("", ".opt-1", ".opt-2")}
    return sorted({folder / name for name in names} | set(folder.glob(f"{module.stem}.*.pyc")))


def _local(source: str) -> Corpus:
    """Return a corpus of files on this machine, every 20th document held out.

    Fewer than 40 documents (one long text, say) are cut at line ends into a hundred or more first.
    """
    files = local_files(source)
    documents: Callable[[], Iterator[str]] = functools.partial(_distinct_documents, files)
    few = list(islice(documents(), 2 * HOLD_OUT))
    if not few:
        raise Refusal(f"{source}: the corpus is empty; give a file or folder with text, code, .jsonl or .parquet in it")
    if len(few) < 2 * HOLD_OUT:
        size = max(1, min(4096, sum(map(len, few)) // (5 * HOLD_OUT)))
        parts = [part for text in few for part in slices(text, size)]
        documents = lambda: iter(parts)  # noqa: E731
    # A folder with source code stays visible: it may be what runs (the campaign). Its held-out files do not.
    code, root = _has_code(files), Path(source).expanduser().absolute()
    return Corpus(
        train=lambda: (text for i, text in enumerate(documents()) if i % HOLD_OUT),
        held_out=lambda: (text for i, text in enumerate(documents()) if i % HOLD_OUT == 0),
        sealed=() if code else (root,),
        files=tuple(path for path, _ in _distinct(files))[::HOLD_OUT] if code and len(few) >= 2 * HOLD_OUT else (),
    )


def local_files(source: str) -> list[Path]:
    """Return the files of `python` or of a path, sorted by name; raise Refusal where there is no such source.

    A folder with source code in it is read as code and prose; .jsonl and .parquet are read where there is none.
    """
    library = source == "python"
    root = standard_library() if library else Path(source).expanduser().absolute()
    suffixes = {".py"} if library else {*DATA_SUFFIXES, *CODE_SUFFIXES}
    skipped = PYTHON_SKIPPED if library else SKIPPED_FOLDERS
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise Refusal(f"source {source!r} is neither python, climbmix[:shards], tinystories nor a file or folder here")
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in skipped and not f.startswith(".")]
        found += [Path(folder, n) for n in names if Path(n).suffix.lower() in suffixes and not n.startswith(".")]
    if _has_code(found):
        # Beside source code these are its fixtures, seldom text (sixteen in one site-packages could not be read).
        found = [path for path in found if path.suffix.lower() not in (".jsonl", ".parquet")]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _has_code(files: list[Path]) -> bool:
    return any(path.suffix.lower() in CODE_SUFFIXES for path in files)


def _distinct_documents(files: list[Path]) -> Iterator[str]:
    """Yield the documents of all files without exact copies: a copy of a held-out file in training is no test."""
    return (text for _, text in _distinct(files))


def _distinct(files: list[Path]) -> Iterator[tuple[Path, str]]:
    seen = set()
    for path in files:
        for text in read_documents(path):
            if (mark := _text_mark(text)) not in seen:
                seen.add(mark)
                yield path, text


def _text_mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def read_documents(path: Path) -> Iterator[str]:
    """Yield the non-empty documents of a file: each line's or row's `text` (.jsonl, .parquet), else the whole file."""
    reader = {".jsonl": _read_jsonl, ".parquet": _read_parquet}.get(path.suffix.lower(), _read_text)
    try:
        for text in reader(path):
            if text:
                # JSON can spell half of a surrogate pair, which no UTF-8 file can hold.
                yield text if text.isascii() else text.encode(errors="replace").decode()
    except UnicodeDecodeError as error:
        raise Refusal(
            f"{path} is not UTF-8 (byte {error.start}: 0x{error.object[error.start]:02x}); "
            "convert it (iconv -f latin1 -t utf-8) or take it out of the corpus"
        ) from error


def _read_text(path: Path) -> Iterator[str]:
    encoding = "utf-8"
    if path.suffix == ".py":  # Python source declares its own encoding, PEP 263
        with path.open("rb") as file, contextlib.suppress(SyntaxError):
            encoding = tokenize.detect_encoding(file.readline)[0]
    yield path.read_bytes().decode(encoding)


def _read_jsonl(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError):
                text = None
            if not isinstance(text, str):
                raise Refusal(
                    f'{path} line {number} is not a JSON object with a string "text"; fix or remove that line'
                )
            yield text


def _read_parquet(path: Path) -> Iterator[str]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise Refusal(f"{path} needs pyarrow to be read; pip install pyarrow") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            for group in table.iter_batches(columns=["text"]):
                yield from (text for text in group.column("text").to_pylist() if text is not None)
    except (pyarrow.ArrowException, KeyError) as error:
        raise Refusal(f"{path} is no parquet file with a column text ({error}); fix it or take it away") from error


def slices(text: str, size: int) -> Iterator[str]:
    """Cut text into parts of at most `size` characters, at line ends where there are any; joined they are the text."""
    start = 0
    while start < len(text):
        end = start + size
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end
        yield text[start:end]
        start = end


# --- Downloads: from the Hugging Face hub, or the mirror that HF_ENDPOINT names ------------------------------------


TRIES = 3  # in a row without a new byte, each of them with the hub's own


def fetch(dataset: str, file: str, target: Path) -> Path:
    """Return `target`, downloading it first if it is not there.

    Resumes a partial file, one of an earlier start too. Checks the length, the sha256 (where the server's ETag is one,
    as on the hub) and parquet's magic, and only then renames.
    """
    if target.exists():
        _check_parquet(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    failures = 0
    while True:
        before = _size(partial)
        try:
            digest = _download(dataset, file, partial)
            break
        except Exception as error:  # the hub's HTTP library, and so what it raises, differs by release
            if isinstance(error, Refusal) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            failure = " ".join(f"{type(error).__name__}: {error}".split())
            failures = 1 if _size(partial) > before else failures + 1
            if failures == TRIES:
                raise Refusal(
                    f"{file} of {dataset} cannot be downloaded ({failure}); run again to resume, or set HF_ENDPOINT to "
                    f"a mirror; offline: copy it to {target} by hand, or use --source python or --source PATH"
                ) from error
            say(f"{target.name}: {failure}; try {failures + 1} of {TRIES}")
            time.sleep(2**failures)
    if digest and digest != file_sha256(partial):
        partial.unlink()
        raise Refusal(f"{file} of {dataset}: the bytes received do not match the server's sha256; run again")
    _check_parquet(partial)
    os.replace(partial, target)
    return target


def _download(dataset: str, file: str, partial: Path) -> str | None:
    """Append to `partial` what is missing of a file; return its sha256 where the server tells, else None."""
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers, disable_progress_bars
    except ImportError as error:
        raise Refusal(f"{dataset} is downloaded by huggingface_hub; pip install huggingface_hub ({error})") from error
    url = hf_hub_url(dataset, file, repo_type="dataset")
    facts = get_hf_file_metadata(url)
    if facts.size is None or _size(partial) > facts.size:
        partial.unlink(missing_ok=True)
    have, size = _size(partial), facts.size or 0
    if shutil.disk_usage(partial.parent).free < size - have:
        raise OSError(errno.ENOSPC, f"{partial.name} needs {(size - have) / 1e6:.0f} MB more", str(partial.parent))
    disable_progress_bars()  # they are for terminals; the loop reads lines
    with Partial(partial, size) as out:
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        http_get(url, out, resume_size=have, expected_size=facts.size, headers=headers)
    return facts.etag if re.fullmatch(r"[0-9a-f]{64}", facts.etag or "") else None


class Partial(io.FileIO):
    """A file that is appended to, and says how much of it is there, once a second."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(path, "ab")
        self._path, self._size, self._said = path, size, 0.0

    def write(self, data: Any) -> int:
        if time.monotonic() - self._said > 1:
            self._said = time.monotonic()
            say(f"{self._path.stem} {self.tell() / 1e6:.0f} of {self._size / 1e6:.0f} MB", end="\r")
        return super().write(data)


def _check_parquet(path: Path) -> None:
    """Raise Refusal unless the file begins and ends as parquet does."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(-min(4, _size(path)), os.SEEK_END)
        if (head, file.read(4)) != (b"PAR1", b"PAR1"):
            raise Refusal(f"{path} is not a whole parquet file; delete it, then prepare again")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


# --- Tokenizer ---------------------------------------------------------------------------------------------------

BOS = "<|bos|>"
TOKENIZER_TEXT = 1 << 27  # characters of training text the merges are learnt from
SLICE = 1 << 16  # a regular expression over a million blanks overflows its stack, tokenizers work on less


def train_tokenizer(documents: Iterable[str], vocab: int) -> dict[str, Any]:
    """Return a byte-pair tokenizer as plain JSON: pattern, BOS, and the tokens' bytes (base64) in rank order.

    The last id of the vocabulary is BOS; a small corpus may leave ids before it without a use.
    """
    import rustbpe

    def enough() -> Iterator[str]:
        left = TOKENIZER_TEXT
        for text in documents:
            yield from slices(text, SLICE)
            left -= len(text)
            if left < 0:
                return

    learner = rustbpe.Tokenizer()
    learner.train_from_iterator(enough(), vocab - 1)
    ranks = sorted(learner.get_mergeable_ranks(), key=lambda pair: pair[1])
    return {
        "pattern": learner.get_pattern(),
        "bos": vocab - 1,
        "tokens": [base64.b64encode(bytes(token)).decode() for token, _ in ranks],
    }


def token_bytes(tokenizer: dict[str, Any]) -> NDArray[np.int64]:
    """Return how many bytes of text each token stands for, (vocab,); BOS stands for none.

    Counted on the token itself: decoding a part of a character gives U+FFFD, which is three bytes for one.
    """
    lengths = np.zeros(tokenizer["bos"] + 1, dtype=np.int64)
    for rank, token in enumerate(tokenizer["tokens"]):
        lengths[rank] = len(base64.b64decode(token))
    return lengths


def open_tokenizer(tokenizer: dict[str, Any]) -> tiktoken.Encoding:
    """Return the tiktoken encoding of a stored tokenizer."""
    import tiktoken

    return tiktoken.Encoding(
        name="autoresearch",
        pat_str=tokenizer["pattern"],
        mergeable_ranks={base64.b64decode(token): rank for rank, token in enumerate(tokenizer["tokens"])},
        special_tokens={BOS: tokenizer["bos"]},
    )


def encode(documents: Iterable[str], encoding: tiktoken.Encoding) -> Iterator[Tokens]:
    """Yield each document's tokens without BOS, in order; tokenizes on every core."""

    def tokens(text: str) -> Tokens:
        parts = [encoding.encode_to_numpy(part, disallowed_special=()) for part in slices(text, SLICE)]
        return np.concatenate(parts).astype(np.uint16)

    remaining = iter(documents)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while group := list(islice(remaining, 256)):
            yield from pool.map(tokens, group)


# --- Packing: documents to rows of context + 1 tokens ------------------------------------------------------------

LOOKAHEAD = 1024  # pieces to choose the best fit from


class Pieces:
    """What is left of documents, by length."""

    def __init__(self, longest: int) -> None:
        self.count = 0
        self._by_length: list[list[Tokens]] = [[] for _ in range(longest + 1)]
        self._lengths = 0  # bit n is set while there is a piece of n tokens

    def put(self, piece: Tokens) -> None:
        self._by_length[len(piece)].append(piece)
        self._lengths |= 1 << len(piece)
        self.count += 1

    def take(self, room: int) -> Tokens:
        """Take the longest piece that fits; when none does, the beginning of the shortest, whose end stays."""
        fitting = self._lengths & ((2 << room) - 1)
        length = fitting.bit_length() - 1 if fitting else (self._lengths & -self._lengths).bit_length() - 1
        piece = self._by_length[length].pop()
        if not self._by_length[length]:
            self._lengths ^= 1 << length
        self.count -= 1
        if length > room:
            self.put(piece[room:])
        return piece[:room]

    def row(self, context: int, bos: int) -> Tokens:
        """Take pieces for a row, (1, context + 1), each after a BOS of its own."""
        filled = np.full((1, context + 1), bos, dtype=np.uint16)
        start = 1
        while self.count and start <= context:
            piece = self.take(context + 1 - start)
            filled[0, start : start + len(piece)] = piece
            start += len(piece) + 1
        return filled


def pack(documents: Iterable[Tokens], context: int, bos: int) -> Iterator[Tokens]:
    """Yield blocks of rows, (n, context + 1) uint16, that together hold every token once and start with BOS.

    A document longer than a row fills whole rows first. What is left over is packed best-fit. So no token is cropped;
    only the very last row is filled up with BOS.
    """
    pieces = Pieces(context)
    for tokens in documents:
        whole = len(tokens) // context
        if whole:
            block = np.full((whole, context + 1), bos, dtype=np.uint16)
            block[:, 1:] = tokens[: whole * context].reshape(whole, context)
            yield block
        if len(tokens) > whole * context:
            pieces.put(tokens[whole * context :])
        while pieces.count > LOOKAHEAD:
            yield pieces.row(context, bos)
    while pieces.count:
        yield pieces.row(context, bos)


def deal(documents: Iterable[Tokens], enough: int) -> tuple[list[Tokens], list[Tokens]]:
    """Split held-out documents into val and audit, each next one to the smaller, until both have `enough` tokens."""
    val: list[Tokens] = []
    audit: list[Tokens] = []
    sizes = [0, 0]
    for tokens in documents:
        second = sizes[1] < sizes[0]
        (audit if second else val).append(tokens)
        sizes[second] += len(tokens)
        if min(sizes) >= enough:
            break
    return val, audit


# --- Prepared folders: written once, pinned by hash --------------------------------------------------------------

TRAIN, VAL, AUDIT, TOKENIZER = "train.bin", "sealed/val.bin", "sealed/audit.bin", "tokenizer.json"


@dataclass(frozen=True)
class Dataset:
    """A prepared folder and its manifest."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def data_hash(self) -> str:
        """The sha256 over the contents of every file: the same text prepared anywhere has the same."""
        files = {name: pin["sha256"] for name, pin in self.manifest["files"].items()}
        return _sha256([self.manifest["vocab"], self.manifest["context"], files])

    def verified(self, name: str, thorough: bool = False) -> Path:
        """Return the path of a file of this folder, or raise Refusal naming it if it is not what was prepared.

        Size and modification time are looked at, the content when they differ or when `thorough`.
        """
        path, pin = self.folder / name, self.manifest["files"][name]
        try:
            found = path.stat()
        except OSError as error:
            raise Refusal(f"{path} cannot be opened ({error.strerror}); {self.again}") from error
        if found.st_size != pin["bytes"]:
            raise Refusal(f"{path} has {found.st_size} bytes instead of {pin['bytes']}; {self.again}")
        if (thorough or found.st_mtime_ns != pin["mtime_ns"]) and file_sha256(path) != pin["sha256"]:
            raise Refusal(f"{path} was changed after it was prepared; {self.again}")
        return path

    @property
    def again(self) -> str:
        return f"delete {self.folder} and run: python prepare.py"

    def rows(self, name: str, thorough: bool = False) -> Tokens:
        """Return a split as a memory map, (rows, context + 1) uint16."""
        path = self.verified(name, thorough)
        mapped = np.memmap(path, dtype=np.uint16, mode="r").view(np.ndarray)  # the plain class reads rows faster
        return mapped.reshape(-1, self.manifest["context"] + 1)

    def tokenizer(self, thorough: bool = False) -> dict[str, Any]:
        """Return the stored tokenizer. A confined run is not told what its tokens stand for."""
        if (self.folder / TOKENIZER).is_char_device():  # what a sandbox puts in the place of a file that it hides
            raise Refusal(
                "the tokenizer is not shown to a run of a campaign: it is served token numbers, and text that it finds "
                "elsewhere is no training data; work on the numbers, or run the canvas by hand"
            )
        stored: dict[str, Any] = json.loads(self.verified(TOKENIZER, thorough).read_bytes())
        return stored


@functools.cache
def dataset() -> Dataset:
    """Return the data of this run, preparing it now if that was never done."""
    _refuse_in_scorer("dataset()")
    return find_dataset(profile(), cache_root()) or prepare_dataset(profile(), cache_root())


def find_dataset(p: Profile, cache: Path) -> Dataset | None:
    """Return what was last prepared for this source and these sizes, or None. Reads nothing of the source itself."""
    folder = Path(p.source).expanduser()
    if not (folder / "manifest.json").is_file():  # a prepared folder is a source as well
        try:
            folder = _pointer(p, cache).parent / _pointer(p, cache).read_text()
        except FileNotFoundError:
            return None
    try:
        found = Dataset(folder.absolute(), json.loads((folder / "manifest.json").read_bytes()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Refusal(f"{folder / 'manifest.json'} is damaged ({error}); {Dataset(folder, {}).again}") from error
    wanted = {"format": FORMAT, "vocab": p.vocab, "context": p.context}
    if any(found.manifest.get(key) != value for key, value in wanted.items()):
        raise Refusal(f"{folder} was not prepared for {wanted}; name the text it was made from as the source instead")
    return found


def prepare_dataset(p: Profile, cache: Path) -> Dataset:
    """Return the dataset of this source as it is now: the prepared one, or a new one.

    One preparation at a time (a lock that dies with its owner); a folder gets its name only when it is complete, so a
    process killed at any moment leaves nothing that would be taken for data.
    """
    try:
        pointer = _pointer(p, cache)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        with (pointer.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = find_dataset(p, cache)
            given = found is not None and found.folder.parent != pointer.parent  # the source is a prepared folder
            fixed = given or downloads(p.source, cache)
            fingerprint = _sha256([] if fixed else [_file_mark(path) for path in local_files(p.source)])
            if found and (given or found.manifest["fingerprint"] == fingerprint):
                for name in found.manifest["files"]:
                    found.verified(name)
                return found
            for leftover in pointer.parent.glob("*.tmp"):
                shutil.rmtree(leftover)
            folder = pointer.parent / f"{pointer.stem}-{fingerprint[:8]}"
            building = folder.with_suffix(".tmp")
            (building / "sealed").mkdir(parents=True)
            _build(building, p, cache, fingerprint)
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(building, folder)
            replace_text(pointer, folder.name)
            return Dataset(folder, json.loads((folder / "manifest.json").read_bytes()))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "the disk is full; free some space" if full else "make it readable and writable"
        raise Refusal(f"{error.filename or cache}: {error.strerror}: {advice} or set AUTORESEARCH_CACHE") from error


def _build(folder: Path, p: Profile, cache: Path, fingerprint: str) -> None:
    """Fill a folder: tokenizer.json, train.bin, sealed/val.bin, sealed/audit.bin, and manifest.json last."""
    corpus = open_corpus(p.source, cache)
    say(f"learning {p.vocab} tokens from {p.source}")
    tokenizer = train_tokenizer(corpus.train(), p.vocab)
    (folder / TOKENIZER).write_text(json.dumps(tokenizer))
    encoding, bos, limit = open_tokenizer(tokenizer), tokenizer["bos"], max(1, p.eval_tokens // p.context)
    splits = deal(encode(corpus.held_out(), encoding), limit * p.context)
    rows = [_held_out_rows(documents, p, bos)[:limit] for documents in splits]
    for name, split in zip((VAL, AUDIT), rows, strict=True):
        split.tofile(folder / name)
    say("tokenizing and packing")
    train_rows, train_tokens = _write_training(folder / TRAIN, encode(corpus.train(), encoding), p, bos)
    share = 1 - train_tokens / (train_rows * (p.context + 1))
    say(f"{train_rows:,} training rows; 0 tokens cropped, {share:.1%} of the rows is BOS")
    scored = rows[0][:, 1:][rows[0][:, 1:] != bos]
    files = [path for path in corpus.files[: sum(map(len, splits))] if not path.is_relative_to(sys.base_prefix)]
    manifest = {
        "format": FORMAT, "source": p.source, "fingerprint": fingerprint, "vocab": p.vocab, "context": p.context,
        "train_rows": train_rows, "train_tokens": train_tokens,
        "val_tokens": scored.size, "val_bytes": int(token_bytes(tokenizer)[scored].sum()),
        "sealed_sources": [str(path) for path in (*corpus.sealed, *files)],
        "files": {name: _pin(folder / name) for name in (TOKENIZER, TRAIN, VAL, AUDIT)},
    }  # fmt: skip
    replace_text(folder / "manifest.json", json.dumps(manifest, indent=1))


def _held_out_rows(documents: list[Tokens], p: Profile, bos: int) -> Tokens:
    if (held := sum(map(len, documents))) < p.context:
        what = f"{held} held-out tokens do not fill one row of {p.context}"
        raise Refusal(f"{p.source}: the corpus is too small: {what}; give more text")
    rows: Tokens = np.concatenate(list(pack(documents, p.context, bos)))
    return rows


def _write_training(path: Path, documents: Iterable[Tokens], p: Profile, bos: int) -> tuple[int, int]:
    """Write the training rows; return how many there are, and how many tokens of text are in them."""
    rows = tokens = 0
    with path.open("wb") as file:
        for block in pack(documents, p.context, bos):
            file.write(block.tobytes())
            rows += len(block)
            tokens += int((block != bos).sum())
    if not rows:
        raise Refusal(f"{p.source}: the corpus is too small: nothing is left to train on; give more text")
    return rows, tokens


def _pointer(p: Profile, cache: Path) -> Path:
    """Return the small file that names the folder prepared last for a source and sizes."""
    source = p.source
    if source == "python":
        source = f"python {platform.python_version()} {sysconfig.get_paths()['stdlib']}"
    elif Path(source).expanduser().exists():
        source = str(Path(source).expanduser().resolve())
    key = _sha256([FORMAT, source, p.vocab, p.context, p.eval_tokens])[:12]
    label = re.sub(r"[^A-Za-z0-9]+", "-", Path(p.source).stem) or "text"
    return cache / "prepared" / f"{label}-{key}.current"


def _pin(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {"sha256": file_sha256(path), "bytes": found.st_size, "mtime_ns": found.st_mtime_ns}


def _file_mark(path: Path) -> list[Any]:
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}~")
    temporary.write_text(text)
    os.replace(temporary, path)


# --- Loader ------------------------------------------------------------------------------------------------------


def batches(rows: int) -> Iterator[tuple[Any, Any]]:
    """Yield inputs and targets for ever: (rows, T) int64 on torch's device, else int32 arrays of NumPy.

    The order of rows depends on the seed alone: the stream is the same whatever `rows` is. Every epoch has a new order.
    """
    _refuse_in_scorer("batches()")
    tokens = rows * profile().context
    _charge(0)  # raises while the clock does not run: no row of the data is within reach before
    data = dataset()
    stored: int = data.manifest["train_rows"]
    order = (np.random.default_rng((seed(), epoch)).permutation(stored) for epoch in range(sys.maxsize))
    picked = _regrouped(order, rows)
    if not _loop.mark:
        packed = data.rows(TRAIN)
        for numbers in picked:
            _charge(tokens)
            yield framework().batch(packed[numbers])
    _loop.check(data)
    asked: Answer | None = None
    while True:
        _charge(tokens)
        present = asked or _loop.ask(next(picked), data)
        block = present.rows()
        clock = Budget.latest
        # So that what comes next is here when it is wanted; what a budget will not use is not asked for.
        asked = _loop.ask(next(picked), data) if clock and clock.needs_more else None
        yield framework().batch(block)


def _charge(tokens: int) -> None:
    """Have the budget know what is handed out; raise in a run of the loop while none is being spent."""
    clock = Budget.latest
    if os.environ.get("AUTORESEARCH_RUN") and (clock is None or not clock.running):
        raise RuntimeError("batches(): the clock does not run; draw them between budget.remains() and budget.spend()")
    if clock is not None:
        clock.handed_out += tokens


MOST_ROWS = 1 << 16  # of one request to the loop


@dataclass
class Answer:
    """Rows that the loop was asked for: they come in the order in which they were asked for."""

    columns: int
    missing: int = 0  # bytes
    data: bytearray = field(default_factory=bytearray)

    def rows(self) -> Tokens:
        """Return the rows, (n, context + 1) uint16, once they are there."""
        _loop.receive(self)
        return np.frombuffer(self.data, dtype=np.uint16).reshape(-1, self.columns)


class Loop:
    """The loop's end of this run: it opens the gate, keeps a clock of its own, serves the rows and ends the run.

    Of the file of the training rows a run in the loop has no name and no descriptor, only the rows that it asks for.
    """

    def __init__(self) -> None:
        self.channel: socket.socket | None = None
        self.mark: list[int] = []  # size and time of the file of the rows that it serves, if it does
        self.pending: Answer | None = None  # one at a time is on its way

    def start_clock(self) -> None:
        if self.channel is None:
            return
        self.channel.sendall(b"clock\n")
        answer = self.channel.recv(64)
        if not answer:
            sys.exit("prepare: the loop is gone, or the clock was started before")
        self.mark = [int(word) for word in answer.split()[1:]]

    def check(self, data: Dataset) -> None:
        """Raise Refusal where the loop has other rows than the prepared ones."""
        pin = data.manifest["files"][TRAIN]
        if self.mark != [pin["bytes"], pin["mtime_ns"]]:
            raise Refusal(f"{data.folder / TRAIN} is not what was prepared; {data.again}")

    def ask(self, numbers: NDArray[np.int64], data: Dataset) -> Answer:
        """Ask for rows; go on without waiting for them."""
        assert self.channel is not None
        columns = data.manifest["context"] + 1
        answer = Answer(columns)
        for first in range(0, len(numbers), MOST_ROWS):
            part = numbers[first : first + MOST_ROWS]
            if self.pending:
                self.receive(self.pending)  # else each could wait for the other to read
            self.channel.sendall(b"rows %d\n" % len(part) + part.astype(np.uint32).tobytes())
            answer.missing += 2 * columns * len(part)
            self.pending = answer
        return answer

    def receive(self, answer: Answer) -> None:
        assert self.channel is not None
        while answer.missing:
            data = self.channel.recv(min(answer.missing, 1 << 20))
            if not data:
                sys.exit("prepare: the loop is gone, or serves no more rows")
            answer.data += data
            answer.missing -= len(data)
        if self.pending is answer:
            self.pending = None

    def end(self) -> None:
        """Say that this is the end, and wait for it."""
        if self.channel is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            self.channel.sendall(b"submit\n")
            while self.channel.recv(1 << 16):  # rows that nobody wants any more
                pass
            os._exit(0)  # the loop is gone


_loop = Loop()


def _regrouped(blocks: Iterable[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Yield the rows of blocks of any length in blocks of exactly `rows`; a last incomplete one is left out."""
    held: list[NDArray[Any]] = []
    count = 0
    for block in blocks:
        while len(block):
            part, block = block[: rows - count], block[rows - count :]
            held.append(part)
            count += len(part)
            if count == rows:
                yield held[0] if len(held) == 1 else np.concatenate(held)
                held, count = [], 0


def _to_device(block: Tokens) -> tuple[Tensor, Tensor]:
    """Return a block of rows as inputs and targets; to a GPU the copy is pinned and asynchronous."""
    if device().type in GPU_KINDS:
        tokens = torch.from_numpy(block).pin_memory().to(device(), non_blocking=True).long()
        return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    # NumPy converts on this thread alone; torch would wait for its other threads, which neighbours may hold up.
    inputs, targets = (torch.from_numpy(part.astype(np.int64)) for part in (block[:, :-1], block[:, 1:]))
    return inputs.to(device()), targets.to(device())


# --- Budget: the run's clock -------------------------------------------------------------------------------------

BUDGET_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([smh])|([kmg]?)\s*tokens?|([mgtp])flops?)", re.IGNORECASE)
SCALE = {"s": 1, "m": 60, "h": 3600}
PREFIX = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15}
RECOUNT_EVERY = 16  # steps, on average, between two counts of a step's cost
PROGRESS_S = 0.25
# From the end of the budget to submit(); a canvas that submits at once needs .1 s, its last step may have begun before
# the end. On a CPU, where a budget is not wall time, these are CPU seconds: what neighbours take is not the run's.
GRACE_S, GRACE_SHARE = {"cpu": 3.0, "mps": 10.0, "cuda": 10.0, "xpu": 10.0}, 0.02
LATE, LATE_FLOP = 0.01, 1e8  # of a run's FLOP, or so many, may be computed after its last spend()
ENOUGH = 0.8  # of the budget; a run that submits earlier has most likely not called spend()
OVER = 0.25  # of a budget in tokens or FLOP, by which its last step may go beyond it
PYTHON = 1.5  # what Python and autograd cost an operator, in what counting it costs
FAR_BEYOND, UNSEEN_S = 2.0, 1.0  # times the CPU seconds that counted operators explain, and some to spare


@dataclass(frozen=True)
class Limit:
    """A parsed budget: so many seconds of wall time, tokens or FLOP."""

    kind: str  # "wall", "tokens" or "flop"
    amount: float

    @property
    def cap_s(self) -> float | None:
        """Wall seconds after which a compute budget is given up; a quiet core is tens of times faster than this."""
        return {"wall": None, "tokens": 120 + self.amount / 1e3, "flop": 120 + self.amount / 5e9}[self.kind]


def parse_budget(text: str) -> Limit:
    """Return the limit that `15s`, `5m`, `2h`, `500k tokens` or `2 TFLOP` stands for; raise Refusal for other text."""
    found = BUDGET_FORM.fullmatch(text.strip())
    if not found or float(found[1]) == 0:
        raise Refusal(f"budget {text!r} is not understood; write 15s, 5m or 2h (wall time), 500k tokens or 2 TFLOP")
    number, wall, tokens, flop = found.groups()
    if wall:
        return Limit("wall", float(number) * SCALE[wall.lower()])
    if flop:
        return Limit("flop", float(number) * PREFIX[flop.lower()])
    return Limit("tokens", float(number) * PREFIX[tokens.lower()])


def budget_limit() -> Limit:
    """Return the budget of this run: the loop's or the profile's default."""
    text, named = os.environ.get("AUTORESEARCH_BUDGET") or profile().budget, profile().framework
    limit = parse_budget(text)
    if limit.kind == "flop" and named != "torch":
        raise Refusal(f"budget {text!r}: nothing counts the operations of {named}; write {UNCOUNTED_BUDGET} or 5m")
    return limit


FLOP_PER_BYTE = 12  # what moving a byte costs beside a FLOP of matrix arithmetic, fitted to quiet CPU seconds


class StepCost:
    """Counts what one optimizer step costs, in FLOP: every operator between start() and stop(), from shapes alone.

    An operator costs the FLOP of its matrix products and 12 for each byte that it reads or writes, a view nothing. Code
    under torch.compile runs eagerly while it is counted. docs/ruler.md says how well that agrees with CPU time.
    """

    def __init__(self) -> None:
        from torch.utils._python_dispatch import TorchDispatchMode

        # What is counted lies where a canvas has no attribute to set.
        flop, operators, inside_ns, beside_ns = 0.0, 0, 0, 0
        priced, now = price, _process_ns if profile().threads > 1 else _thread_ns

        class Observer(TorchDispatchMode):  # type: ignore[no-untyped-call]
            supports_higher_order_operators = True  # flex_attention is one

            @classmethod
            def _should_skip_dynamo(cls) -> bool:
                """Keep compilers out of this; where none is loaded the first operator would import it, a second."""
                return "torch._dynamo" in sys.modules

            def __torch_dispatch__(self, operator, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                before = now()
                result = operator(*args, **(kwargs or {}))
                after = now()
                nonlocal flop, operators, inside_ns, beside_ns
                flop += priced(operator, args, kwargs or {}, result)
                operators += 1
                inside_ns += after - before
                beside_ns += now() - after
                return result

        self.read: Callable[[], tuple[float, int, int, int]] = lambda: (flop, operators, inside_ns, beside_ns)
        self._observer = Observer()  # type: ignore[no-untyped-call]

    @property
    def flop(self) -> float:
        return self.read()[0]

    @property
    def beside_ns(self) -> int:
        """CPU time that counting operators took: a measure of what Python costs an operator here and now."""
        return self.read()[3]

    def start(self) -> None:
        self._observer.__enter__()  # type: ignore[no-untyped-call]

    def stop(self) -> float:
        self._observer.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        return self.flop

    @property
    def many_flop(self) -> float:
        """What a step pays for operators beyond one for every 8 MFLOP: small ones cost what Python costs."""
        return OPERATOR_FLOP * max(0.0, self.read()[1] - self.flop / FLOP_PER_OPERATOR)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the operators, and of what Python does for them where nobody counts."""
        return (self.read()[2] + PYTHON * self.beside_ns) / 1e9


_thread_ns, _process_ns = time.thread_time_ns, time.process_time_ns


def price(
    operator: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    prices: dict[Any, float] = {},  # noqa: B006  a step has hundreds of operators, of a few dozen kinds
) -> float:
    """Return what one operator is charged, in FLOP."""
    key = operator, _shapes(args), _shapes(tuple(kwargs.items())), _shapes(result)
    try:
        known = prices.get(key)
    except (TypeError, NotImplementedError):  # an argument that cannot be hashed, or not compared
        return _price(operator, args, kwargs, result)
    if known is None:
        known = prices[key] = _price(operator, args, kwargs, result)
    return known


def _shapes(value: Any) -> Any:
    """Return what a price may depend on: shapes, types and whole numbers, not the numbers a step computes with."""
    if isinstance(value, torch.Tensor):
        return value.shape, value.dtype
    if isinstance(value, list | tuple):
        return tuple([_shapes(part) for part in value])
    return float if isinstance(value, float) else value


def _price(
    operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, per_byte: float = FLOP_PER_BYTE
) -> float:
    from torch.utils._pytree import tree_leaves
    from torch.utils.flop_counter import flop_registry

    flop = 0.0
    kind = getattr(operator, "overloadpacket", operator)
    if kind in flop_registry:
        flop += flop_registry[kind](*args, **kwargs, out_val=result)
    elif kind is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
        flop += _attention_flop(*args[:3], causal=kwargs.get("is_causal", args[4:5] == (True,)))
    elif kind is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward:
        flop += 2.5 * _attention_flop(*args[1:4], causal=args[7])
    if getattr(operator, "is_view", False) or kind is torch.ops.aten._unsafe_view:
        return flop
    moved = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, torch.Tensor)]
    flop += per_byte * sum(x.numel() * x.element_size() for x in moved)
    name = str(getattr(kind, "__name__", kind)).rstrip("_")
    return flop + _dear_flop(name, args, moved) if moved else flop


# What some operators cost beyond their bytes, measured on one core: `python -m bench charges`. FLOP for an element of
# the largest tensor; the same times log2 of the length that is sorted; and a, b in a n^3 + b n^2 for each matrix.
DEAR = {
    **dict.fromkeys(("randn", "randn_like", "normal", "normal_functional"), 300),
    **dict.fromkeys(("rand", "rand_like", "uniform", "randint", "randint_like", "random"), 250),
    **dict.fromkeys(("exponential", "multinomial", "poisson", "binomial", "geometric", "log_normal", "cauchy"), 2300),
    **dict.fromkeys(("_standard_gamma", "_sample_dirichlet", "igamma", "igammac", "polygamma", "special_zeta"), 5000),
    **dict.fromkeys(("lgamma", "digamma", "mvlgamma", "randperm", "bincount", "nonzero", "masked_select"), 700),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "_cummax_helper", "_cummin_helper", "var"), 250),
    **dict.fromkeys(("std", "var_mean", "std_mean", "native_channel_shuffle"), 250),
    **dict.fromkeys(("histc", "histogram", "masked_scatter"), 500),
    **dict.fromkeys(("logcumsumexp", "_logcumsumexp"), 2400),
}
SORTS = {
    **dict.fromkeys(("sort", "argsort", "msort", "kthvalue", "median", "nanmedian", "mode"), 580),
    **dict.fromkeys(("_unique2", "_unique", "unique_dim", "unique_consecutive", "isin"), 100),
}
MATRICES = {
    **dict.fromkeys(("_linalg_eigvals", "linalg_eigvals", "linalg_eig", "_linalg_eig"), (70, 7000)),
    **dict.fromkeys(("_linalg_svd", "linalg_svd", "linalg_lstsq", "linalg_pinv"), (25, 8000)),
    **dict.fromkeys(("_linalg_eigh", "linalg_eigh"), (15, 5000)),
    **dict.fromkeys(("_linalg_solve_ex", "linalg_inv_ex", "_linalg_det", "_linalg_slogdet"), (10, 2200)),
    **dict.fromkeys(("linalg_lu_factor_ex", "linalg_lu", "linalg_lu_solve", "linalg_ldl_factor_ex"), (10, 2200)),
    **dict.fromkeys(("linalg_qr", "geqrf", "linalg_householder_product", "ormqr"), (8, 1000)),
    **dict.fromkeys(("linalg_cholesky_ex", "cholesky_solve", "cholesky_inverse"), (4, 1000)),
    **dict.fromkeys(("linalg_solve_triangular", "triangular_solve"), (4, 1000)),
    **dict.fromkeys(("linalg_matrix_exp",), (40, 1500)),
}
# A step of very many operators for its FLOP pays for them: the default canvas has one for each 15 MFLOP.
OPERATOR_FLOP, FLOP_PER_OPERATOR = 2.5e5, 8e6


def _dear_flop(name: str, args: tuple[Any, ...], tensors: list[Tensor]) -> float:
    """Return what an operator costs beyond its matrix products and the bytes that it moves."""
    largest = max(tensors, key=lambda x: x.numel())
    count, given = largest.numel(), [x for x in args if isinstance(x, torch.Tensor)]
    length = max(largest.shape, default=1)
    if name in DEAR:
        return DEAR[name] * count
    if name in SORTS:
        return SORTS[name] * count * math.log2(max(2, length))
    if name == "topk":
        return count * (300 if args[1] * 64 <= length else 2200)
    if name in ("searchsorted", "bucketize"):
        return 160 * count * math.log2(max(2, min(x.numel() for x in given) if len(given) > 1 else 2))
    if name in MATRICES:
        n, m = sorted((*largest.shape[-2:], 1)[:2])
        a, b = MATRICES[name]
        return float((a * n * n * m + b * n * m) * count / max(1, n * m))
    if name in ("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward"):
        passes = 4 if name.endswith("backward") else 2
        steps = args[0].shape[0] * args[0].shape[1]
        return float(passes * steps * (args[1].numel() + args[2].numel()))
    if name == "_trilinear":
        shapes = [list(x.shape) for x in args[:3]]
        for shape, places in zip(shapes, args[3:6], strict=True):
            for place in places:
                shape.insert(place, 1)
        whole = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
        return float(16 * math.prod(whole))
    if name in ("index", "index_put", "_unsafe_index", "_index_put_impl"):
        masks = (x for x in args[1] if x is not None and x.dtype in (torch.bool, torch.uint8))
        return 900.0 * sum(int(x.numel()) for x in masks)
    if name in ("mm", "addmm", "bmm", "baddbmm", "_int_mm") and not given[0].is_floating_point():
        left, right = given[-2:]
        return 6.0 * left.numel() * right.shape[-1]  # integers and complex numbers take four times as long
    return 0.0


def _attention_flop(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> float:
    """Return the FLOP of the CPU's fused attention, which torch's own counter leaves out; half of it if causal."""
    rows, heads, length, _ = query.shape
    flop = 2 * rows * heads * length * key.shape[2] * (query.shape[3] + value.shape[3])
    return flop / 2 if causal else flop


TOKEN_MOVES = 6  # of each of a token's logits, at the least: out of the product, into the loss, and back


def token_flop() -> float:
    """Return what a token that batches() hands out costs at the least: to train on it takes its logits.

    What is done with it where no counter sees it, in NumPy or C, is not free. The default canvas pays ten times that.
    """
    return float(profile().vocab * 4 * TOKEN_MOVES * FLOP_PER_BYTE)


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory in the process instead of giving it back after each large tensor.

    Else the kernel maps and zeroes it anew for each: a step takes 1.2 to 1.8 times as long on a CPU, by the size of the
    largest tensor, which no count of bytes could foresee. Other C libraries are left alone.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            libc.mallopt(option, 1 << 30)


class Budget:
    """What one run may spend. The first step counts like every other.

    Making one seeds torch and fixes its threads; the clock starts at the first remains(), and batches() hands out no
    row before. So a canvas may compile beforehand, on tokens that it makes up, but not train.
    """

    latest: Budget | None = None  # what submit() reports

    def __init__(self) -> None:
        _refuse_in_scorer("Budget()")
        if Budget.latest is not None:
            raise Refusal("a second Budget(): a run has one; make it once, in main(), and pass it on")
        framework().begin()
        keep_freed_memory()
        self.limit = budget_limit()
        self._counts = self.limit.kind != "wall" and profile().framework == "torch"
        self.steps = 0
        self.handed_out = 0  # tokens of batches()
        self._said = 0  # tokens of spend()
        self._last_step = self._spent_before = 0.0  # of the budget: what the last step took, and all was until then
        self.flop = 0.0
        self.loss = math.nan
        self._started: float | None = None
        self._ended: float | None = None
        self._cost: StepCost | None = None  # while a step is being counted
        self._step_flop = self._step_s = 0.0  # of the step counted last; seconds are CPU seconds
        self._step_tokens = 0, 0  # said and handed out in the step counted last
        self.explained_s = 0.0  # CPU seconds of all that was counted, and of as many steps like each as it stands for
        self._outside: StepCost | None = None  # counts from spend() to remains(), or to submit()
        self._handed_before = 0  # before the present step
        self._asked = False  # remains() was called and spend() not yet
        self._recount = False  # the last step was unlike the one counted last
        self._cpu_started = self._cpu_ended = 0.0  # of this process
        self._counting = random.Random(seed())
        self._progress_due = 0.0
        Budget.latest = self

    @property
    def running(self) -> bool:
        """Whether the clock has started and there is budget left."""
        return self._started is not None and self._ended is None

    @property
    def tokens(self) -> int:
        """Tokens that are charged: what the canvas says it trained on, and never less than it was handed."""
        return max(self._said, self.handed_out)

    @property
    def needs_more(self) -> bool:
        """Whether a next step is to be expected once the tokens handed out are charged."""
        spent = self.handed_out / self.limit.amount if self.limit.kind == "tokens" else self.share
        return spent < 1

    @property
    def seconds(self) -> float:
        """Wall seconds from the first remains() to the end of the budget."""
        if self._started is None:
            return 0.0
        return (self._ended or time.monotonic()) - self._started

    @property
    def share(self) -> float:
        """The part of the budget that is spent, in [0, 1]."""
        return min(1.0, self._spent)

    @property
    def _spent(self) -> float:
        """What is charged, of the budget; more than 1 where the last step went beyond it."""
        return {"wall": self.seconds, "tokens": self.tokens, "flop": self.flop}[self.limit.kind] / self.limit.amount

    @property
    def _is_over(self) -> bool:
        """Whether the budget is spent, or one more step like the last would go too far beyond it."""
        return self._spent >= 1 or (self.limit.kind != "wall" and self._spent + self._last_step > 1 + OVER)

    def remains(self) -> bool:
        """Return whether there is budget for another optimizer step; call it before each."""
        if self._started is None:
            self._started, self._cpu_started = time.monotonic(), time.process_time()
            _loop.start_clock()
        if self.share < 1:
            self._charge_outside()
        if self._is_over:  # what comes from the last spend() on is counted until submit()
            if self._ended is None:
                self._ended, self._cpu_ended = time.monotonic(), time.process_time()
            self._count_outside()
            self._write_progress()
            return False
        if self._asked and self.limit.kind == "flop" and self.handed_out > self._handed_before:
            raise Refusal("a step was taken and not charged; call budget.spend() after every step, before remains()")
        self._asked = True
        if self.limit.cap_s and self.seconds > self.limit.cap_s:
            raise OutOfTime(
                f"{self.share:.0%} of the budget was spent in {self.seconds:.0f} s, its cap; the machine is too busy "
                "or the model far slower than counted: take a smaller budget, or one in wall time"
            )
        if self._counts and not self._cost and self._count_next():
            self._cost = StepCost()
            self._cost.start()
        return True

    def _count_next(self) -> bool:
        """Return whether the next step is counted: at moments that depend on the seed, and when steps have changed."""
        return self._counting.randrange(RECOUNT_EVERY) == 0 or self.steps < 2 or self._recount

    def spend(self, *, tokens: int, loss: float) -> None:
        """Charge one optimizer step; raise NonFiniteLoss if its loss is."""
        self._said += tokens
        if not self._asked:  # a second spend() after one remains(): what came between was a step
            self._cost, self._outside = self._cost or self._outside, None
        self._charge_step(tokens, self.handed_out - self._handed_before)
        self._last_step, self._spent_before = self._spent - self._spent_before, self._spent
        self._count_outside()
        self.steps += 1
        self.loss = loss
        if not math.isfinite(loss):
            raise NonFiniteLoss(f"the training loss is {loss} at step {self.steps}")
        if time.monotonic() >= self._progress_due:
            self._progress_due = time.monotonic() + PROGRESS_S
            self._write_progress()

    def _charge_step(self, said: int, handed: int) -> None:
        """Charge what the present step cost: as counted, or like the step counted last, and more for more tokens."""
        self._asked, self._handed_before = False, self.handed_out
        self._recount = self._cost is None and (said, handed) != self._step_tokens
        if self._cost:
            cost, self._cost = self._cost, None
            self._step_flop, self._step_s, self._step_tokens = cost.stop() + cost.many_flop, cost.cpu_s, (said, handed)
            if not self._step_flop and self.limit.kind == "flop":
                raise Refusal(
                    "a step counts 0 FLOP, the counter cannot see into it; use a budget in tokens or time, and for a "
                    'canvas in another framework than torch a line FRAMEWORK = "mlx" at its top level'
                )
            self.explained_s += cost.beside_ns / 1e9
        grown = max(1.0, max(said, handed) / (max(self._step_tokens) or 1))
        self.explained_s += self._step_s * grown  # not what is paid for the tokens: cheap steps explain cheap steps
        self.flop += max(self._step_flop * grown, handed * token_flop())

    def _count_outside(self) -> None:
        if self._counts and not self._outside:
            self._outside = StepCost()
            self._outside.start()

    def _charge_outside(self) -> None:
        """Charge what was computed since spend(), which is no part of a step: all of it is counted."""
        if self._outside:
            outside, self._outside = self._outside, None
            self.flop += outside.stop()
            self.explained_s += outside.cpu_s + outside.beside_ns / 1e9

    def check_end(self) -> None:
        """Raise where the budget is not spent, or was over long ago, or bought far more than it was charged for."""
        if self.share < ENOUGH and self._ended is None:
            raise Refusal(
                f"submit(): only {self.share:.0%} of the budget was spent; train while budget.remains() and call "
                "budget.spend() after every step"
            )
        if self.limit.kind != "wall" and self._spent > 1 + OVER:
            raise Overrun(
                f"submit(): {self._spent:.0%} of the budget was spent, {1 + OVER:.0%} are allowed; take steps of one "
                "size, each less than a quarter of the budget, and call budget.spend() after each"
            )
        wall, on_cpu = self.limit.kind == "wall", profile().device == "cpu"
        lasted = self.limit.amount if wall else self.seconds
        grace = GRACE_S[profile().device.partition(":")[0]] + GRACE_SHARE * lasted
        if wall and self._started is not None:
            over = time.monotonic() - self._started - self.limit.amount
        elif self._ended is not None:
            over = time.process_time() - self._cpu_ended if on_cpu else time.monotonic() - self._ended
        else:
            over = 0.0
        if over > grace:
            raise Overrun(
                f"submit() came {over:.0f} s after the end of the budget, {grace:.0f} s are allowed; "
                "train only while budget.remains(), and submit at once"
            )
        if self._outside:
            outside, self._outside = self._outside, None
            left = self.limit.amount - self.flop if self.limit.kind == "flop" else 0.0
            late = outside.stop() - max(0.0, left)
            if late > max(LATE * self.flop, LATE_FLOP):
                raise Overrun(
                    f"submit(): {late / 1e9:.2g} GFLOP were computed after the last spend(), {LATE:.0%} of the run's "
                    f"{self.flop / 1e9:.2g} are allowed, for averages of weights and the like; train only while "
                    "budget.remains()"
                )
        if on_cpu and self.limit.kind == "flop" and run_folder():
            self._check_work(time.process_time() - self._cpu_started)

    def _check_work(self, cpu_s: float) -> None:
        if cpu_s > FAR_BEYOND * self.explained_s + UNSEEN_S:
            raise Uncharged(
                f"the run took {cpu_s:.1f} CPU seconds, and the operators it was charged for {self.explained_s:.1f}: "
                "work outside of torch's operators, in threads and in imports counts as well; do less of it or do "
                "it in torch operators within the steps"
            )

    def _write_progress(self) -> None:
        run = run_folder()
        if run is None:
            return
        seconds, share = self.seconds, self.share
        progress = {
            "step": self.steps, "share": share, "loss": self.loss, "tokens": self.tokens, "seconds": seconds,
            "tokens_per_s": self.tokens / seconds if seconds else 0.0,
            "remaining_s": seconds / share * (1 - share) if share else None,
        }  # fmt: skip
        replace_text(run / "progress.json", json.dumps(progress))


def run_folder() -> Path | None:
    """Return the folder the loop gave this run, or None by hand."""
    named = os.environ.get("AUTORESEARCH_RUN")
    return Path(named) if named else None


# --- Frameworks: torch, or any whose arrays NumPy can read ---------------------------------------------------------
# A canvas in another framework says FRAMEWORK = "mlx" at its top level. Its build_model(weights) returns a callable,
# tokens (n, T) int32 -> logits (n, T, V). docs/frameworks.md describes both sides; torch keeps operators of its own
# where they decide the digits and the speed of a score.


class Torch:
    """What the ruler does with torch."""

    __slots__ = ()
    checkpoint = "checkpoint.pt"  # holds every type of tensor, tied and sparse ones too

    def begin(self) -> None:
        global torch
        import torch

        torch.manual_seed(seed())
        torch.set_num_threads(profile().threads)

    def pay_imports(self) -> None:
        if torch.cuda.is_available():
            importlib.import_module("torch._dynamo")  # torch.compile needs it, 1-2 s

    def formulas(self) -> tuple[types.ModuleType, dict[Any, Any]]:
        """Return what counts FLOP, and its table."""
        from torch.utils import flop_counter

        return flop_counter, flop_counter.flop_registry

    def batch(self, block: Tokens) -> tuple[Tensor, Tensor]:
        return _to_device(block)

    def weights(self, model: torch.nn.Module) -> tuple[dict[str, Tensor], int]:
        """Return the weights under the names of the plain module, those of torch.compile undone; and their number."""
        if not hasattr(model, "state_dict"):
            what = f"submit() takes a torch module, not {type(model).__name__}"
            raise Refusal(f'{what}; a canvas in another framework has a line FRAMEWORK = "mlx" at its top level')
        state = {name.replace("_orig_mod.", ""): value.detach().cpu() for name, value in model.state_dict().items()}
        return state, sum(p.numel() for p in model.parameters())

    def save(self, weights: Any, path: Path) -> None:
        torch.save(weights, path)

    def load(self, build: Callable[[], torch.nn.Module], path: Path) -> torch.nn.Module:
        model = build().to(device())
        model.load_state_dict(torch.load(path, map_location=device(), weights_only=True))
        return model.eval()

    def answer(self, model: torch.nn.Module, shared: SharedMemory, slot: int, rows: int) -> str:
        """Put the logits of a slot's tokens beside them; return their type."""
        with torch.inference_mode():
            logits = model(torch.from_numpy(shared.tokens(slot, rows)).to(device(), copy=True))
            _check_shape(tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__, rows)
            dtype = str(logits.dtype).removeprefix("torch.")
            dtype = dtype if dtype in LOGIT_TYPES else "float32"
            self._tensor(shared.logits(slot, rows, dtype), dtype).copy_(logits)
        return dtype

    def copied(self, logits: NDArray[Any], dtype: str) -> Tensor:
        return self._tensor(logits, dtype).to(device(), torch.float32, copy=True)

    def nats(self, logits: Tensor, targets: NDArray[np.int64]) -> Nats:
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), torch.from_numpy(targets).flatten().to(logits.device), reduction="none"
        )
        return losses.double().cpu().view(targets.shape).numpy()

    def total(self, nats: Nats) -> float:
        return float(torch.from_numpy(nats).sum())

    def lacks_memory(self, error: BaseException) -> bool:
        """Tell whether an error is a lack of memory; where it is, give back what the GPU's allocator keeps."""
        lacks = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if lacks and torch.cuda.is_available():
            torch.cuda.empty_cache()
        return lacks

    @staticmethod
    def _tensor(array: NDArray[Any], dtype: str) -> Tensor:
        return torch.from_numpy(array).view(getattr(torch, dtype))


class Arrays:
    """What the ruler does with any other framework: it hands out and takes arrays that NumPy can read."""

    __slots__ = ()
    checkpoint = "checkpoint.safetensors"
    no_memory = re.compile("out of memory|unable to allocate|can't allocate|attempting to allocate", re.IGNORECASE)

    def begin(self) -> None:
        """Tell libraries that are not loaded yet how many threads to use. The canvas seeds itself, with seed()."""
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC"):
            os.environ[name] = str(profile().threads)

    def pay_imports(self) -> None:
        self.begin()
        with contextlib.suppress(ImportError):  # the canvas's own import tells its line
            importlib.import_module({"mlx": "mlx.core"}.get(profile().framework, profile().framework))

    def formulas(self) -> tuple[types.ModuleType, dict[Any, Any]]:
        return math, {}

    def batch(self, block: Tokens) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        tokens = block.astype(np.int32)
        return tokens[:, :-1], tokens[:, 1:]

    def weights(self, model: Mapping[str, Any]) -> tuple[dict[str, NDArray[Any]], int]:
        if not isinstance(model, Mapping):
            raise Refusal(f"submit() takes {{name: array}} in {profile().framework}, not {type(model).__name__}")
        arrays = {name: np.asarray(value) for name, value in model.items()}
        for name, array in arrays.items():
            if array.dtype.name not in ARRAY_TYPES:
                known = ", ".join(ARRAY_TYPES)
                raise Refusal(f"submit(): {name!r} is of type {array.dtype}, the ruler takes {known}")
        return arrays, sum(array.size for array in arrays.values())

    def save(self, weights: Any, path: Path) -> None:
        write_arrays(path, weights)

    def load(self, build: Callable[[dict[str, NDArray[Any]]], Any], path: Path) -> Any:
        return build(read_arrays(path))

    def answer(self, model: Callable[[NDArray[np.int32]], Any], shared: SharedMemory, slot: int, rows: int) -> str:
        logits = np.asarray(model(shared.tokens(slot, rows).astype(np.int32)))
        _check_shape(logits.shape, rows)
        dtype = logits.dtype.name if logits.dtype.name in LOGIT_TYPES else "float32"
        shared.logits(slot, rows, dtype)[:] = logits.view(np.uint16) if dtype == "bfloat16" else logits
        return dtype

    def copied(self, logits: NDArray[Any], dtype: str) -> NDArray[np.float32]:
        return widened(logits) if dtype == "bfloat16" else np.array(logits, dtype=np.float32)

    def nats(self, logits: NDArray[np.float32], targets: NDArray[np.int64]) -> Nats:
        """Return the cross-entropy of targets, (rows, T): exponentials in fp32, their sum in fp64."""
        with np.errstate(all="ignore"):  # what is not finite is found in the result
            logits -= logits.max(-1, keepdims=True)
            true = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
            losses: Nats = np.log(np.exp(logits, out=logits).sum(-1, dtype=np.float64)) - true
        return losses

    def total(self, nats: Nats) -> float:
        return float(nats.sum())

    def lacks_memory(self, error: BaseException) -> bool:
        return bool(self.no_memory.search(str(error)))


TORCH, ARRAYS = Torch(), Arrays()
# The names of NumPy (bfloat16: of ml_dtypes) and of safetensors.
ARRAY_TYPES = {
    "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "bool": "BOOL", "int8": "I8",
    "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
}  # fmt: skip


def framework() -> Torch | Arrays:
    """Return what deals with the framework of the canvas."""
    return TORCH if profile().framework == "torch" else ARRAYS


def widened(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return bfloat16 numbers, given by their bits, as float32: the same bits and sixteen zeros."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a safetensors file: 8 bytes with the length of its header, the header in JSON, the bytes of all arrays."""
    header, end = {}, 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": ARRAY_TYPES[array.dtype.name], "shape": array.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.tobytes())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file by name; bfloat16, which NumPy does not have, as float32."""
    data = np.fromfile(path, np.uint8)
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    kinds = {short: name for name, short in ARRAY_TYPES.items()} | {"BF16": "uint16"}
    arrays = {}
    for name, told in json.loads(data[8:start].tobytes()).items():
        begin, end = (start + offset for offset in told["data_offsets"])
        array = data[begin:end].view(kinds[told["dtype"]]).reshape(told["shape"])
        arrays[name] = widened(array) if told["dtype"] == "BF16" else array
    return arrays


# --- The end of a run --------------------------------------------------------------------------------------------


def submit(
    model: Any,
    *,
    mfu: float | None = None,  # percent; None = unknown
    depth: int | None = None,  # layers
    peak_memory_mb: float | None = None,  # of an accelerator that only the canvas's framework can ask
) -> None:
    """End a run: write its checkpoint, then summary.json; by hand, score it in the sealed processes too.

    `model` is a torch module or, in another framework, {name: array that NumPy reads}. Weights only, replaced
    atomically. Prints the original's summary block. In the loop nothing runs after this: the process ends, with all
    that it started.
    """
    _refuse_in_scorer("submit()")
    budget, used = Budget.latest or Budget(), framework()
    weights, params = used.weights(model)
    budget.check_end()  # after state_dict(), which a canvas may have written
    summary = _summary(budget, mfu, params, peak_memory_mb)
    score: dict[str, Any] | None = None
    with contextlib.ExitStack() as stack:
        run = run_folder() or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoresearch-")))
        used.save(weights, run / f"{used.checkpoint}~")
        os.replace(run / f"{used.checkpoint}~", run / used.checkpoint)
        replace_text(run / "summary.json", json.dumps(summary))
        if run_folder() is None:
            score = _score_by_hand(run)
            summary["total_seconds"] = time.monotonic() - _imported_at
    if score is not None and not score["ok"]:
        sys.exit(f"{score.get('traceback') or ''}no score ({score['kind']}): {score['detail']}")
    print(summary_block(summary, depth, score["val_bpb"] if score else None), flush=True)
    _loop.end()


def _summary(budget: Budget, mfu: float | None, params: int, peak_mb: float | None) -> dict[str, Any]:
    counted = profile().framework == "torch"
    return {
        "training_seconds": budget.seconds, "total_seconds": time.monotonic() - _imported_at,
        "peak_memory_mb": peak_mb or peak_memory_mb(), "mfu_percent": mfu, "tokens": budget.tokens,
        "steps": budget.steps, "params": params, "flops": (budget.flop or None) if counted else None,
        "explained_cpu_s": budget.explained_s if counted else None, "threads": profile().threads, "seed": seed(),
    }  # fmt: skip


def _score_by_hand(run: Path) -> dict[str, Any]:
    canvas = sys.modules["__main__"].__file__
    assert canvas, "submit() is called from a file"
    command = [sys.executable, __file__, "score", "--now", "--run", str(run), "--canvas", canvas]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"prepare.py score ended with code {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def summary_block(summary: dict[str, Any], depth: int | None, val_bpb: float | None) -> str:
    """Return the lines the original prints at the end of a run; what is unknown says so or is left out."""
    mfu = summary["mfu_percent"]
    lines = {
        "val_bpb": None if val_bpb is None else f"{val_bpb:.6f}",
        "training_seconds": f"{summary['training_seconds']:.1f}",
        "total_seconds": f"{summary['total_seconds']:.1f}",
        "peak_vram_mb": f"{summary['peak_memory_mb']:.1f}",
        "mfu_percent": "unknown" if mfu is None else f"{mfu:.2f}",
        "total_tokens_M": f"{summary['tokens'] / 1e6:.1f}",
        "num_steps": str(summary["steps"]),
        "num_params_M": f"{summary['params'] / 1e6:.1f}",
        "depth": None if depth is None else str(depth),
    }
    return "\n".join(["---", *(f"{name + ':':<17} {text}" for name, text in lines.items() if text is not None)])


def peak_memory_mb() -> float:
    """Return the peak of the accelerator's memory, on a CPU of the process's, in MiB."""
    if profile().device.startswith(GPU_KINDS):
        return float(torch.get_device_module(profile().device).max_memory_allocated()) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


# --- The sealed score --------------------------------------------------------------------------------------------
# The scorer holds rows and targets; the canvas runs in processes of its own that are sent inputs and leave logits in
# shared memory. First every row is answered as it is, and those processes end. Only then is a cut drawn for each row,
# and fresh processes, the auditors, are asked the rows with other tokens from the cut on, in another order and company.
# What they say of the tokens before the cut must be what was said before. docs/ruler.md says why in this order.

MOST_GAIN = 0.003  # bits per byte: what a leak below the tolerance can gain at most
WHOLE_ROWS = 16  # in one row of so many nothing is replaced: it tests whether other rows matter
ANSWER_S = 300.0  # for one answer of the model process; the first may compile
LONGEST_REPLY = 1 << 17  # bytes
LONGEST_OUTPUT = 1 << 16  # bytes of what one process prints that are copied to the log
LOGIT_TYPES = ("float32", "bfloat16", "float16")
OPENING_S, LOGIT_S = 1.5, 1e-7  # CPU seconds to load a model, and for each logit of its first batch; more is training
SLOTS = 2  # the model computes one batch while the scorer works on another


class SharedMemory:
    """Slots for token rows (rows, T) int64 and their logits (rows, T, V), mapped by scorer and model process alike."""

    def __init__(self, fd: int, p: Profile) -> None:
        self._p, self._locked = p, False
        self._slot_bytes = p.eval_rows * p.context * (8 + 4 * p.vocab)
        os.ftruncate(fd, SLOTS * self._slot_bytes)
        self._bytes = np.frombuffer(mmap.mmap(fd, SLOTS * self._slot_bytes), dtype=np.uint8)

    def lock_pages(self) -> None:
        """Make copies to and from a GPU several times faster; where the driver refuses, they are slow but right."""
        if self._p.device.startswith("cuda"):
            cuda = torch.cuda.cudart()  # type: ignore[no-untyped-call]
            self._locked = not int(cuda.cudaHostRegister(self._bytes.ctypes.data, self._bytes.nbytes, 0))
            if not self._locked:
                with contextlib.suppress(RuntimeError):  # the driver's error waits for the next launch: this one
                    torch.ones(1, device=self._p.device)

    def unlock_pages(self) -> None:
        """Undo it, before the next memory comes to lie at the same address."""
        if self._locked:
            torch.cuda.cudart().cudaHostUnregister(self._bytes.ctypes.data)  # type: ignore[no-untyped-call]
            self._locked = False

    def tokens(self, slot: int, rows: int) -> NDArray[np.int64]:
        return self._view(slot, 0, (rows, self._p.context), np.dtype(np.int64))

    def logits(self, slot: int, rows: int, dtype: str) -> NDArray[Any]:
        """Return a view of logits; bfloat16, which NumPy does not have, as uint16."""
        start = self._p.eval_rows * self._p.context * 8
        kind = np.dtype("uint16" if dtype == "bfloat16" else dtype)
        return self._view(slot, start, (rows, self._p.context, self._p.vocab), kind)

    def _view(self, slot: int, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        start += slot * self._slot_bytes
        return self._bytes[start : start + math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)


def _anonymous_file() -> int:
    """Return a descriptor of an empty file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("logits")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Confined:
    """A started process, in a sandbox where `wrap` is one, whose imports are under way. It inherits what is named.

    Besides that it has a pipe for what it prints and no variable that leads to data.
    """

    def __init__(self, arguments: list[str], wrap: list[str], inherited: list[int]) -> None:
        self._private = tempfile.mkdtemp(prefix="autoresearch-model-")  # under a sandbox the same path in its own /tmp
        printed, output = os.pipe()
        try:
            self.process = subprocess.Popen(
                [*wrap, sys.executable, "-P", __file__, *arguments], env=_model_environment(self._private),
                pass_fds=inherited, start_new_session=True, cwd="/", stdin=subprocess.DEVNULL, stdout=output,
                stderr=output,
            )  # fmt: skip
        except OSError as error:
            raise Refusal(f"the model process cannot be started ({error}); look at --wrap") from error
        os.close(output)
        self._printing = threading.Thread(target=_copy_output, args=(printed,), daemon=True)
        self._printing.start()
        self._closed = False

    def cpu_s(self) -> float:
        """Return the CPU seconds of it and of whatever it started, from /proc; 0.0 where there is none."""
        ticks, left = 0, [self.process.pid]
        while left:
            here = Path("/proc", str(left.pop()))
            with contextlib.suppress(OSError):  # it may just have ended
                times = (here / "stat").read_text().rpartition(")")[2].split()[11:15]  # of those waited for too
                ticks += sum(map(int, times))
                for task in (here / "task").iterdir():
                    left += map(int, (task / "children").read_text().split())
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Kill it and whatever it started; return when all of it is gone. Harmless when repeated."""
        if not self._closed:
            self._closed = True
            _kill(self.process)
            self._printing.join(timeout=5)  # until nobody is left who could print
            shutil.rmtree(self._private, ignore_errors=True)


def start_models(run: Path, canvas: Path, wrap: list[str], timeout_s: float, count: int = 1) -> list[Model]:
    """Start the canvas's model in `count` processes of one sandbox, which pay the imports once. They end together."""
    ends = [(os.pipe(), os.pipe(), _anonymous_file()) for _ in range(count)]
    inherited = [fd for (requests, _), (_, replies), memory in ends for fd in (requests, replies, memory)]
    started = Confined(
        ["model", str(run), str(canvas), json.dumps(asdict(profile())), *map(str, inherited)], wrap, inherited
    )
    models = [
        Model(started, SharedMemory(memory, profile()), requests, replies, timeout_s)
        for (_, requests), (replies, _), memory in ends
    ]
    for fd in inherited:
        os.close(fd)
    return models


class Model:
    """The canvas's model in a process behind two pipes and shared memory, all of them its own; load() comes first.

    Requests are numbered and answered in order. Every method that waits raises NoScore with what went wrong there.
    """

    def __init__(self, confined: Confined, memory: SharedMemory, requests: int, replies: int, timeout_s: float) -> None:
        self._confined, self._requests, self._replies, self._timeout_s = confined, requests, replies, timeout_s
        self._memory: SharedMemory | None = memory
        self._asked = self._answered = 0  # the numbers of the next request and of the next answer
        self._received = b""
        self._imports_s = self.opening_s = 0.0  # CPU seconds before load(), and from there to the first logits

    def load(self) -> None:
        """Ask for the canvas to be imported, the model built and the checkpoint loaded."""
        self._shared.lock_pages()
        self._imports_s = self._confined.cpu_s()
        self._ask({"load": True})

    def ask(self, inputs: NDArray[np.int64]) -> None:
        """Ask for the logits of token rows, (n, T) int64; at most SLOTS questions may be open."""
        self._shared.tokens(self._asked % SLOTS, len(inputs))[:] = inputs
        self._ask({"rows": len(inputs), "slot": self._asked % SLOTS})

    def answer(self) -> str:
        """Wait for the next answer; return the type of its logits."""
        reply, number = self._reply(), self._answered
        self._answered += 1
        if number == 1:
            self.opening_s = self._confined.cpu_s() - self._imports_s
        if reply.get("kind") in NoScore.KINDS:
            raise NoScore(reply["kind"], str(reply.get("detail")), str(reply.get("traceback") or ""))
        if reply.get("number") != number or reply.get("dtype") not in LOGIT_TYPES:
            raise NoScore("crash", "something other than the ruler wrote to the model process's reply pipe")
        return str(reply["dtype"])

    def logits(self, rows: int) -> Any:
        """Wait for the next answer; return its logits, (rows, T, V) fp32, in a copy that process cannot touch."""
        slot, dtype = self._answered % SLOTS, self.answer()
        return framework().copied(self._shared.logits(slot, rows, dtype), dtype)

    def drain(self) -> None:
        """Take the answers still open and forget them."""
        for _ in range(self._asked - self._answered):
            with contextlib.suppress(NoScore):
                self.answer()

    def close(self) -> None:
        """Kill all that was started with it; return when it is gone. Harmless when repeated."""
        if self._memory is None:
            return
        self._shared.unlock_pages()
        self._memory = None
        self._confined.close()
        os.close(self._requests)
        os.close(self._replies)

    @property
    def _shared(self) -> SharedMemory:
        assert self._memory, "closed"
        return self._memory

    def _ask(self, request: dict[str, Any]) -> None:
        self._asked += 1
        with contextlib.suppress(BrokenPipeError):  # its end is told by the answer that does not come
            os.write(self._requests, json.dumps(request).encode() + b"\n")

    def _reply(self) -> dict[str, Any]:
        deadline = time.monotonic() + self._timeout_s
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoScore("timeout", f"the model gave no answer for {self._timeout_s:.0f} s")
            ready, _, _ = select.select([self._replies], [], [], min(left, 0.2))
            if ready and (part := os.read(self._replies, LONGEST_REPLY)):
                self._received += part
            elif ready or self._confined.process.poll() is not None:
                raise NoScore("crash", self._ending())
            if len(self._received) > LONGEST_REPLY:
                break
        line, _, self._received = self._received.partition(b"\n")
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError):
            raise NoScore("crash", "something other than the ruler wrote to the model process's reply pipe") from None

    def _ending(self) -> str:
        try:
            code = self._confined.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "the model process closed its reply pipe"
        if code == -signal.SIGKILL:
            return "the model process was killed while scoring, perhaps by the system for want of memory"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the model process ended with {how} while scoring"


def _model_environment(private: str) -> dict[str, str]:
    """Return the variables of a model process: none that leads to data, to the run or to a cache of others."""
    dropped = re.compile(
        r"AUTORESEARCH_(RUN|GATE_FD|SOURCE|\w*CACHE\w*)|HF_\w+|XDG_\w+|\w+_CACHE_DIR|PYTHONPYCACHEPREFIX"
    )
    kept = {name: value for name, value in os.environ.items() if not dropped.fullmatch(name)}
    return kept | {"HOME": private, "TMPDIR": private, "PYTHONDONTWRITEBYTECODE": "1"}


def _copy_output(printed: int) -> None:
    """Copy the beginning of what a model process prints to the log, where it is no result; drop the rest."""
    left = LONGEST_OUTPUT
    with os.fdopen(printed, "rb", buffering=0) as output, contextlib.suppress(OSError):
        while part := output.read(1 << 16):
            os.write(2, part[:left])
            left = max(0, left - len(part))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, its session and, under a sandbox, its pid namespace, whose first process is the last to end."""
    watched = []
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        watched = [os.pidfd_open(int(child)) for child in children]
    for child in watched:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(child, signal.SIGKILL)
    for child in watched:
        select.select([child], [], [], 10)
        os.close(child)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(frozen=True)
class Exam:
    """The rows of a split as they are asked and scored."""

    rows: NDArray[np.int64]  # (rows, T + 1)
    lengths: NDArray[np.int64]  # (rows, T), bytes of text that each target stands for

    @property
    def inputs(self) -> NDArray[np.int64]:
        return self.rows[:, :-1]

    @property
    def targets(self) -> NDArray[np.int64]:
        return self.rows[:, 1:]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(rows, T): no special token."""
        return self.lengths > 0

    @property
    def tolerance(self) -> float:
        """Nats by which a prediction may differ: gained everywhere, they make MOST_GAIN bits per byte."""
        return MOST_GAIN * math.log(2) * int(self.lengths.sum()) / int(self.scored.sum())


def score(
    run: Path,
    canvas: Path,
    split: str,  # "val" or "audit"
    wrap: list[str],  # command line to start the model processes under, a sandbox's
    timeout_s: float = ANSWER_S,  # for one answer
    wait: Callable[[], bool] = lambda: True,  # returns when the run has ended; False = there is nothing to score
) -> dict[str, Any] | None:
    """Return the sealed score of a run's checkpoint as it is printed, or the kind and detail of why there is none."""
    framework().begin()  # imports are paid before the wait, here and those of the audit's dice
    importlib.import_module("numpy.random")
    keep_freed_memory()
    exam = _exam(split)
    with contextlib.ExitStack() as stack:

        def start(count: int = 1) -> list[Model]:
            models = start_models(run, canvas, wrap, timeout_s, count)
            return [stack.enter_context(contextlib.closing(model)) for model in models]

        # Both groups pay their imports now. The auditors' processes run nothing of the canvas until they load.
        models, auditors = start(_side_by_side(profile())), start(_side_by_side(profile()))
        if not wait():
            return None
        try:
            if not _size(run / (name := framework().checkpoint)):
                raise NoScore("no_checkpoint", f"the run wrote no {name}; it must end with prepare.submit(model)")
            return {"ok": True, "split": split, **_score(exam, models, auditors, start)}
        except NoScore as bad:
            return {"ok": False, "kind": bad.kind, "detail": bad.detail, "traceback": bad.trace}


def _exam(split: str) -> Exam:
    data = dataset()
    rows = data.rows({"val": VAL, "audit": AUDIT}[split], thorough=True).astype(np.int64)
    return Exam(rows, token_bytes(data.tokenizer(thorough=True))[rows[:, 1:]])


def _score(exam: Exam, models: list[Model], auditors: list[Model], start: Callable[[], list[Model]]) -> dict[str, Any]:
    """Return the score that the models' answers make, once the auditors have confirmed them; raise NoScore."""
    started = time.monotonic()
    nats, batch = _answers(models, exam, profile().eval_rows)
    opening_s = _unexplained_opening(models, batch)
    _close(models)
    total, tokens, size = framework().total(nats[exam.scored]), int(exam.scored.sum()), int(exam.lengths.sum())
    if not math.isfinite(total):
        raise NoScore("nan", "the model gives some of the text no probability at all")
    difference = _audit(exam, nats, batch, auditors, start)
    return {
        "val_bpb": total / (math.log(2) * size), "tokens": tokens, "bytes": size,
        "uniform_bpb": math.log2(profile().vocab) * tokens / size, "audited_rows": len(exam.rows),
        "largest_difference": difference, "opening_cpu_s": opening_s, "seconds": time.monotonic() - started,
    }  # fmt: skip


def _unexplained_opening(models: list[Model], batch: int) -> float:
    """Return the CPU seconds of a model before its first logits, beyond what loading and answering take.

    What it learns there, from rows that it took along, no budget pays; later, the answers would depend on their order.
    """
    taken = max(model.opening_s for model in models) / len(models)
    return max(0.0, taken - OPENING_S - LOGIT_S * batch * profile().context * profile().vocab)


def _side_by_side(p: Profile) -> int:
    """Return how many processes answer at a time: two where a CPU has the cores. They may talk, of their rows alone.

    Only on Linux can a process that has imported torch be forked whatever the libraries.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    return 2 if p.device == "cpu" and cores >= 2 * p.threads else 1


def _answers(models: list[Model], exam: Exam, batch: int) -> tuple[Nats, int]:
    """Return the nats of every target, (rows, T) fp64, and the batch that fits into memory; raise NoScore."""
    _load(models)
    while True:
        try:
            return _nats(models, exam.inputs, exam.targets, batch), batch
        except NoScore as bad:
            if bad.kind != "oom" or batch == 1:
                raise
            for model in models:
                model.drain()
            batch //= 2


def _load(models: list[Model]) -> None:
    for model in models:
        model.load()
    for model in models:
        model.answer()


def _close(models: list[Model]) -> None:
    for model in models:
        model.close()


def _nats(models: list[Model], inputs: NDArray[np.int64], targets: NDArray[np.int64], batch: int) -> Nats:
    """Return the nats of every target, (rows, T) fp64, asked in batches of one size: the last is filled up."""
    count, used = len(inputs), framework()
    filled = np.arange(-(-count // batch) * batch) % count
    parts, wanted = (rows[filled].reshape(-1, batch, rows.shape[1]) for rows in (inputs, targets))
    ahead = SLOTS * len(models)
    for number, part in enumerate(parts[:ahead]):
        models[number % len(models)].ask(part)
    nats = []
    for number, expected in enumerate(wanted):
        model = models[number % len(models)]
        logits = model.logits(batch)
        if number + ahead < len(parts):
            model.ask(parts[number + ahead])
        nats.append(used.nats(logits, expected))
        if np.isnan(nats[-1]).any():
            raise NoScore("nan", "the model's logits are not finite numbers")
    return np.concatenate(nats)[:count]


def _audit(exam: Exam, nats: Nats, batch: int, auditors: list[Model], start: Callable[[], list[Model]]) -> float:
    """Return the largest difference in nats; raise NoScore if a prediction depends on later tokens or on other rows."""
    dice = np.random.default_rng(secrets.randbits(128))
    cuts = _cuts(exam, dice)
    kept = np.arange(nats.shape[1]) < cuts
    altered = np.where(kept, exam.inputs, _others(exam, dice))
    order = dice.permutation(len(nats))

    def asked(models: list[Model]) -> Nats:
        _load(models)
        answers = np.empty_like(nats)
        answers[order] = _nats(models, altered[order], exam.targets[order], batch)
        return answers

    try:
        audited = asked(auditors)
    except NoScore as bad:
        if bad.kind != "oom":
            raise
        _close(auditors)
        audited = asked(start())  # where two have no room; the cuts stay, or a leak could have them drawn again
    apart = _apart(audited, nats, exam.scored & kept)
    if float(apart.max()) <= exam.tolerance:
        return float(apart.max())
    _close(auditors)
    worst = apart.max(1)
    whole = np.where(cuts[:, 0] == nats.shape[1], worst, 0.0)
    if float(whole.max()) > exam.tolerance:
        raise _depends_on_rows(float(whole.max()))
    row = int(worst.argmax())
    again = _as_before(exam, row, altered[row], batch, len(auditors), start())
    if float(_apart(again, nats[row], apart[row] > exam.tolerance).max()) <= exam.tolerance:
        raise _depends_on_rows(float(worst.max()))
    raise NoScore("non_causal", "a prediction changes when only later tokens change; the model sees the future")


def _apart(answers: Nats, nats: Nats, where: NDArray[np.bool_]) -> Nats:
    """Return by how much answers differ at the places that count; 0.0 elsewhere, where both may be infinite."""
    return np.abs(np.subtract(answers, nats, out=np.zeros_like(nats), where=where))


def _cuts(exam: Exam, dice: np.random.Generator) -> NDArray[np.int64]:
    """Return the place in each row from which on its tokens are replaced, (rows, 1), after a token that is scored.

    Some rows stay as they are, in other company: all their places are tested, the last one too.
    """
    cuts: NDArray[np.int64] = 1 + (exam.scored + dice.random(exam.scored.shape)).argmax(1)[:, None]
    cuts[dice.permutation(len(cuts))[: -(-len(cuts) // WHOLE_ROWS)]] = exam.inputs.shape[1]
    return cuts


def _depends_on_rows(apart: float) -> NoScore:
    return NoScore(
        "depends_on_rows",
        f"a prediction changes by {apart:.2g} nats when only the other rows change: it depends on rows of its batch, "
        "on earlier batches or on chance; scale, route and count per token or row, and keep nothing between batches",
    )


def _others(exam: Exam, dice: np.random.Generator) -> NDArray[np.int64]:
    """Return tokens of the corpus at random, (rows, T), few of them those that stand there."""
    one, two = exam.rows.ravel()[dice.integers(exam.rows.size, size=(2, *exam.inputs.shape))]
    tokens: NDArray[np.int64] = np.where(one == exam.inputs, two, one)
    return tokens


def _as_before(
    exam: Exam, row: int, altered: NDArray[np.int64], batch: int, processes: int, witness: list[Model]
) -> Nats:
    """Return the nats of one altered row, (T,) fp64, in the company that it had when it was scored.

    A fresh process is asked all that the one which answered the row was asked, in the same order. So nothing but the
    row's own tokens is other than it was.
    """
    _load(witness)
    last = row // batch
    batches = np.arange(last % processes, last + 1, processes)
    asked = ((batches[:, None] * batch + np.arange(batch)) % len(exam.rows)).ravel()
    inputs = exam.inputs[asked]
    place = len(asked) - batch + row % batch
    inputs[place] = altered
    nats: Nats = _nats(witness, inputs, exam.targets[asked], batch)[place]
    return nats


# The model process: the only part of the ruler that runs beside the canvas's code.

_serving_model = False


def _refuse_in_scorer(what: str) -> None:
    if _serving_model:
        raise Refusal(
            f"{what} was called while the canvas was imported to be scored; train under if __name__ == '__main__'"
        )


def serve_models(run: Path, canvas: Path, given: str, ends: list[int]) -> None:
    """Answer the scorer's requests until it closes the pipes: three descriptors for each model, a process for each."""
    global _serving_model
    os.environ["AUTORESEARCH_PROFILE"] = given
    _die_with_parent()
    try:
        os.makedirs(os.environ["HOME"], mode=0o700, exist_ok=True)
    except OSError:  # a sandbox's only writable place is a /tmp of its own
        del os.environ["TMPDIR"]
        os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.mkdtemp()
    framework().begin()
    keep_freed_memory()
    sys.modules["prepare"] = sys.modules["__main__"]
    _serving_model = True
    _serve(run, canvas, *(ends if len(ends) == 3 else _forked(ends)))


def _forked(ends: list[int]) -> list[int]:
    """Fork a process for each three descriptors and return its own to it; this one ends as the first of them ends."""
    warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's idle threads know of forks
    for first in range(0, len(ends), 3):
        if os.fork() == 0:
            _die_with_parent()
            own = ends[first : first + 3]
            for fd in set(ends) - set(own):
                os.close(fd)
            return own
    for fd in ends:
        os.close(fd)
    _, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no other handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _serve(run: Path, canvas: Path, requests: int, replies: int, memory: int) -> None:
    shared = SharedMemory(memory, profile())
    model: Any = None
    with os.fdopen(requests) as lines:
        for number, line in enumerate(lines):
            request = json.loads(line)
            try:
                if model is None:
                    shared.lock_pages()
                    model, dtype = _load_model(run, canvas), LOGIT_TYPES[0]
                else:
                    dtype = framework().answer(model, shared, request["slot"], request["rows"])
                reply = {"number": number, "dtype": dtype}
            except BaseException as error:  # the canvas may raise anything, SystemExit too
                reply = _failure(error)
                del error
            os.write(replies, json.dumps(reply).encode() + b"\n")


def _load_model(run: Path, canvas: Path) -> Any:
    sys.path.insert(0, str(canvas.parent))
    spec = importlib.util.spec_from_file_location("canvas", canvas)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["canvas"] = module
    framework().begin()
    spec.loader.exec_module(module)
    if not callable(getattr(module, "build_model", None)):
        raise Refusal(f"{canvas.name} has no build_model(); the scorer needs it to load the checkpoint")
    return framework().load(module.build_model, run / framework().checkpoint)


def _check_shape(found: object, rows: int) -> None:
    wanted = (rows, profile().context, profile().vocab)
    if found != wanted:
        raise NoScore("bad_shape", f"the model returned {found}, the ruler needs logits of shape {wanted}")


def _failure(error: BaseException) -> dict[str, Any]:
    """Return the reply that tells the scorer what the canvas raised."""
    trace = "".join(traceback.format_exception(error))[-8000:]
    if isinstance(error, NoScore):
        return {"kind": error.kind, "detail": error.detail}
    if isinstance(error, MemoryError) or framework().lacks_memory(error):
        return {"kind": "oom", "detail": "the model does not fit in memory, even for one row", "traceback": trace}
    last = traceback.format_exception_only(error)[-1].strip()
    detail = f"the canvas failed while it was scored: {last}"[:2000]
    return {"kind": "crash", "detail": detail, "traceback": trace}


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the end of the pipe tells it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


# --- Commands ----------------------------------------------------------------------------------------------------


def describe() -> dict[str, Any]:
    """Return what `--json` prints: what a campaign needs to know of its ruler. Prepares the data if need be."""
    p = profile()
    data = prepare_dataset(p, cache_root())
    manifest, limit = data.manifest, budget_limit()
    sizes = {key: value for key, value in asdict(p).items() if key not in ("source", "budget")}  # the data hash says it
    code = measuring(Path(__file__).read_bytes())
    bytes_per_token = manifest["val_bytes"] / manifest["val_tokens"]
    return {
        "ruler": RULER_VERSION,
        "comparison_key": _sha256([RULER_VERSION, sizes, data.data_hash, code, asdict(limit)]),
        "profile": asdict(p), "default_budget": p.budget, "data_dir": str(data.folder), "text": manifest["source"],
        **served(data),
        # What a run must not see: held-out rows and text, and the tokenizer, without which found text is of no use.
        "sealed_paths": [str(data.folder / "sealed"), str(data.folder / TOKENIZER), *manifest["sealed_sources"]],
        "read_paths": [str(data.folder), str(_pointer(p, cache_root()))],
        "text_paths": text_paths(p, data),  # what the scorer must not see either
        "bytes_per_token": bytes_per_token, "uniform_bpb": math.log2(p.vocab) / bytes_per_token,
        "train_tokens": manifest["train_tokens"], "val_tokens": manifest["val_tokens"],
    }  # fmt: skip


def served(data: Dataset) -> dict[str, Any]:
    """Return which rows a run is served, and what decides how many: it measures, so the comparison key counts it."""
    return {"training_file": str(data.folder / TRAIN), "token_flop": token_flop()}


# What the comparison key leaves out of this file: what brings data here (the key has its hash), and what speaks.
UNMEASURED = (
    "say", "fetch", "_download", "Partial", "_check_parquet", "summary_block", "describe", "measuring", "_syntax",
    "_is_message", "main", "_options",
)  # fmt: skip


def measuring(text: bytes) -> str:
    """Return the hash of what measures in a prepare.py: its code without comments, docstrings and messages.

    All of it counts but what UNMEASURED names, so that what measures cannot be forgotten.
    """
    return _sha256([_syntax(node) for node in ast.parse(text).body if getattr(node, "name", "") not in UNMEASURED])


def _syntax(part: Any) -> Any:
    """Return a part of a syntax tree as JSON, a message as None.

    Of a node only what it has is written down: later releases of Python give nodes more fields, which are empty here.
    """
    if isinstance(part, list):
        return [_syntax(each) for each in part]
    if not isinstance(part, ast.AST):
        return repr(part)
    if _is_message(part):
        return None
    fields = {name: value for name, value in ast.iter_fields(part) if value not in (None, [])}
    return [type(part).__name__, {name: _syntax(value) for name, value in fields.items()}]


def _is_message(node: ast.AST) -> bool:
    """Return whether a node is a docstring, or a text with a blank in it: those are for people."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value for part in parts)


def text_paths(p: Profile, data: Dataset) -> list[str]:
    """Return where training text lies, but for the standard library; a folder that holds the interpreter stays."""
    places = [cache_root(), data.folder]
    if p.source != "python" and not downloads(p.source, cache_root()):
        places.append(Path(p.source).expanduser().absolute())
    needed = [Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)]
    return [str(place) for place in places if not any(n.is_relative_to(place.resolve()) for n in needed)]


def main() -> int:
    options = _options()
    if options.command == "model":
        serve_models(options.run, options.canvas, options.profile, options.ends)
        return 0
    if options.source:
        os.environ["AUTORESEARCH_SOURCE"] = options.source
    try:
        if options.command == "profile":
            print(json.dumps({**asdict(profile()), "why": profile_reason()}))
        elif options.command == "measuring":
            print(json.dumps([measuring(file.read_bytes()) for file in options.files]))
        elif options.command == "score":
            result = score_as(options)
            if result is not None:
                print(json.dumps(result), flush=True)
        elif options.json:
            print(json.dumps(describe()), flush=True)
        else:
            facts = describe()
            say(f"{facts['train_tokens']:,} tokens to train on, {facts['val_tokens']:,} to score: {facts['data_dir']}")
            if options.source:
                say(f"train on it with: AUTORESEARCH_SOURCE={options.source} python train.py")
    except Refusal as refusal:
        print(f"prepare.py: {refusal}", file=sys.stderr)
        return 1
    return 0


def score_as(options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the score that the options ask for, once a line comes: `main` is no part of what measures, this is."""
    os.environ.setdefault("AUTORESEARCH_FRAMEWORK", declared(options.canvas))
    return score(
        options.run.absolute(), options.canvas.absolute(), options.split, options.wrap, options.timeout,
        wait=lambda: options.now or bool(sys.stdin.readline()),
    )  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="prepare.py", description="Prepare the data of a campaign, or score a run.")
    parser.add_argument("--source", help="python, climbmix[:shards], tinystories, or a file or folder")
    parser.add_argument("--json", action="store_true", help="print what a campaign needs to know as one line")
    commands = parser.add_subparsers(dest="command")
    scoring = commands.add_parser("score", help="score DIR/checkpoint.pt once a line comes on standard input")
    scoring.add_argument("--run", type=Path, required=True, metavar="DIR")
    scoring.add_argument("--canvas", type=Path, required=True, metavar="FILE")
    scoring.add_argument("--split", choices=("val", "audit"), default="val")
    scoring.add_argument("--wrap", type=json.loads, default=[], metavar="JSON", help="command to start the model under")
    scoring.add_argument("--timeout", type=float, default=ANSWER_S, metavar="S", help="for one answer of the model")
    scoring.add_argument("--now", action="store_true", help="do not wait for a line")
    serving = commands.add_parser("model", help="used by score")
    serving.add_argument("run", type=Path)
    serving.add_argument("canvas", type=Path)
    serving.add_argument("profile")
    serving.add_argument("ends", type=int, nargs="+")
    commands.add_parser("profile", help="print this machine's profile and why it is that one, as one line")
    hashing = commands.add_parser("measuring", help="print the hash of what measures in each FILE, a prepare.py")
    hashing.add_argument("files", type=Path, nargs="+", metavar="FILE")
    return parser.parse_args()


# --- Import: the constant PROFILE, and the gate ------------------------------------------------------------------

if TYPE_CHECKING:
    PROFILE: Profile


def __getattr__(name: str) -> Any:
    if name == "PROFILE":
        return profile()
    raise AttributeError(f"module 'prepare' has no attribute {name!r}")


def _wait_at_gate() -> None:
    """Pay the imports of training, then wait for the loop's word; exit if the loop is gone instead."""
    gate = os.environ.pop("AUTORESEARCH_GATE_FD", None)
    if gate:
        framework().pay_imports()
        if not os.read(int(gate), 64):
            sys.exit("prepare: the gate was closed without a byte: the loop is gone, nothing is trained")
        if stat.S_ISSOCK(os.fstat(int(gate)).st_mode):
            _loop.channel = socket.socket(fileno=int(gate))
        else:
            os.close(int(gate))


class Changed(Refusal):
    """Something of the ruler was replaced while a run used it."""


# Names of other modules that the budget rests on.
RELIED_ON: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (time, ("monotonic", "process_time", "thread_time_ns", "process_time_ns")),
    (math, ("isfinite", "prod", "log2", "ceil")),
    (json, ("dumps",)),
    (builtins, ("max", "min", "sum", "float", "int", "len", "getattr", "isinstance", "tuple", "sorted", "str")),
)


def _seal() -> None:
    """Have a run of the loop end where its canvas changes this module or the budget's account, by whatever name.

    Every name of the module, of its classes, and of a few others must be the object that it was at import, at every
    remains(), spend(), batch and submit(); the account must be as the last of these left it. What looks lies in cells
    of closures, where a canvas has no attribute to set. Who goes further, into those cells or the interpreter's memory,
    is left to what the supervisor measures.
    """
    broken = _replaced_before()
    account_changed, note_account = _watched_account()

    def changed() -> str:
        nonlocal broken
        broken = broken or names_changed() or account_changed()
        return broken

    for name in ("__init__", "remains", "spend", "check_end"):
        setattr(Budget, name, _checked(getattr(Budget, name), changed, note_account))
    for name in ("_charge", "submit"):
        globals()[name] = _checked(globals()[name], changed, note_account)
    names_changed = _watched_names()  # after these


def _checked(function: Callable[..., Any], changed: Callable[[], str], note: Callable[[], None]) -> Callable[..., Any]:
    """Return a function that refuses to run where something has changed, and notes what it changed itself."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if what := changed():
            raise Changed(
                f"prepare.py was changed while it ran: {what}; use its Budget, batches() and submit() as they are"
            )
        try:
            return function(*args, **kwargs)
        finally:
            note()

    return call


def _replaced_before() -> str:
    """Return the name of what a canvas had replaced before it imported this module, "" where it had nothing."""

    def own_to(other: Any, value: Any) -> bool:
        if isinstance(value, types.FunctionType):
            return value.__globals__ is vars(other)
        return isinstance(value, types.BuiltinFunctionType | type)

    relied_on = [(other, name, vars(other)[name]) for other, names in RELIED_ON for name in names]
    counter, formulas = framework().formulas()
    relied_on += [(counter, str(kind), formula) for kind, formula in formulas.items()]
    return next((name for other, name, value in relied_on if not own_to(other, value)), "")


def _watched_account() -> tuple[Callable[[], str], Callable[[], None]]:
    """Return what says how the budget's account differs from what was noted last, and what notes it."""
    account: tuple[tuple[str, Any], ...] = ()
    owner: Budget | None = None

    def present(budget: Budget) -> tuple[tuple[str, Any], ...]:
        costs = (("_cost", budget._cost), ("_outside", budget._outside))
        limit = (("limit", budget.limit.kind), ("limit", budget.limit.amount))
        return (*vars(budget).items(), *limit, *((name, cost and cost.read) for name, cost in costs))

    def changed() -> str:
        if owner is None:
            return ""
        if Budget.latest is not owner:
            return "Budget.latest"
        pairs = zip_longest(present(owner), account, fillvalue=("", None))
        return next((f"budget.{a[0] or b[0]}" for a, b in pairs if a[0] != b[0] or a[1] is not b[1]), "")

    def note() -> None:
        nonlocal account, owner
        owner = owner or Budget.latest
        account = present(owner) if owner else ()

    return changed, note


def _watched_names() -> Callable[[], str]:
    """Return what says which name is no longer the object that it is now, "" where all are."""
    module = globals()
    settings = {name: value for name, value in os.environ.items() if name.startswith("AUTORESEARCH_")}
    classes = [value for value in module.values() if isinstance(value, type) and value.__module__ == __name__]
    tables = [value for value in module.values() if isinstance(value, dict) and value is not module["__builtins__"]]
    places: list[tuple[Any, Iterable[str]]] = [(module, module), *((vars(kind), vars(kind)) for kind in classes)]
    places += [(table, table) for table in (*tables, framework().formulas()[1])]
    places += [(vars(other), names) for other, names in RELIED_ON]
    known: list[tuple[Any, tuple[str, ...], tuple[Any, ...]]] = []
    for place, wanted in places:
        names = tuple(name for name in wanted if name != "latest")
        known.append((place, names, tuple(place[name] for name in names)))
    names_of_module = set(module)
    functions = [(value, value.__code__, value.__defaults__) for value in _own_functions()]

    def changed() -> str:
        for place, names, values in known:
            if not all(map(operator.is_, map(place.get, names), values)):
                return next(name for name, value in zip(names, values, strict=True) if place.get(name) is not value)
        if more := (module.keys() - names_of_module) & vars(builtins).keys():  # torch.compile adds names of its own
            return min(more)
        for function, code, defaults in functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return str(function.__qualname__)
        return "the environment" if any(os.environ.get(name) != value for name, value in settings.items()) else ""

    return changed


def _own_functions() -> list[types.FunctionType]:
    """Return the functions of this module, and of the classes that a run uses, properties too."""
    places = (globals(), *map(vars, (Budget, StepCost, Loop, Answer, Torch, Arrays)))
    found = [value.fget if isinstance(value, property) else value for place in places for value in place.values()]
    return [value for value in found if isinstance(value, types.FunctionType) and value.__module__ == __name__]


if __name__ != "__main__":
    if framework_name() == "torch":
        import torch
    _wait_at_gate()
_imported_at = time.monotonic()  # total_seconds counts from here
if _loop.channel is not None:
    _seal()

if __name__ == "__main__":
    sys.exit(main())
