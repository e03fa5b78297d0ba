"""How every command is run: one object in, one out that says what happened.

What may wait runs in a worker thread. A refusal is a result too: {"ok": false, "message": the sentence}.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from lsprotocol import types as t

from loop.record.types import AutoResearchError
from server.asked import Result
from server.session import Session
from server.table import COMMANDS, load

log = logging.getLogger(__name__)


def execute(session: Session, params: t.ExecuteCommandParams) -> Any:
    """Run a command; once begun it is finished, whether or not the client still wants the answer."""
    return asyncio.shield(session.wire.spawn(run(session, params.command, list(params.arguments or []))))


async def cancelled(session: Session, params: t.WorkDoneProgressCancelParams) -> None:
    """The cancel button of the progress means pause."""
    folder = session.tokens.get(str(params.token))
    if folder is not None:
        await run(session, "autoresearch.pause", [{"folder": str(folder)}])


async def run(session: Session, name: str, given: list[Any]) -> Result:
    """Run a command by its name; never raises for what a user can do wrong."""
    arguments = given[0] if given else {}
    if name not in COMMANDS:
        return {"ok": False, "message": f"{name[:100]}: no such command"}
    if not isinstance(arguments, dict) or len(given) > 1:
        return {"ok": False, "message": f"{name}: takes one object, such as {{uri: ...}}"}
    try:
        result = {"ok": True, **await load(COMMANDS[name])(session, arguments)}
    except AutoResearchError as refusal:
        result = {"ok": False, "message": str(refusal)}
    except Exception as error:
        log.exception("%s failed", name)
        result = {"ok": False, "message": f"{name} failed ({type(error).__name__}); the server's log says why"}
    _tell(session, name, result, quiet=bool(arguments.get("quiet")))
    session.watcher.poke()
    return result


def _tell(session: Session, name: str, result: Result, quiet: bool) -> None:
    """Log every result; show a refusal, because most clients drop a command's result. `quiet` clients show it."""
    session.log(f"{name}: {result['message']}")
    if not result["ok"] and not quiet:
        session.say(t.MessageType.Warning, result["message"])
