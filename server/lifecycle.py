"""Documents that open and change, files that are saved, folders that come and go: parameters in, session told."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types as t

from server.commands.undoing import look_for_undo, recall
from server.convert import path_of
from server.session import Session


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
    look_for_undo(session, params.text_document.uri)  # an editor may read a file again by opening it again
    recall(session, params.text_document.uri)


def changed(session: Session, params: t.DidChangeTextDocumentParams) -> None:
    session.changed(params)
    look_for_undo(session, params.text_document.uri)


def closed(session: Session, params: t.DidCloseTextDocumentParams) -> None:
    session.closed(params)


def looked(session: Session, params: object) -> None:
    """A file was saved or has changed on disk: look now."""
    session.watcher.poke()
