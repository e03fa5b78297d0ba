"""Documents that open and change, folders, commands and the custom requests: parameters in, session asked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.record.types import AutoResearchError
from server.convert import path_of
from server.features import commands, reverting, review, showing, texts

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)


def follow(session: Session, folders: Sequence[str]) -> None:
    """Look after those workspace folders that hold a campaign."""
    for uri in folders:
        path = path_of(uri)
        if path is not None and (path / "program.md").is_file():
            session.follow(path)


def folders(session: Session, params: t.DidChangeWorkspaceFoldersParams) -> None:
    """Folders have come into the window, or left it."""
    for gone in params.event.removed:
        path = path_of(gone.uri)
        if path is not None:
            session.forget(path)
    follow(session, [folder.uri for folder in params.event.added])


def opened(session: Session, params: t.DidOpenTextDocumentParams) -> None:
    session.opened(params)
    reverting.look_for_undo(session, params.text_document.uri)  # an editor may read a file again by opening it again
    reverting.recall(session, params.text_document.uri)


def changed(session: Session, params: t.DidChangeTextDocumentParams) -> None:
    session.changed(params)
    reverting.look_for_undo(session, params.text_document.uri)


def closed(session: Session, params: t.DidCloseTextDocumentParams) -> None:
    session.closed(params)


def looked(session: Session, params: object) -> None:
    """A file was saved or has changed on disk: look now."""
    session.watcher.poke()


def execute(session: Session, params: t.ExecuteCommandParams) -> Any:
    """Run a command; once begun it is finished, whether or not the client still wants the answer."""
    import asyncio

    given = list(params.arguments or [])
    return asyncio.shield(session.server.wire.spawn(commands.execute(session, params.command, given)))


async def cancelled(session: Session, params: t.WorkDoneProgressCancelParams) -> None:
    """The cancel button of the progress means pause."""
    folder = session.publisher.reporter.tokens.get(str(params.token))
    if folder is not None:
        await commands.execute(session, "autoresearch.pause", [{"folder": str(folder)}])


def history(session: Session, params: object) -> Any:
    return _asked(showing.history, session, params)


def hunks(session: Session, params: object) -> Any:
    return _asked(review.hunks, session, params)


async def experiment(session: Session, params: object) -> Any:
    return await _waits(showing.experiment, session, params)


async def text(session: Session, params: object) -> Any:
    return await _waits(texts.text, session, params)


async def plan(session: Session, params: object) -> Any:
    return await _waits(texts.plan, session, params)


async def _waits(answer: Any, session: Session, params: object) -> Any:
    try:
        return await answer(session, params)
    except AutoResearchError as refusal:
        return {"ok": False, "message": str(refusal)}


def _asked(answer: Any, session: Session, params: object) -> Any:
    """Answer a custom request; a refusal is an answer too."""
    try:
        return answer(session, params)
    except AutoResearchError as refusal:
        return {"ok": False, "message": str(refusal)}
