"""The one way that a text is changed: a versioned edit that the editor applies, believed when its buffer shows it.

The server never writes the user's files: the editor is asked to change its buffer, and what it then shows counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from lsprotocol import types as t

from loop.record.types import Refused
from server.documents import Document
from server.session import Session

log = logging.getLogger(__name__)

ANSWER_S = 120.0  # eglot asks its user before it applies an edit
SEEN_S = 5.0  # from the client's answer to the change of the text


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
