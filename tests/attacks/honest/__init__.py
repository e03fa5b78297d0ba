"""Honest canvases: ideas that researchers try, as small patches of the real canvas. None may be refused.

Each is a name and the anchored parts that it replaces. `CANVASES` has them all.
"""

from __future__ import annotations

from tests.attacks.honest.layers import LAYERS
from tests.attacks.honest.mixers import MIXERS
from tests.attacks.honest.schedules import SCHEDULES

CANVASES = {**LAYERS, **MIXERS, **SCHEDULES}
# They import torch's compiler, and one compiles: seconds that a tiny budget does not have, and the default one does.
SLOW_TO_START = {"gradient checkpointing", "compiled"}
