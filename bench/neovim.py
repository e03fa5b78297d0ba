"""Neovim: from a key to what a person sees, with 200 experiments in the ledger; what the plugin adds to a start."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.stubs import scratch
from bench.table import Row, Table, percentile

ROOT = Path(__file__).resolve().parents[1]
TESTS, PLUGIN = ROOT / "tests/editors/neovim", ROOT / "editors/neovim"
EXPERIMENTS, FEW, ROUNDS, STARTS = 200, 20, 9, 21  # 200 experiments leave 20 hunks: enough to accept 9 and revert 9
SEEN_MS, START_MS = 100.0, 10.0
RUN = "tests/editors/run-terminal.sh"


def editors() -> Iterator[tuple[str, Path]]:
    """Yield name and program of every Neovim that the editor tests have installed."""
    cache = Path(os.environ.get("AUTORESEARCH_EDITORS_CACHE", Path.home() / ".cache/autoresearch-editors"))
    for version in ("0.10", "0.11", "0.12"):
        program = cache / f"nvim-{version}" / "bin" / "nvim"
        if program.is_file():
            yield f"Neovim {version}", program


def night(folder: Path, experiments: int) -> None:
    """Make a campaign's folder that nobody works on, as for the other editors."""
    command = [sys.executable, "-P", str(ROOT / "tests/editors/ledger.py"), str(folder), str(experiments)]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user who has this checkout's plugin and server, and nothing else."""
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    command = str(Path(sys.executable).with_name("autoresearch"))
    ours = {"HOME": str(home), "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
    return {**ours, **places, "AUTORESEARCH_ROOT": str(ROOT), "AUTORESEARCH_CMD": command, **more}


def seen(nvim: Path, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return what latency.lua measured: name → milliseconds."""
    command = [str(nvim), "--headless", "-i", "NONE", "-u", str(TESTS / "init.lua")]
    environment = surroundings(folder.parent, CAMPAIGN=str(folder), ROUNDS=str(rounds))
    script = ["-c", f"luafile {TESTS / 'latency.lua'}"]
    done = subprocess.run([*command, *script], env=environment, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"{nvim} failed:\n{done.stdout}\n{done.stderr}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def start_ms(nvim: Path, home: Path, plugin: bool, file: Path | None) -> float:
    """Return the milliseconds until Neovim has started, by its own clock."""
    log = home / "startup.log"
    log.unlink(missing_ok=True)
    setting = f"set rtp^={PLUGIN}" if plugin else "let g:none = 1"
    server = "let g:autoresearch = #{cmd: [$AUTORESEARCH_CMD, 'lsp']}"
    command = [str(nvim), "--headless", "-i", "NONE", "-u", "NORC", "--cmd", setting, "--cmd", server]
    quit_then = ["-c", "call timer_start(0, {-> execute('qa!')})"]  # once everything has been started
    subprocess.run(
        [*command, "--startuptime", str(log), *quit_then, *([str(file)] if file else [])],
        env=surroundings(home), capture_output=True, check=True, cwd=home,
    )  # fmt: skip
    return max(float(line.split()[0]) for line in log.read_text().splitlines() if "NVIM STARTED" in line)


def added(nvim: Path, home: Path, file: Path | None, starts: int) -> tuple[float, float]:
    """Return the median start without the plugin, and what the plugin adds to it; measured in turn."""
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(starts):
        for plugin in times:
            times[plugin].append(start_ms(nvim, home, plugin, file))
    without = statistics.median(times[False])
    return without, statistics.median(times[True]) - without


def measured(name: str, nvim: Path, home: Path, quick: bool) -> list[Row]:
    """Return the rows of one Neovim."""
    rows = []
    for what, times in sorted(seen(nvim, home / "night", 1 if quick else ROUNDS).items()):
        p50 = percentile(times, 0.5)
        text = f"p50 {p50:.0f} ms, worst {max(times):.0f} ms of {len(times)}"
        rows.append(Row(f"{name}: {what}", text, f"p50 <= {SEEN_MS:.0f} ms", None if quick else p50 <= SEEN_MS))
    for what, file in (("start", None), ("start with program.md", home / "night" / "program.md")):
        without, more = added(nvim, home, file, 1 if quick else STARTS)
        text = f"{more:+.1f} ms, {(without + more) / without:.2f} x {without:.0f} ms"
        rows.append(Row(f"{name}: {what}", text, f"<= {START_MS:.0f} ms", None if quick else more <= START_MS))
    return rows


def run(quick: bool) -> Table:
    rows: list[Row] = []
    count = FEW if quick else EXPERIMENTS
    with scratch() as folder:
        for name, nvim in list(editors())[: 1 if quick else None]:
            if not rows:
                night(folder / "made", count)
            home = folder / name
            shutil.copytree(folder / "made", home / "night")
            rows += measured(name, nvim, home, quick)
    return Table(
        f"neovim: what a person waits for, {count} experiments in the ledger",
        "Keys are fed to a headless Neovim with the real server; counted until buffer, sign or lens has changed. A "
        "start, until the first screen, is the median by Neovim's own clock, in turn with and without the plugin.",
        rows or [Row("Neovim", f"not measured: none is installed; '{RUN} nvim-0.12' installs one")],
    )
