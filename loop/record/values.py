"""The text of one setting → its value, or a ValueError with the finding and the next step in one sentence.

Every reader takes a stripped, non-empty text. Pure: no files, no clock. Which key uses which: keys.py.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12, "p": 10**15}
SECONDS = {"s": 1, "sec": 1, "seconds": 1, "m": 60, "min": 60, "minutes": 60, "h": 3600, "hours": 3600}
NONE = ("none", "null", "~")
KEY_SHAPE = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|nvapi|gh[pousr]|github_pat|glpat|AIza|AKIA)[-_]?(?=[\w*-]*\d)[\w*-]{12,}"
    r"|(?<=Bearer )[\w.~+/=-]{8,}|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)"
)
SOURCES = ("auto", "python", "climbmix", "tinystories")  # what our prepare.py calls its data; anything else is a path
BUDGET_FORMS = "write 15s, 5m or 2h (wall time), 500k tokens, or 2 TFLOP"


class BudgetKind(StrEnum):
    """What a run may use up: wall seconds, training tokens or counted compute."""

    WALL = "wall"
    TOKENS = "tokens"
    FLOPS = "flops"


@dataclass(frozen=True)
class Budget:
    """What one run may use, in seconds, tokens or FLOPs. `str()` is the form that prepare.py reads."""

    kind: BudgetKind
    amount: float

    @property
    def seconds(self) -> float | None:
        """Wall seconds, None for a budget that is not counted in time."""
        return self.amount if self.kind is BudgetKind.WALL else None

    def __str__(self) -> str:
        match self.kind:
            case BudgetKind.WALL:
                unit, size = next((u for u in (("h", 3600), ("m", 60)) if not self.amount % u[1]), ("s", 1))
                return f"{_plain(self.amount / size)}{unit}"
            case BudgetKind.TOKENS:
                unit, size = next((u for u in (("M", 10**6), ("k", 1000)) if not self.amount % u[1]), ("", 1))
                return f"{_plain(self.amount / size)}{unit} tokens"
            case BudgetKind.FLOPS:
                return f"{_plain(self.amount / 10**12)} TFLOP"


def parse_budget(text: str) -> Budget:
    """Return the budget that `5m`, `500k tokens` or `2 TFLOP` names, or raise ValueError to show."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*?)\s*(tokens?|flops?|)", text.strip().lower())
    if found is None:
        raise ValueError(f"{shorten(text)} is not a budget; {BUDGET_FORMS}")
    number, unit, kind = found.groups()
    scales = SECONDS if kind == "" else SCALES
    if unit not in scales:
        raise ValueError(f"{shorten(text)} has {'an unknown' if unit else 'no'} unit; {BUDGET_FORMS}")
    amount = round(float(number) * scales[unit], 3 if kind == "" else 0)
    if not 0 < amount < 1e24:
        raise ValueError(f"{shorten(text)} is out of range; {BUDGET_FORMS}")
    return Budget({"": BudgetKind.WALL, "t": BudgetKind.TOKENS, "f": BudgetKind.FLOPS}[kind[:1]], amount)


def budget(text: str) -> str:
    """Return the budget in the form that prepare.py reads."""
    return str(parse_budget(text))


def shorten(text: str) -> str:
    """Return the text in quotes, on one line and cut where it is long."""
    text = " ".join(text.split())
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}...'"


def _plain(number: float) -> str:
    """Return the number without an exponent and without a fraction of zeros."""
    return f"{number:.12f}".rstrip("0").rstrip(".")


def pairs(text: str) -> int:
    """Return a number of pairs: none, or at least the two that an interval needs."""
    number = whole(0, 50, "3")(text)
    if number == 1:
        raise ValueError("1 pair has no interval; write a whole number from 2 to 50, or 0")
    return number


def whole(low: int, high: int = 10**12, example: str = "100") -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`; `24k` and `2M` are numbers too."""

    def read(text: str) -> int:
        found = re.fullmatch(r"([\d_]*\d)\s*([kKmM]?)", text, re.ASCII)
        if found is None:
            raise ValueError(f"{shorten(text)} is not a whole number; write one such as {example}")
        number = int(found[1][:20].replace("_", "")) * SCALES[found[2].lower()]
        if not low <= number <= high:
            raise ValueError(f"{shorten(text)} is out of range; write a whole number from {low} to {high}")
        return number

    return read


def limit(read: Callable[[str], object]) -> Callable[[str], object]:
    """Return the reader with `none` for no limit."""
    return lambda text: None if text.lower() in NONE else read(text)


def dollars(text: str) -> float:
    """Return an amount of money; `$` is optional."""
    number = text.removeprefix("$").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", number, re.ASCII) is None:
        raise ValueError(f"{shorten(text)} is not an amount; write dollars such as 20 or 7.50")
    if float(number) == 0:
        raise ValueError("a limit of 0 stops at once; write a small one such as 0.01, or model: knobs, which is free")
    return float(number)


def duration(text: str) -> float:
    """Return seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([a-z]+)", text.lower(), re.ASCII)
    if found is None or found[2] not in SECONDS or float(found[1]) == 0:
        raise ValueError(f"{shorten(text)} is not a length of time; write one such as 90s, 10m or 2h")
    return float(found[1]) * SECONDS[found[2]]


def hours(text: str) -> float:
    """Return hours, from a number of them or from a length of time."""
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII) and float(text) > 0:
        return float(text)
    try:
        return duration(text) / 3600
    except ValueError:
        raise ValueError(f"{shorten(text)} is not a number of hours; write one such as 10, 0.5 or 90m") from None


def models(text: str) -> tuple[str, ...]:
    """Return the names, each once. Any word is a name: only its provider knows which exist."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names or ("",):
        if re.search(r"\s", name):
            raise ValueError(f'{shorten(name)} is not the name of a model; for a command line write command: "{name}"')
        if not re.search(r"[A-Za-z]", name):
            raise ValueError(f"{shorten(name)} is not the name of a model; write knobs, or anthropic/claude-sonnet-4-5")
    return names


def command(text: str) -> str:
    """Return a command line that a shell's rules can split into words."""
    if "\n" in text:
        raise ValueError(f"{shorten(text)} has several lines; write one command on one line")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{shorten(text)} is not a command line ({str(error).lower()}); check its quotes") from error
    if not words or not words[0]:
        raise ValueError("the command line is empty; write one such as python train.py")
    if KEY_SHAPE.search(text):
        raise ValueError("a key has no place here, where git and every record has it; set it in the environment")
    return text


def run(text: str) -> str:
    """Return a command line that is one plain command: no shell stands between us and the run that we must kill."""
    command(text)
    words = shlex.shlex(text, posix=True, punctuation_chars=True)
    if found := next((word for word in words if word[:1] in tuple("();<>|&")), None):
        raise ValueError(f"{shorten(text)} uses the shell ({found}); write one plain command, such as make bench")
    return text


def canvas(text: str) -> str:
    """Return a relative path with forward slashes that stays inside the campaign's folder."""
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(text).drive or text.startswith("~"):
        raise ValueError(f"{shorten(text)} is an absolute path; write it relative to program.md, such as train.py")
    if ".." in path.parts or ".git" in path.parts or not path.name or "\n" in text:
        raise ValueError(f"{shorten(text)} is not a file of this folder; name one beside or below program.md")
    if path.name in ("prepare.py", "program.md"):
        raise ValueError(f"{path.name} is fixed and cannot be the canvas; name the file that the agent may change")
    return str(path)


def metric_name(text: str) -> str:
    """Return the word that a script prints before its score."""
    if not re.fullmatch(r"[A-Za-z_][\w./ -]{0,60}", text):
        raise ValueError(f"{shorten(text)} is not the name of a metric; write the word your script prints, as val_bpb")
    return text


def minimize(text: str) -> bool:
    """Return whether lower is better."""
    word = text.lower().replace("imise", "imize")
    if word not in ("minimize", "min", "maximize", "max"):
        raise ValueError(f"{shorten(text)} is not a goal; write minimize or maximize")
    return word.startswith("min")


def pattern(text: str) -> str:
    """Return a regular expression with exactly one group, the number."""
    try:
        groups = re.compile(text).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{shorten(text)} is not a regular expression ({error}); try 'took ([\\d.]+) ms'") from error
    if groups != 1:
        raise ValueError(
            f"{shorten(text)} has {groups} groups; put the number, nothing else, in one pair of parentheses"
        )
    return text


def address(text: str) -> str:
    """Return an http address that holds no secret, because settings are recorded in the journal."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", text):
        raise ValueError(f"{shorten(text)} is not an address; write one such as http://localhost:11434")
    if parts.username or parts.password or parts.query:
        raise ValueError("the address may hold host, port and path only; keys are read from the environment")
    return text


def one_line(text: str) -> str:
    """Return the text, refused where it has several lines."""
    if "\n" in text:
        raise ValueError(f"{shorten(text)} has several lines; write it on one")
    return text


def counted(count: int, word: str) -> str:
    """Return `1 experiment`, `2 experiments`, `3 patches`."""
    return f"{count} {word}{'' if count == 1 else 'es' if word.endswith('ch') else 's'}"
