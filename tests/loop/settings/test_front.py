"""Broken front matter is one sentence on the right line, with its obvious fix."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.record.types import Fix
from loop.settings.program import (
    check,
    key_lines,
)
from tests.loop.settings.front_matter import front


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("---\nmodel: knobs\n\n# Goal\n", 1, "never closed", id="never closed"),
        pytest.param("\n\n---\nmodel: knobs\n", 3, "never closed", id="never closed, blank lines first"),
        pytest.param(front("stop:", "\thours: 3"), 3, "a tab where", id="tab"),
        pytest.param(front("model: a: b"), 2, "a second ': '", id="two colons"),
        pytest.param(front("model: a", "  queue: 2"), 3, "a second ': '", id="indented too far"),
        pytest.param(front("queue: 2", "stop: {hours: 3", "budget: 5m"), 4, "missing before this", id="open brace"),
        pytest.param(front("queue: 2", "stop: {hours: 3"), 3, "never closed", id="open brace at the end"),
        pytest.param(front("queue: 2", 'run: "python', "budget: 5m"), 3, "never closed", id="open quote"),
        pytest.param(front("queue: 2", "model: @x"), 3, "quote odd values", id="reserved character"),
        pytest.param(front("queue: 2", "model: \x01"), 3, "control character", id="control character"),
        pytest.param(front("queue: 2", "...", "budget: 5m"), 4, "ends twice", id="two documents"),
        pytest.param(front("- knobs"), 2, "here are no keys", id="a list"),
        pytest.param(front("", "prose between two rules"), 3, "here are no keys", id="prose"),
        pytest.param(front("queue: &a 2"), 2, "anchors and aliases", id="anchor"),
        pytest.param(front("queue: 2", "repeats: *a"), 3, "anchors and aliases", id="alias"),
        pytest.param(front("run: !!python/object/apply:os.system [ls]"), 2, "tags (!)", id="tag"),
        pytest.param(front("queue: 2", "stop: {a: {b: {c: 1}}}"), 3, "nested too deeply", id="deep"),
        pytest.param(front("queue: 2", "stop: " + "[" * 9000), 3, "nested too deeply", id="brackets"),
        pytest.param(front("data: " + "x" * 30_000), 2, "over 20000 characters", id="huge"),
        pytest.param(front("queue: 2", "queue: 3"), 3, "given twice", id="duplicate"),
        pytest.param("\ufeff---\r\nqueue: 2\r\nmodle: x\r\n---\r\n", 3, "did you mean model?", id="BOM and CRLF"),
        pytest.param("---\rqueue: 2\rmodle: x\r---\r", 3, "did you mean model?", id="CR"),
        pytest.param("---  \nqueue: 2\nmodle: x\n---\t\n", 3, "did you mean model?", id="blanks after the dashes"),
        pytest.param(front("data: a\u2028modle: x"), 2, "did you mean", id="a line end that only YAML knows"),
    ],
)
def test_broken_front_matter_is_one_sentence_on_the_right_line(text, line, words):
    problem = check(text)[-1]
    assert problem.line == line
    assert words in problem.message


def test_a_billion_laughs_is_refused_before_it_is_expanded():
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
    assert "anchors" in check(front(*lines))[0].message


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("model:stop knbx{}[],&*!|>-\"'#\n\t\r\ufeff\x00\x85123%@`?"), max_size=80))
def test_no_text_breaks_the_parser(noise):
    text = f"---\n{noise}\n---\n"
    problems = check(text)
    assert all(1 <= p.line <= text.count("\n") + text.count("\r") + 1 and p.message for p in problems)


def test_key_lines_lead_to_each_key():
    text = front("model: knobs", "stop:", "  hours: 3", "  dollars: 5", "metric: ms", "unknown: 1")
    assert key_lines(text) == {"model": 2, "stop.hours": 4, "stop.dollars": 5, "metric.name": 6}
    assert key_lines(front("model: [")) == {}


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        pytest.param("modle: knobs", Fix("model"), id="the key that was meant"),
        pytest.param("api_key: x", Fix(), id="a secret is taken out"),
        pytest.param("quxquux: 1", Fix(), id="a key like no other is taken out"),
        pytest.param("'did you mean model?': 1", Fix(), id="a key that reads like a sentence of ours is taken out"),
        pytest.param("stop: {hour: 3}", Fix("hours"), id="the key of the group that was meant"),
        pytest.param("data: a\x07b", Fix(), id="a control character is taken out"),
        pytest.param("queue: 1\nqueue: 2", Fix(), id="what is given twice is taken out"),
        pytest.param("hours: 3", None, id="a key in the wrong place"),
        pytest.param("queue: many", None, id="a value that is none"),
    ],
)
def test_a_problem_says_its_obvious_fix(line: str, fix: Fix | None) -> None:
    (problem,) = check(f"---\n{line}\n---\n")
    assert problem.fix == fix
