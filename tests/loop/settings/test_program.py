"""program.md → Program: what is accepted, what is refused, on which line and with which words."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.record.types import ProgramError, Refused
from loop.settings.program import (
    Budget,
    BudgetKind,
    Heading,
    Metric,
    Program,
    Stop,
    check,
    headings_of,
    override,
    parse,
    parse_budget,
    program_hash,
)
from tests.loop.settings.front_matter import front


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\ufeff", id="only a byte order mark"),
        pytest.param("# Goal\n\nLower val_bpb.\n\n---\n\nmodle: prose, not a key\n", id="prose with a rule"),
        pytest.param("---\n---\n# Goal\n", id="empty front matter"),
        pytest.param("---\n# model: knobs\n---\n", id="only comments"),
        pytest.param(front("model:", "stop:", "metric: {}"), id="empty values keep the defaults"),
        pytest.param(front("command: none", "budget: null", "api_base: ~"), id="none keeps the defaults"),
    ],
)
def test_a_program_without_settings_has_the_defaults(text):
    assert dataclasses.replace(parse(text), prose="") == Program()


def test_the_defaults_never_spend_without_limit():
    stop = parse("").stop
    assert (stop.experiments, stop.hours, stop.dollars, stop.plateau) == (100, 10, 20, 40)


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("model: knobs", "models", ("knobs",)),
        ("model: ollama/qwen3-coder:30b", "models", ("ollama/qwen3-coder:30b",)),
        ("model: a-model-nobody-has-heard-of", "models", ("a-model-nobody-has-heard-of",)),
        ("model: [anthropic/claude-sonnet-4-5, knobs]", "models", ("anthropic/claude-sonnet-4-5", "knobs")),
        ("model: anthropic/claude-sonnet-4-5, knobs, knobs", "models", ("anthropic/claude-sonnet-4-5", "knobs")),
        ("model:\n- knobs\n- gpt-5", "models", ("knobs", "gpt-5")),
        ('command: "claude -p"', "command", "claude -p"),
        ("budget: 15s", "budget", "15s"),
        ("budget: 5 min", "budget", "5m"),
        ("budget: 500k tokens", "budget", "500k tokens"),
        ("budget: 300 GFLOP", "budget", "0.3 TFLOP"),
        ("canvas: ./src/kernel.py", "canvas", "src/kernel.py"),
        (r"canvas: src\kernel.py", "canvas", "src/kernel.py"),
        ("canvas: übung.py", "canvas", "übung.py"),
        ("run: make bench", "run", "make bench"),
        ("metric: latency_ms", "metric", Metric("latency_ms")),
        (
            "metric: {name: ops, goal: maximize, pattern: 'ops: (\\d+)'}",
            "metric",
            Metric("ops", False, r"ops: (\d+)"),
        ),
        ("metric:\n  goal: Max", "metric", Metric("val_bpb", False)),
        ("stop: {experiments: 5, hours: 90m}", "stop", Stop(experiments=5, hours=1.5)),
        (
            "stop: {dollars: $7.50, tokens: 2M, plateau: none}",
            "stop",
            Stop(dollars=7.5, tokens=2_000_000, plateau=None),
        ),
        ("stop:\n  experiments: 1_000 # many", "stop", Stop(experiments=1000)),
        ("devices: [cuda:0, CUDA:1]", "devices", "cuda:0,cuda:1"),
        ("data: /corpora/my text", "data", "/corpora/my text"),
        ("queue: 0", "queue", 0),
        ("repeats: 5", "repeats", 5),
        ("prompt_tokens: 32k", "prompt_tokens", 32_000),
        ("deadline: 90s", "deadline_s", 90.0),
        ("api_base: http://localhost:8000/v1", "api_base", "http://localhost:8000/v1"),
    ],
)
def test_a_setting_is_read(line, field, expected):
    assert getattr(parse(front(line)), field) == expected


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("modle: knobs", "modle", "did you mean model?"),
        ("Model: knobs", "Model", "did you mean model?"),
        ("experiments: 20", "experiments", "belongs in stop; write stop: {experiments: 100}"),
        ("stop: {budget: 5m}", "stop.budget", "does not belong in stop; write budget: 5m at the left margin"),
        ("stop: {hour: 3}", "stop.hour", "did you mean hours?"),
        ("metric: {foo: 1}", "metric.foo", "the keys are name, goal, pattern"),
        ("api_key: sk-123", "api_key", "secrets come from the environment only"),
        ("OPENAI_API_KEY: sk-123", "OPENAI_API_KEY", "secrets come from the environment only"),
        ("? [a, b]\n: c", "?", "not a key"),
        ("stop: 20", "stop", "holds keys of its own; write stop: {experiments: 100}"),
        ("stop: [20]", "stop", "holds keys of its own"),
        ("data: {a: b}", "data", "does not take keys of its own; write data: climbmix"),
        ("run: [python, train.py]", "run", "does not take a list"),
        ("model: []", "model", "the list is empty"),
        ("model: [[knobs]]", "model", "does not take a list"),
        ("model: yes", "model", "YAML reads yes as true or false"),
        ("queue: off", "queue", "YAML reads off as true or false"),
        ("model: claude -p", "model", 'write command: "claude -p"'),
        ("model: 4.5", "model", "not the name of a model"),
        ("command: claude 'x", "command", "check its quotes"),
        ("command: env KEY=sk-ant-api03-abcdef1234567890abcd claude", "command", "a key has no place here"),
        ("budget: 300", "budget", "has no unit; write 15s, 5m or 2h"),
        ("budget: 5 parsecs", "budget", "has an unknown unit"),
        ("budget: 5:00", "budget", "not a budget"),
        ("budget: 0s", "budget", "out of range"),
        ("canvas: /etc/passwd", "canvas", "absolute path"),
        (r"canvas: C:\train.py", "canvas", "absolute path"),
        ("canvas: ~/train.py", "canvas", "absolute path"),
        ("canvas: ../train.py", "canvas", "not a file of this folder"),
        ("canvas: a/../../b.py", "canvas", "not a file of this folder"),
        ("canvas: .git/config", "canvas", "not a file of this folder"),
        ("canvas: .", "canvas", "not a file of this folder"),
        ("canvas: prepare.py", "canvas", "cannot be the canvas"),
        ("metric: {goal: lower}", "metric.goal", "write minimize or maximize"),
        ("metric: {name: 'a: b'}", "metric.name", "not the name of a metric"),
        ("metric: {pattern: 'took ('}", "metric.pattern", "not a regular expression"),
        ("metric: {pattern: 'took \\d+'}", "metric.pattern", "has 0 groups; put the number"),
        ("stop: {experiments: 1.5}", "stop.experiments", "not a whole number"),
        ("stop: {experiments: 0}", "stop.experiments", "from 1 to"),
        ("stop: {plateau: -3}", "stop.plateau", "not a whole number"),
        ("stop: {tokens: ٣}", "stop.tokens", "not a whole number"),
        ("stop: {hours: 1:30}", "stop.hours", "such as 10, 0.5 or 90m"),
        ("stop: {hours: .inf}", "stop.hours", "not a number of hours"),
        ("stop: {dollars: 0}", "stop.dollars", "a limit of 0 stops at once"),
        ("stop: {dollars: .nan}", "stop.dollars", "not an amount"),
        ("queue: 99", "queue", "from 0 to 16"),
        ("repeats: 1", "repeats", "from 2 to 20"),
        ("queue: " + "9" * 5000, "queue", "out of range"),
        ("devices: tpu", "devices", "not a device"),
        ("deadline: 10", "deadline", "not a length of time"),
        ("api_base: localhost:11434", "api_base", "not an address"),
        ("api_base: http://me:sk-123@host/v1", "api_base", "keys are read from the environment"),
        ("run: |\n  a\n  b", "run", "several lines"),
        ("run: make bench && python a.py", "run", "uses the shell (&&); write one plain command"),
    ],
)
def test_a_bad_setting_is_named_with_its_line_and_the_next_step(line, key, words):
    (problem,) = check(front("# a comment", "", line))
    assert (problem.line, problem.key) == (4, key)
    assert words in problem.message
    assert "\n" not in problem.message


def test_all_problems_are_raised_at_once_in_the_order_of_their_lines():
    text = front("budget: 5", "modle: x", "stop: {hours: x, hour: 3}", "queue: 99")
    with pytest.raises(ProgramError) as caught:
        parse(text)
    assert [p.line for p in caught.value.problems] == [2, 3, 4, 4, 5]
    assert caught.value.problems == check(text)
    assert str(caught.value).startswith("program.md, line 2: budget: '5' has no unit")


def test_the_prose_and_its_headings_know_their_lines():
    text = "---\nqueue: 1\n---\n\n# Goal\ntext\n```\n# not a heading\n```\n## Ideas, small ##\n#no\n"
    program = parse(text)
    assert headings_of(text.split("\n"), 3) == (Heading(5, 1, "Goal"), Heading(10, 2, "Ideas, small"))
    assert program.prose.startswith("# Goal\ntext") and "queue" not in program.prose


def test_the_hash_follows_the_words_and_not_the_line_ends():
    assert program_hash("a\nb") == program_hash("\ufeffa\r\nb") != program_hash("a\nc")
    assert len(program_hash("")) == 12


def test_a_command_alone_replaces_the_default_model():
    assert parse(front('command: "claude -p"')).models == ()
    assert parse(front('command: "claude -p"', "model: knobs")).models == ("knobs",)


@pytest.mark.parametrize(
    ("overrides", "changes"),
    [
        ({}, {}),
        ({"model": "knobs"}, {"models": ("knobs",), "command": None}),
        ({"command": "codex exec"}, {"models": (), "command": "codex exec"}),
        ({"model": "a,b", "command": "c"}, {"models": ("a", "b"), "command": "c"}),
        ({"experiments": "20", "budget": "15s"}, {"stop": Stop(experiments=20, dollars=5.0), "budget": "15s"}),
        ({"stop.hours": "none"}, {"stop": Stop(hours=None, dollars=5.0)}),
        ({"prompt-tokens": "32k"}, {"prompt_tokens": 32_000}),
        ({"goal": "maximize"}, {"metric": Metric(minimize=False)}),
        ({"metric": "ms"}, {"metric": Metric("ms")}),
    ],
)
def test_a_start_may_override_keys_by_their_short_names(overrides, changes):
    program = parse(front('command: "claude -p"', "stop: {dollars: 5}"))
    assert override(program, overrides) == dataclasses.replace(program, **changes)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"modl": "x"}, "--modl: modl is not a key of program.md; did you mean model?"),
        ({"experiments": "x"}, "--experiments: 'x' is not a whole number; write one such as 100"),
        ({"prompt_tokens": "1"}, "--prompt-tokens: '1' is out of range; write a whole number from 2000 to 2000000"),
    ],
)
def test_a_bad_override_is_refused_in_the_words_of_the_command_line(overrides, message):
    with pytest.raises(Refused) as caught:
        override(Program(), overrides)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15s", Budget(BudgetKind.WALL, 15)),
        ("1.5h", Budget(BudgetKind.WALL, 5400)),
        ("500k tokens", Budget(BudgetKind.TOKENS, 500_000)),
        ("1 token", Budget(BudgetKind.TOKENS, 1)),
        ("2M tokens", Budget(BudgetKind.TOKENS, 2_000_000)),
        ("300 GFLOP", Budget(BudgetKind.FLOPS, 3e11)),
        ("2TFLOPs", Budget(BudgetKind.FLOPS, 2e12)),
    ],
)
def test_a_budget_is_time_tokens_or_compute(text, expected):
    assert parse_budget(text) == expected
    assert expected.seconds == (expected.amount if expected.kind is BudgetKind.WALL else None)


@given(st.sampled_from(["s", "m", "h", " tokens", "k tokens", "M tokens", " GFLOP", " TFLOP"]), st.integers(1, 10**6))
def test_the_written_form_of_a_budget_means_the_same_budget(unit, number):
    budget = parse_budget(f"{number}{unit}")
    assert parse_budget(str(budget)) == budget
