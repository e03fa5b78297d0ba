"""Every verb and every option is found in the help and in the README."""

from __future__ import annotations

import re
import shlex
from importlib import metadata
from pathlib import Path

import click
import pytest

from loop.cli.verbs import TOPICS, autoresearch
from tests.loop.cli.running import run

TOP = Path(__file__).parents[3]
README = (TOP / "README.md").read_text(encoding="utf-8")
PAGES = [TOP / "README.md", *(TOP / "docs").glob("*.md"), *(TOP / "editors").glob("*/README.md")]
BLOCKS = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)]
LINES = sorted({line for block in BLOCKS for line in block.splitlines() if line.startswith("autoresearch ")})


@pytest.mark.parametrize("name", autoresearch.commands)
def test_a_verb_is_in_the_readme_and_takes_a_folder_before_and_after_it(name: str) -> None:
    assert re.search(rf"[`\s]{name}\b", README)
    assert "-C" in {opt for parameter in autoresearch.commands[name].params for opt in parameter.opts}


@pytest.mark.parametrize("name", autoresearch.commands)
def test_a_verb_explains_itself_and_each_option_that_it_shows(name: str) -> None:
    verb = autoresearch.commands[name]
    assert verb.help and verb.help.endswith(".")
    options = [p for p in verb.params if isinstance(p, click.Option) and not p.hidden]
    assert all(option.help and option.help.endswith(".") for option in options)


def test_the_pages_have_command_lines() -> None:
    assert len(LINES) > 5 and any("doctor" in line for line in LINES)


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_of_a_page_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    autoresearch.commands[words[0]].make_context(words[0], words[1:])


def test_help_lists_each_verb_once_below_its_topic(tmp_path: Path) -> None:
    told = run(tmp_path, "--help").stdout
    for topic, verbs in TOPICS.items():
        section = told.partition(f"\n{topic}:\n")[2].partition("\n\n")[0]
        assert re.findall(r"^  (\w+)  ", section, re.M) == [verb.name for verb in verbs]


def test_a_folder_is_named_before_the_verb_or_after_it(night: Path, tmp_path: Path) -> None:
    told = [run(tmp_path, *words).stdout for words in (("-C", str(night), "status"), ("status", "-C", str(night)))]
    assert told == [run(night, "status").stdout] * 2 and "finished" in told[0]


def test_the_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"autoresearch {metadata.version('autoresearch-lsp')}\n"
