"""A small campaign that many tests look at: two keeps after the baseline; and the first looks at it."""

from __future__ import annotations

from pathlib import Path

from loop.record.experiment import Experiment
from loop.record.types import Author, Verdict
from server.reader import Reader
from server.snapshot import Snapshot
from tests.server.editor import Editor

BASE = "import os\nLR = 0.1\nWD = 0.2\n\n\ndef main():\n    print('val_bpb: 1.0')\n\n\nmain()\n"
THIRD = BASE.replace("LR = 0.1", "LR = 0.3")
FOURTH = THIRD.replace("    print", "    clip = 1.0\n    print")
PROGRAM = "---\nmodel: knobs\n---\n# Title\n\nProse.\n\n## Ideas\n\n- Try *larger* rates\n- other\n"


async def opened(editor: Editor, text: str, pending: int) -> str:
    """Open the canvas with this text and wait until so many hunks wait for review."""
    uri = editor.open(editor.folder / "train.py", text)

    async def seen() -> bool:
        hunks = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
        return await waiting(editor, uri, pending) and bool(hunks.base)

    await editor.until(seen)
    return uri


async def waiting(editor: Editor, uri: str, count: int) -> bool:
    """Return whether so many hunks are shown as waiting for review."""
    return len([d for d in editor.diagnostics(uri) if "waits for review" in d.message]) == count


async def first_hunk(editor: Editor, uri: str) -> str:
    """Return the id of the first hunk that waits."""
    hunks = await editor.client.protocol.send_request_async("autoresearch/hunks", {"uri": uri})
    return str(hunks.hunks[0].id)


async def told(editor: Editor, words: str) -> bool:
    """Return whether a message with these words was shown."""
    return any(words in m.message for m in editor.client.messages)


def seen(folder: Path) -> Snapshot:
    """Return what a reader sees of a folder at its first look."""
    snapshot = Reader(folder).poll()
    assert snapshot is not None
    return snapshot


def experiment(number: int, delta: float | None) -> Experiment:
    """Return a kept experiment that brought so much."""
    return Experiment(
        number, "c", "p", "why", Author.KNOBS, "knobs", 1, 1, 0.0, verdict=Verdict.KEEP, score=1.0, delta=delta,
        uncertainty=0.0003,
    )  # fmt: skip
