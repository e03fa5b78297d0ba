"""The one way that a text is changed: a versioned edit that the editor applies, believed when its buffer shows it.

The server never writes the user's files: the editor is asked to change its buffer, and what it then shows counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types as t

from loop.record.types import Refused
from server.convert import uri_of
from server.documents import Document
from server.features.commands import FACT_S, Arguments, campaign_asked, document_asked, experiment_asked
from server.features.showing import show_document
from server.snapshot import Pending, Reading, Review, Snapshot, read_canvas

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)

ANSWER_S = 120.0  # eglot asks its user before it applies an edit
SEEN_S = 5.0  # from the client's answer to the change of the text
OPEN_S = 5.0


async def canvas_asked(session: Session, arguments: Arguments) -> tuple[Document, Snapshot, Review, Reading]:
    """Return the open canvas and how it reads; opens it where the client can. Raises Refused."""
    snapshot = await campaign_asked(session, arguments)
    if not (snapshot.folder / "program.md").is_file():
        raise Refused(f"{snapshot.folder.name}: there is no program.md any more; bring it back, or stop the campaign")
    if session.canvas_uri(snapshot) is None:
        path = snapshot.folder / snapshot.canvas
        if await show_document(session, uri_of(path), None):
            await session.until(lambda: session.canvas_uri(snapshot) is not None, OPEN_S)
    await session.until(lambda: session.snapshot(snapshot.folder).review is not None, FACT_S)
    document, snapshot = document_asked(session, arguments | {"folder": str(snapshot.folder)})
    version = arguments.get("version")
    if version is not None and version != document.version:
        raise Refused(f"{document.name} has changed since this was shown; nothing was done, look again")
    if snapshot.review is None:
        raise Refused(snapshot.trouble or "the campaign's baseline is not recorded yet; try again in a moment")
    return document, snapshot, snapshot.review, read_canvas(snapshot.review, document)


def hunk_pending(reading: Reading, arguments: Arguments) -> Pending:
    """Return the hunk named by its id, or the one at a line; raises Refused."""
    pending = reading.find(arguments.get("hunk"))
    line = arguments.get("line")
    if pending is None and "hunk" not in arguments and isinstance(line, int):
        pending = reading.at(line)
    if pending is None:
        raise Refused("this hunk does not wait for review any more; nothing was done, look again")
    return pending


def every_pending(reading: Reading) -> list[Pending]:
    """Return every hunk that waits; raises Refused where none does."""
    if not reading.pending:
        raise Refused("nothing waits for review")
    return reading.pending


def experiment_pending(snapshot: Snapshot, reading: Reading, arguments: Arguments) -> tuple[int, list[Pending]]:
    """Return the experiment that was named and its hunks that wait; raises Refused where there is none."""
    number = experiment_asked(snapshot, arguments).number
    found = [pending for pending in reading.pending if number in pending.experiments]
    if not found:
        raise Refused(f"no hunk of #{number} waits for review")
    return number, found


async def apply_edit(session: Session, document: Document, lines: Sequence[str], label: str) -> None:
    """Have the editor change its buffer to these lines, and return when it shows them; raises Refused otherwise.

    An editor may end every text with a line end (Neovim does), so the last one is not looked at.
    """
    if session.documents.get(document.uri) is not document:
        raise Refused(f"{document.name} changed meanwhile; nothing was done, run it again")
    wanted = "".join(lines)
    if wanted == document.text:
        return
    seen = asyncio.ensure_future(session.until(lambda: _shows(session, document.uri, wanted), ANSWER_S + SEEN_S))
    try:
        edit = session.encoding.workspace_edit(document, lines)
        params = t.ApplyWorkspaceEditParams(edit, label=label)
        answer = await asyncio.wait_for(session.server.workspace_apply_edit_async(params), ANSWER_S)
        if not answer.applied:
            why = f" ({answer.failure_reason})" if answer.failure_reason else ""
            raise Refused(f"the editor did not apply the edit{why}; nothing was changed, run it again")
        await asyncio.wait({seen}, timeout=SEEN_S)
        if not seen.done() or not seen.result():
            raise Refused(
                "the editor says that it applied the edit, but its text shows otherwise; nothing was recorded"
            )
    except Refused:
        raise
    except Exception as error:
        log.info("applyEdit failed: %r", error)
        raise Refused(f"the editor refused the edit ({error}); nothing was changed") from error
    finally:
        seen.cancel()


def _shows(session: Session, uri: str, wanted: str) -> bool:
    document = session.documents.get(uri)
    return document is not None and _unended(document.text) == _unended(wanted)


def _unended(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
