"""One night through the eyes of five clients: the real server, the real daemon, a canvas that trains for milliseconds.

Where a client draws no lenses, the same journey goes through code actions, hovers and diagnostics.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as t

from loop.control import control
from loop.record.types import State, Verdict
from loop.text.numbers import names
from tests import stub
from tests.server.editor import DEADLINE_S, DRAWS, ROOT, SERVER, Editor, editing

PROGRAM = stub.PROGRAM.replace("{experiments: 6}", "{experiments: 300, plateau: none}")


@pytest.mark.parametrize("client", list(DRAWS))
async def test_a_night_in(client: str, tmp_path: Path) -> None:
    folder = stub.make_campaign(tmp_path / "über repo", PROGRAM)
    try:
        async with editing(client, folder) as editor:
            review = await _first_half(editor)
        async with editing(client, folder) as editor:
            await _second_half(editor, review)
    finally:
        if stub.is_alive(stub.find_home(folder)):
            control.ask(folder, stub_stop())
        stub.gone(folder)


def stub_stop() -> Any:
    from loop.record.intents import StopRequested

    return StopRequested(now=True)


async def _first_half(editor: Editor) -> dict[str, Any]:
    program, canvas = editor.open(editor.folder / "program.md"), editor.open(editor.folder / "train.py")
    text = editor.buffers[canvas].text

    start = await editor.until(lambda: editor.button(program, "▶ Start campaign"))
    lines = len({lens.range.start.line for lens in await editor.lenses(program)})
    began = await editor.press(start)
    told = ("python train.py", "the daemon has not answered for")  # the second of a machine that lets nobody work
    assert began["ok"] and any(words in began["message"] for words in told)

    await editor.until(lambda: editor.button(program, "⏸ Pause"))
    await editor.until(lambda: _behind(editor, canvas, at_least=2))
    assert len({lens.range.start.line for lens in await editor.lenses(program)}) == lines, "text must not jump"
    await editor.until(lambda: _seen(any("best" in (v.message or "") for v in editor.progress())))
    paused = await editor.press(await editor.until(lambda: editor.button(program, "⏸ Pause")))
    assert paused["ok"]
    await editor.until(lambda: editor.button(program, "▶ Resume"))

    await editor.press(await editor.until(lambda: editor.button(canvas, "Pull")))
    assert editor.buffers[canvas].text != text, "a pull shows in the buffer"
    pending = await editor.until(lambda: _pending(editor, canvas, at_least=2))
    assert (editor.folder / "train.py").read_text() == text, "nobody writes the user's file"

    accepted, reverted = pending[0].range.start.line, pending[-1].range.start.line
    if editor.draws_hints:
        hints = await editor.hints(canvas)
        assert {accepted, reverted} <= set(hints) and all(len(label) <= 30 for label in hints.values())
    assert "Waits for review" in await editor.hover(canvas, reverted)

    result = await editor.press(await editor.until(lambda: editor.button(canvas, "Accept", accepted)))
    assert result["ok"], result
    await editor.until(lambda: _seen(len(editor.diagnostics(canvas)) == len(pending) - 1))

    before = editor.buffers[canvas].text
    result = await editor.press(await editor.until(lambda: editor.button(canvas, "Revert", reverted)))
    assert result["ok"] and result["measured"], result
    number = result["experiment"]
    assert editor.buffers[canvas].text != before
    await editor.press(await editor.until(lambda: editor.button(program, "▶ Resume")))
    price = await editor.until(lambda: _ablation(editor, number))
    assert f"Without {names(result['experiments'])}: " in price and result["experiments"][-1] == number

    undone = await editor.run("undoRevert", uri=canvas)
    assert undone["ok"], undone
    assert editor.buffers[canvas].text == before, "undo brings the very bytes back"

    stopped = await editor.press(await editor.until(lambda: editor.button(program, "■ Stop")))
    assert stopped["ok"]
    await editor.until(lambda: editor.button(program, "▶ Continue"))
    pending = await editor.until(lambda: _pending(editor, canvas, at_least=1))
    return {"text": before, "pending": [(d.range, d.message) for d in pending], "hints": await editor.hints(canvas)}


async def _second_half(editor: Editor, review: dict[str, Any]) -> None:
    """A new server, after the editor was closed: everything is as it was."""
    canvas = editor.open(editor.folder / "train.py", review["text"])
    program = editor.open(editor.folder / "program.md")
    pending = await editor.until(lambda: _pending(editor, canvas, at_least=1))
    assert [(d.range, d.message) for d in pending] == review["pending"]
    assert await editor.hints(canvas) == review["hints"]
    assert await editor.button(program, "▶ Continue")
    ledger = control.load(editor.folder)
    assert ledger.state in (State.STOPPED, State.FINISHED)


async def _seen(holds: bool) -> bool:
    return holds


async def _behind(editor: Editor, canvas: str, at_least: int) -> bool:
    """Return whether the file is said to lag behind by so many keeps: by lens and, for every client, by hover."""
    words = await editor.hover(canvas, 0)
    if not editor.draws_lenses:
        return _count(words) >= at_least
    titles = [lens.command.title for lens in await editor.lenses(canvas) if lens.command]
    return bool(titles) and _count(titles[0]) >= at_least


def _count(words: str) -> int:
    before = words.partition(" kept patch")[0].split()
    return int(before[-1]) if before and before[-1].isdigit() else 0


async def _pending(editor: Editor, canvas: str, at_least: int) -> list[t.Diagnostic] | None:
    found = [d for d in editor.diagnostics(canvas) if "waits for review" in d.message]
    return found if len(found) >= at_least else None


async def _ablation(editor: Editor, number: int) -> str | None:
    """Return the cost of a revert once it is measured, as any client can see it: in the table of results."""
    ledger = control.load(editor.folder)
    found = [e for e in ledger.experiments.values() if e.removes == number and e.verdict is Verdict.KEEP]
    if not found:
        return None
    shown = await editor.run("showExperiment", experiment=found[0].number)
    text = Path(shown["path"]).read_text()
    return text if "keep" in text else None


async def test_an_editor_that_is_killed_takes_its_server_along_and_not_the_night(tmp_path: Path) -> None:
    folder = stub.make_campaign(tmp_path / "c", PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(*SERVER, stdin=pipe, stdout=pipe, env=environment)
    assert server.stdin is not None

    def send(number: int, method: str, params: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
        server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)  # type: ignore[union-attr]

    try:
        send(1, "initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
        send(2, "workspace/executeCommand", {"command": "autoresearch.start", "arguments": [{"folder": str(folder)}]})
        await asyncio.to_thread(_judged, folder, 1)
        for number in range(3, 60):
            send(number, "workspace/executeCommand", {"command": "autoresearch.pause", "arguments": [{}] * 2})
            send(-number, "autoresearch/history", {"folder": str(folder)})
        server.stdin.close()  # nobody reads what the server says any more
        server._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(server.wait(), DEADLINE_S) == 0
        await asyncio.to_thread(_judged, folder, control.load(folder).judged + 2)
    finally:
        control.ask(folder, stub_stop())
        stub.gone(folder)


def _judged(folder: Path, count: int) -> None:
    """Wait until so many experiments have a verdict."""
    end = time.monotonic() + DEADLINE_S
    while not stub.entries(folder):
        assert time.monotonic() < end, "no campaign has begun"
        time.sleep(0.02)
    stub.until(folder, lambda ledger: ledger.judged >= count)


async def test_what_is_not_saved_is_named_and_cancelling_the_progress_pauses(tmp_path: Path) -> None:
    folder = stub.make_campaign(tmp_path / "c", PROGRAM)
    try:
        async with editing("eglot", folder) as editor:
            canvas = editor.open(folder / "train.py")
            program = editor.open(folder / "program.md")
            editor.type(canvas, editor.buffers[canvas].text + "# not saved\n")
            began = await editor.run("start", uri=program)
            assert began["ok"] and began["unsaved"] == ["train.py"] and "not saved" in began["message"]
            await editor.until(lambda: _seen(bool(editor.progress())))
            (token,) = editor.client.progress_reports
            editor.client.window_work_done_progress_cancel(t.WorkDoneProgressCancelParams(token))
            await editor.until(lambda: editor.button(program, "▶ Resume"))
            assert editor.buffers[canvas].text.endswith("# not saved\n")
            assert (await editor.run("stop", uri=program, now=True))["ok"]
    finally:
        stub.gone(folder)
