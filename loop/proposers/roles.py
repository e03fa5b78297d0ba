"""What kinds of knobs a training script has: known by their names, how they move, which way usually pays. Pure.

No value of any one script stands here, only what the field has found of such knobs in many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from loop.text.knobs import Knob, Value

DOWN, UP = -1, +1
FINEST = 3  # failures, each of which halves the step, before a direction is given up

LEFT_ALONE = re.compile(
    r"(?:^|_)(?:SEED|NAME|PATH|DIR|FILE|URL|VOCAB|EVAL|LOG|PRINT|SAVE|CHECKPOINT|THREAD|WORKER|PORT|DTYPE|VERSION|DEBUG"
    r"|VERBOSE|BUDGET|TIME|SECOND|EPS|EPSILON|CONTEXT|SEQ|SEQUENCE|BLOCK_SIZE|DATA|TOKENIZER)(?:S|_|$)|^DEVICE$"
)


@dataclass(frozen=True)
class Role:
    """What a kind of knob is: how it moves, how promising each way is before anything is measured, and why."""

    family: str
    words: str  # a regular expression, found at the beginning of the name or behind a _
    kind: str  # size: powers of two | count | rate: factors | share: of a whole | beta: factors of 1 - x
    down: float
    up: float
    lower: str
    higher: str


# The first that is found counts. Weights: what moved a small GPT in known campaigns, in orders of magnitude.
ROLES = [
    Role(*row)
    for row in (
        ("passes", "(?:DEVICE|MICRO).*BATCH|BATCH.*(?:DEVICE|MICRO)", "size", 0.2, 0.2,
         "the same step in more passes", "the same step in fewer passes"),
        ("batch", "BATCH", "size", 10, 3,
         "twice the optimizer steps for the same compute", "half the noise in every step"),
        ("schedule", "WARMDOWN|COOLDOWN", "share", 3, 5, "more of the budget at the full rate", "a longer annealing"),
        ("schedule", "WARMUP", "share", 2, 3, "the full rate sooner", "gentler first steps"),
        ("schedule", "(?:FINAL|MIN|END)_(?:LR|RATE)|(?:LR|RATE)_(?:FINAL|MIN|END)", "share", 2, 2,
         "a rate that anneals further", "a rate that still learns at the end"),
        ("lr", "(?:MATRIX|MUON|HIDDEN).*LR|^(?:MAX_|BASE_)?(?:LR|LEARNING_RATE)$", "rate", 5, 7,
         "the steps may be too long", "a short budget has few steps to go far"),
        ("lr", "LR|LEARNING_RATE", "rate", 3, 4,
         "the steps may be too long", "a short budget has few steps to go far"),
        ("head", "HEAD_DIM|HEAD_SIZE|D_HEAD", "size", 2, 4, "smaller heads", "larger heads"),
        ("width", "N_EMBD|WIDTH|D_MODEL|HIDDEN|DIM|.*_DIM|ASPECT", "size", 3, 6,
         "a faster model sees more tokens", "a wider model learns more from a token"),
        ("heads", "(?:N_|NUM_)?HEAD", "size", 3, 5.5, "fewer heads", "more heads"),
        ("depth", "DEPTH|(?:N_|NUM_)?LAYER", "count", 4, 5,
         "a shallower model sees more tokens", "a deeper model learns more from a token"),
        ("share", "RAMP|FRACTION|FRAC|SHARE", "share", 1, 1, "a shorter ramp", "a longer ramp"),
        ("beta", "BETA|MOMENTUM", "beta", 2.5, 2, "averages that forget sooner", "averages over more steps"),
        ("decay", "DECAY|WD|REGULAR", "rate", 2.5, 2.5, "a weaker pull to zero", "more regularisation"),
        ("dropout", "DROPOUT", "share", 3, 0.5, "few passes over the data need little of it", "less overfitting"),
        ("scale", ".*(?:SCALE|STD|INIT)", "rate", 2, 2, "a quieter start", "a louder start"),
        ("bound", ".*(?:CAP|CLIP)", "rate", 1.5, 1.5, "a tighter bound", "a looser bound"),
        ("capacity", ".*(?:RATIO|MULT|EXPANSION)", "count", 2.5, 2,
         "a faster model sees more tokens", "more capacity in every layer"),
        ("window", ".*WINDOW", "size", 2, 2, "cheaper attention", "attention that sees further"),
        ("position", "ROPE|.*BASE|THETA", "rate", 1.5, 1.5, "near positions told apart", "far positions told apart"),
        ("other", "", "", 1, 1, "its value was never questioned", "its value was never questioned"),
    )
]  # fmt: skip

# Families that belong together, the direction of each, the weight, why.
PAIRS = (
    ("batch", DOWN, "lr", DOWN, 3.0, "smaller steps for noisier gradients"),
    ("batch", UP, "lr", UP, 1.0, "larger steps for cleaner gradients"),
    ("batch", DOWN, "passes", DOWN, 0.5, "passes that fit into the smaller step"),
    ("heads", UP, "head", DOWN, 2.0, "the same width in more heads"),
    ("heads", DOWN, "head", UP, 2.0, "the same width in fewer heads"),
    ("depth", UP, "width", DOWN, 1.5, "deeper and narrower at about the same cost"),
    ("depth", DOWN, "width", UP, 1.5, "shallower and wider at about the same cost"),
    ("depth", DOWN, "heads", UP, 1.5, "shallower and wider at about the same cost"),
)


def role_of(knob: Knob) -> Role | None:
    """Return the role of a knob, with a kind that fits its value; None for one that is left alone."""
    value = knob.value
    if isinstance(value, str) or LEFT_ALONE.search(knob.name):
        return None
    role = next(role for role in ROLES if re.search(f"(?:^|_)(?:{role.words})", knob.name))
    if isinstance(value, bool):
        return replace(role, kind="switch")
    if isinstance(value, float) or value < 0:
        fits = 0 <= value <= 1 if role.kind == "share" else role.kind == "beta" and 0 < value < 1
        return role if fits else replace(role, kind="rate")
    if role.kind not in ("size", "count"):
        return replace(role, kind="size" if value >= 16 and is_power(value) else "count" if value < 16 else "rate")
    return role


def is_power(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def step(knob: Knob, role: Role, direction: int, failures: int = 0) -> Value | None:
    """Return the next value in a direction, nearer the more often that failed; None where there is none."""
    value = knob.value
    if isinstance(value, str) or failures > FINEST:
        return None
    part = 0.5**failures
    factor = 2.0 ** (direction * part if value >= 0 else -direction * part)
    match role.kind:
        case "switch":
            return not value if bool(value) is (direction == DOWN) else None
        case "size":
            # Powers of two stay what they are, 384 moves by its 128, and a batch is halved as long as it is even.
            whole = int(value)
            if is_power(whole) or (role.family in ("batch", "passes") and whole % 2 == 0):
                return whole * 2 if direction == UP else (whole // 2 or None)
            return whole + direction * (whole & -whole) or None
        case "count":
            return max(0, int(value) + direction * max(1, round(value / 3 * part))) or None
        case "share":
            if direction == UP:
                return min(1.0, tidy(value + part * (0.2 if value >= 0.3 else value or 0.1)))
            return tidy(value - 0.2 * part if value > 0.3 else value / 2.0**part) or None
        case "beta":
            return max(0.0, 1 - tidy((1 - value) / factor)) or None
    if value == 0:
        return 0.01 * 0.1**failures if direction == UP and role.family == "decay" else None
    near = tidy(value * factor) if failures else float(f"{value * factor:.6g}")
    return round(near) if isinstance(value, int) else near


def tidy(value: float) -> float:
    """Return the value in the two digits that a person would write."""
    return float(f"{value:.2g}")


def write(value: Value, like: str) -> str:
    """Return a value as a literal in the manner of the one that it replaces."""
    if isinstance(value, bool | str):
        return repr(value)
    if isinstance(value, float):
        return repr(float(f"{value:.6g}")).replace("e-0", "e-")
    if re.fullmatch(r"2 ?\*\* ?\d+", like) and is_power(value):
        return re.sub(r"\d+$", str(value.bit_length() - 1), like)
    return f"{value:_}" if "_" in like else str(value)


def phrase(knob: Knob, value: Value) -> str:
    """Return the change in words: `Halve TOTAL_BATCH to 4096`."""
    new, old = write(value, knob.literal), knob.value
    if isinstance(value, bool | str) or isinstance(old, str):
        return f"Switch {knob.name} {'on' if value else 'off'}"
    if value == 2 * old or 2 * value == old:
        return f"{'Double' if value > old else 'Halve'} {knob.name} to {new}"
    return f"{'Raise' if value > old else 'Lower'} {knob.name} from {knob.literal} to {new}"
