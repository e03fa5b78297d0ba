"""Whether a confined run reaches the Apple GPU that its ruler measures on: tried once, before the first run.

Only macOS's sandbox names what a GPU's driver may be asked for; on Linux a device's nodes are passed into the sandbox.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from loop.runs.conditions import Conditions
from loop.runs.confinement import Confinement
from loop.runs.ruler import TORCH
from loop.settings.devices import MPS, kind_of
from loop.trust.sandbox import PROCESS_GROUP, SEATBELT, Sandbox, environment

LIMIT_S = 120.0  # a first import of torch may take most of a minute
USES = {
    TORCH: "import torch; torch.ones(8, device='mps').sum().item()",
    "mlx": "import mlx.core; mlx.core.eval(mlx.core.ones(8, stream=mlx.core.gpu))",
}


def that_reaches(conditions: Conditions, sandbox: Sandbox, top: Path) -> Sandbox:
    """Return the sandbox, or the tier without one, and why, where it keeps runs from the GPU.

    A run that finds no GPU would train on the CPU, under another profile than it is scored by.
    """
    ruler = conditions.ruler
    if sandbox.kind != SEATBELT or ruler is None or kind_of(ruler.device) is not MPS or ruler.framework not in USES:
        return sandbox
    with tempfile.TemporaryDirectory(prefix="autoresearch-gpu-") as name:
        place = Path(name).resolve()
        for folder in ("home", "tmp"):
            (place / folder).mkdir()
        wrap = Confinement(conditions, sandbox, top).training(place, place)
        argv = [*wrap, conditions.python, "-c", USES[ruler.framework]]
        variables = environment(place, conditions.variables())
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, cwd=place, env=variables
            )
            why = "" if done.returncode == 0 else (done.stderr.strip() or f"exit code {done.returncode}")
        except (OSError, subprocess.SubprocessError) as error:
            why = str(error)
    if not why:
        return sandbox
    return Sandbox(PROCESS_GROUP, reason=f"{SEATBELT} keeps runs from the Apple GPU: {why.splitlines()[-1][:200]}")
