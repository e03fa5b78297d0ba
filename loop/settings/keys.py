"""The front matter keys of program.md: one table for parsing, documentation and editor completion.

Pure: no files, no clock, no YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from loop.record import values
from loop.record.types import Fix
from loop.settings import devices


@dataclass(frozen=True)
class Key:
    """One key. `default` is for readers; `field` is the path in Program that the value of `read` fills."""

    name: str  # dotted where nested: "stop.experiments" is written `stop: {experiments: ...}`
    field: str
    read: Callable[[str], object]
    example: str
    default: str
    doc: str
    many: bool = False  # a list may be given; its items reach `read` joined by commas


KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("model", "models", values.models, "anthropic/claude-sonnet-4-5", "knobs",
            "Who proposes: a litellm model, or `knobs`, the built-in search; a list mixes them.", many=True),
        Key("command", "command", values.command, '"claude -p --permission-mode acceptEdits"', "none",
            "A CLI agent that proposes: prompt on standard input, the canvas edited in a throw-away copy."),
        Key("budget", "budget", values.budget, "5m", "fits the machine",
            "What one experiment may use: wall time (5m), tokens (500k tokens) or compute (2 TFLOP)."),
        Key("canvas", "canvas", values.canvas, "train.py", "train.py",
            "The one file that the agent may change, relative to program.md."),
        Key("run", "run", values.run, "python train.py", "python train.py",
            "The command that trains, run in the campaign's folder."),
        Key("metric.name", "metric.name", values.metric_name, "val_bpb", "val_bpb",
            "The name of the score, as the script prints it."),
        Key("metric.goal", "metric.minimize", values.minimize, "minimize", "minimize",
            "Whether a lower (minimize) or a higher (maximize) score is better."),
        Key("metric.pattern", "metric.pattern", values.pattern, r"'took ([\d.]+) ms'", "`name: number`",
            "A regular expression that finds the number in the output of a script that measures itself."),
        Key("stop.experiments", "stop.experiments", values.limit(values.whole(1)), "100", "100",
            "End after this many experiments, the baseline not counted."),
        Key("stop.hours", "stop.hours", values.limit(values.hours), "10", "10",
            "End after this many hours of work; pauses are not counted."),
        Key("stop.dollars", "stop.dollars", values.limit(values.dollars), "20", "20",
            "End when the models have cost this much."),
        Key("stop.tokens", "stop.tokens", values.limit(values.whole(1, example="2M")), "2M", "none",
            "End when the models have read and written this many tokens."),
        Key("stop.plateau", "stop.plateau", values.limit(values.whole(1, example="40")), "40", "40",
            "End after this many experiments in a row without a keep."),
        Key("devices", "devices", devices.read, "cuda:0", devices.AUTO,
            f"Where to train: {devices.IN_WORDS}.", many=True),
        Key("data", "data", values.one_line, "climbmix", "auto",
            "What to train on: auto, python, climbmix, tinystories, or a path to text, jsonl or parquet. A script that "
            "measures itself may read the path, also where git ignores it."),
        Key("queue", "queue", values.whole(0, 16, "2"), "2", "2",
            "How many proposals are prepared ahead while one trains; 0 is a serial loop."),
        Key("repeats", "repeats", values.whole(2, 20, "3"), "3", "3",
            "How often the baseline is run to measure the noise floor."),
        Key("verify", "verify", values.pairs, "5", "3",
            "How many fresh pairs of best and baseline verify the gain when the campaign ends; 0 for none."),
        Key("prompt_tokens", "prompt_tokens", values.whole(2_000, 2_000_000, "24k"), "24k", "24k",
            "The largest prompt of a proposal, in tokens of its model."),
        Key("deadline", "deadline_s", values.duration, "10m", "10m",
            "How long one proposal may take, retries included."),
        Key("api_base", "api_base", values.address, "http://localhost:11434", "the provider's own",
            "The address of a local or private OpenAI-compatible server."),
    )
}  # fmt: skip
GROUPS = tuple(dict.fromkeys(name.partition(".")[0] for name in KEYS if "." in name))
SECRET = re.compile(r"key|token|auth|.*[_-]key|.*api.?key|.*(secret|password|credential).*", re.IGNORECASE)


def find_key(name: str) -> str | None:
    """Return the full name of a short one: `experiments` is `stop.experiments`; `prompt-tokens` works too."""
    name = name.replace("-", "_").lower()
    if name in KEYS:
        return name
    matches = [full for full in KEYS if full.partition(".")[2] == name]
    return matches[0] if len(matches) == 1 else {"metric": "metric.name"}.get(name)


def example(name: str) -> str:
    """Return how a key, or the first key of a group, is written."""
    if name in GROUPS:
        name = next(full for full in KEYS if full.startswith(f"{name}."))
    group, _, last = name.rpartition(".")
    return f"{group}: {{{last}: {KEYS[name].example}}}" if group else f"{name}: {KEYS[name].example}"


def unknown(name: str, group: str = "") -> tuple[str, Fix | None]:
    """Return the sentence for a key that does not exist, with the nearest one that does, and the obvious fix."""
    found = find_key(name)
    if found is not None and found.rpartition(".")[0] != group:
        home = found.rpartition(".")[0]
        where = f"belongs in {home}" if home else f"does not belong in {group}"
        return f"{name} {where}; write {example(found)}{'' if home else ' at the left margin'}", None
    if SECRET.fullmatch(name):
        return f"{name} is no key of program.md: secrets come from the environment only; remove it", Fix()
    known = [full.rpartition(".")[2] for full in KEYS if full.rpartition(".")[0] == group]
    known += [] if group else GROUPS
    near = get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
    return f"{name[:40]} is not a key of {group or 'program.md'}; {hint}", Fix(near[0] if near else None)
