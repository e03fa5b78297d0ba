"""What is valid in the front matter and will not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.features.doubts import doubts

LOST = "which is not set where this editor was started; set it there and start it again"
FEW = "stop.hours: 0.2 h end before the baseline is measured (3 runs of 5m); allow more"
GONE = "was not found from where this editor was started; install it, or write its whole path"


@pytest.mark.parametrize(
    ("front", "line", "message"),
    [
        pytest.param("model: knobs", 0, "", id="the built-in search"),
        pytest.param("model: openai/gpt-5", 2, f"model: openai/gpt-5 needs OPENAI_API_KEY, {LOST}", id="no key"),
        pytest.param("queue: 1\nmodel: [knobs, xai/x]", 3, f"model: xai/x needs XAI_API_KEY, {LOST}", id="one of two"),
        pytest.param("model: anthropic/claude", 0, "", id="a key that is set"),
        pytest.param("model: openai/x\napi_base: http://localhost:1", 0, "", id="a server of one's own"),
        pytest.param("model: ollama/x", 0, "", id="a local model"),
        pytest.param("command: sh -c x", 0, "", id="a command that is there"),
        pytest.param("command: ./agent.sh now", 0, "", id="a command of the folder"),
        pytest.param("command: ./other.sh", 2, f"command: ./other.sh {GONE}", id="one that is not"),
        pytest.param("command: nosuchagent -p", 2, f"command: nosuchagent {GONE}", id="no such command"),
        pytest.param("budget: 5m\nstop: {hours: 0.2}", 3, FEW, id="too few hours"),
        pytest.param("budget: 5m\nstop: {hours: 0.5}", 0, "", id="hours enough"),
        pytest.param("budget: 1k tokens\nstop: {hours: 0.1}", 0, "", id="a budget without a time"),
    ],
)
def test_a_start_would_stumble(
    front: str, line: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "XAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    (tmp_path / "agent.sh").write_text("#!/bin/sh\n")
    (tmp_path / "agent.sh").chmod(0o755)
    found = list(doubts(f"---\n{front}\n---\n# T\n", tmp_path, running=False))
    assert [p.line for p in found] == [line] * bool(line)
    assert [p.message for p in found] == [message] * bool(line)


def test_what_the_daemon_has_is_its_own_affair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    text = "---\nmodel: openai/gpt-5\nbudget: 5m\nstop: {hours: 0.1}\n---\n# T\n"
    assert [p.key for p in doubts(text, tmp_path, running=True)] == ["stop.hours"]
