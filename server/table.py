"""Every method, request and command, and the function that answers it. Nothing else registers anything.

Functions are named by text and loaded when first needed: `initialize` is answered before any of them is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from lsprotocol import types as t

# About a document: called with (snapshot, document, encoding) and the parameters where the function takes them.
DOCUMENT = {
    t.TEXT_DOCUMENT_CODE_LENS: "features.lenses.code_lenses",
    t.TEXT_DOCUMENT_INLAY_HINT: "features.hints.inlay_hints",
    t.TEXT_DOCUMENT_HOVER: "features.hovers.hover",
    t.TEXT_DOCUMENT_CODE_ACTION: "features.actions.code_actions",
    t.TEXT_DOCUMENT_COMPLETION: "features.completion.complete",
    t.TEXT_DOCUMENT_DOCUMENT_SYMBOL: "features.symbols.symbols",
}
PLAIN = (t.TEXT_DOCUMENT_CODE_LENS, t.TEXT_DOCUMENT_DOCUMENT_SYMBOL)  # functions that need no parameters
EMPTY: dict[str, Any] = {t.TEXT_DOCUMENT_HOVER: None}  # the answer about what is not ours, [] where none is given

# About the session: called with (session, parameters).
SESSION = {
    t.TEXT_DOCUMENT_DID_OPEN: "lifecycle.opened",
    t.TEXT_DOCUMENT_DID_CHANGE: "lifecycle.changed",
    t.TEXT_DOCUMENT_DID_CLOSE: "lifecycle.closed",
    t.TEXT_DOCUMENT_DID_SAVE: "lifecycle.looked",
    t.WORKSPACE_DID_CHANGE_WATCHED_FILES: "lifecycle.looked",
    t.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: "lifecycle.folders",
    t.WORKSPACE_EXECUTE_COMMAND: "commands.execute.execute",
    t.WINDOW_WORK_DONE_PROGRESS_CANCEL: "commands.execute.cancelled",
    "autoresearch/history": "requests.history.history",
    "autoresearch/hunks": "requests.hunks.hunks",
    "autoresearch/experiment": "requests.history.experiment",
    "autoresearch/text": "requests.texts.text",
    "autoresearch/plan": "requests.texts.plan",
}

# Commands: called with (session, the one object that they take).
COMMANDS = {
    "autoresearch.start": "commands.campaign.start",
    "autoresearch.pause": "commands.campaign.pause",
    "autoresearch.resume": "commands.campaign.resume",
    "autoresearch.stop": "commands.campaign.stop",
    "autoresearch.status": "commands.campaign.status",
    "autoresearch.pull": "commands.pulling.pull",
    "autoresearch.acceptHunk": "commands.accepting.accept_hunk",
    "autoresearch.revertHunk": "commands.reverting.revert_hunk",
    "autoresearch.acceptExperiment": "commands.accepting.accept_experiment",
    "autoresearch.revertExperiment": "commands.reverting.revert_experiment",
    "autoresearch.acceptAll": "commands.accepting.accept_all",
    "autoresearch.undoRevert": "commands.undoing.undo_revert",
    "autoresearch.measureEdit": "commands.measuring.measure_edit",
    "autoresearch.note": "commands.campaign.note",
    "autoresearch.nextHunk": "commands.walking.next_hunk",
    "autoresearch.previousHunk": "commands.walking.previous_hunk",
    "autoresearch.showExperiment": "commands.showing.show_experiment",
    "autoresearch.showDiff": "commands.showing.show_diff",
    "autoresearch.showResults": "commands.showing.show_results",
    "autoresearch.report": "commands.campaign.report",
    "autoresearch.verify": "commands.measuring.verify",
    "autoresearch.commitAccepted": "commands.accepting.commit_accepted",
}


def load(row: str) -> Callable[..., Any]:
    """Return the function that a row names."""
    module, _, name = row.rpartition(".")
    function: Callable[..., Any] = getattr(import_module(f"server.{module}"), name)
    return function
