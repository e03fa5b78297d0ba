"""Every line for program.md that the documents give is one that program.md takes; none has a flag that is gone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from loop.settings.keys import KEYS
from loop.settings.program import parse
from server.features.completion import VALUES

TOP = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/overnight.md",
    "docs/ruler.md",
    "program.md",
    "examples/faster/program.md",
    "CONTRIBUTING.md",
]
COMMAND = re.compile(r"""command: ("[^"\n]+"|'[^'\n]+')""")
MODEL = re.compile(r"`(model: [^`]+)`(?:, `(api_base: [^`]+)`)?")
FRONT = re.compile(r"^---\n(.*?)^---$", re.M | re.S)
GONE = {"--full-auto", "--message", "--yolo"}  # no longer there, or not what a night needs


def page(name: str) -> str:
    return (TOP / name).read_text(encoding="utf-8")


COMMANDS = sorted(
    {quoted for name in PAGES for quoted in COMMAND.findall(page(name))} | {*VALUES["command"], KEYS["command"].example}
)
MODELS = [found for name in PAGES for found in MODEL.findall(page(name))]
FRONTS = [(name, text) for name in PAGES for text in FRONT.findall(page(name)) if ":" in text]


def test_the_documents_name_agents_models_and_heads() -> None:
    words = {shlex.split(quoted[1:-1])[0] for quoted in COMMANDS}
    assert {"claude", "codex", "gemini", "aider"} <= words
    assert len(MODELS) >= 6 and len(FRONTS) >= 4


@pytest.mark.parametrize("quoted", COMMANDS)
def test_a_documented_command_is_taken_by_program_md(quoted: str) -> None:
    program = parse(f"---\ncommand: {quoted}\n---\nLower it.\n")
    assert program.command == quoted[1:-1] and program.models == ()
    assert not GONE & set(shlex.split(quoted[1:-1]))


@pytest.mark.parametrize("lines", MODELS)
def test_a_documented_model_is_taken_by_program_md(lines: tuple[str, str]) -> None:
    text = "\n".join(filter(None, lines))
    assert parse(f"---\n{text}\n---\nLower it.\n").models


@pytest.mark.parametrize(("name", "text"), FRONTS, ids=lambda value: str(value)[:20])
def test_a_documented_head_is_taken_by_program_md(name: str, text: str) -> None:
    parse(f"---\n{text}---\nLower it.\n")


def test_an_agent_is_documented_with_the_version_that_was_tried() -> None:
    rows = [line for line in page("docs/overnight.md").splitlines() if line.startswith("|") and COMMAND.search(line)]
    tried = [line for line in rows if "my_agent" not in line]
    assert len(tried) >= 4 and all(re.match(r"\| [\w ]+ \d+\.\d+\.\d+ \|", line) for line in tried)
