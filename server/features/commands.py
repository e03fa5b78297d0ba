"""Commands about the campaign, and how every command is run: one object in, one out that says what happened.

What may wait runs in a worker thread. A refusal is a result too: {"ok": false, "message": the sentence}.
"""

from __future__ import annotations

import asyncio
import logging
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as t

from loop.record.types import AutoResearchError, Refused
from loop.record.values import counted, pairs, whole
from loop.text.diff import BOM
from server.documents import Document, Role
from server.publish import describe
from server.snapshot import Snapshot

if TYPE_CHECKING:
    from server.session import Session

log = logging.getLogger(__name__)

Result = dict[str, Any]
Arguments = dict[str, Any]
Command = Callable[["Session", Arguments], Awaitable[Result]]
VERIFY_PAIRS, MOST_KEEPS = 3, 1000
FACT_S = 2.0  # an answer waits this long for its fact, so that whoever looks next sees it


async def execute(session: Session, name: str, given: list[Any] | None) -> Result:
    """Run a command of the table below; never raises for what a user can do wrong."""
    from server.features import reverting, review, showing

    table = {**COMMANDS, **showing.COMMANDS, **review.COMMANDS, **reverting.COMMANDS}
    arguments = given[0] if given else {}
    if name not in table:
        return {"ok": False, "message": f"{name[:100]}: no such command"}
    if not isinstance(arguments, dict) or (given and len(given) > 1):
        return {"ok": False, "message": f"{name}: takes one object, such as {{uri: ...}}"}
    try:
        result = {"ok": True, **await table[name](session, arguments)}
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
    sentence = f"{name}: {result['message']}"
    session.server.window_log_message(t.LogMessageParams(t.MessageType.Info, sentence))
    if not result["ok"] and not quiet:
        session.say(t.MessageType.Warning, result["message"])


def snapshot_asked(session: Session, arguments: Arguments) -> Snapshot:
    """Return the snapshot of the folder that a command is about; raises Refused."""
    return session.snapshot(session.folder_asked(arguments))


async def campaign_asked(session: Session, arguments: Arguments) -> Snapshot:
    """Return a snapshot with a campaign; raises Refused where there is none, or where it cannot be read."""
    folder = session.folder_asked(arguments)

    await session.until(lambda: session.snapshot(folder).looked, FACT_S)
    snapshot = session.snapshot(folder)
    if snapshot.ledger is None:
        raise Refused(snapshot.trouble or f"{folder.name}: no campaign has been started here")
    return snapshot


async def work(act: Callable[..., Any], *arguments: Any) -> Any:
    """Run something that waits for git, files or the daemon in a worker thread."""
    return await asyncio.to_thread(act, *arguments)


def experiment_asked(snapshot: Snapshot, arguments: Arguments) -> Any:
    """Return the experiment that a command names; raises Refused."""

    given = arguments.get("experiment")
    if not isinstance(given, int) or isinstance(given, bool):
        raise Refused("which experiment? give {experiment: 17}")
    assert snapshot.ledger is not None
    return snapshot.ledger.find(given)


def unsaved(session: Session, snapshot: Snapshot) -> list[str]:
    """Return the open files of a campaign whose text is not what is on disk."""
    names = []
    for document in session.documents.values():
        if snapshot.role(document) in (Role.PROGRAM, Role.CANVAS):
            try:
                disk = document.path.read_bytes().removeprefix(BOM_UTF8)
                if disk != document.text.removeprefix(BOM).encode("utf-8", "surrogatepass"):
                    names.append(document.name)
            except OSError:
                names.append(document.name)
    return names


# ---- the campaign ----------------------------------------------------------------------------------------------------


async def start(session: Session, arguments: Arguments) -> Result:
    """Start or continue the campaign of a folder; what is not saved is not measured, and is named.

    Where the human picked an older campaign that has not ended, that one goes on: it is what the button is about.
    """
    from loop.control import control
    from loop.setup.campaigns import unfinished

    snapshot = snapshot_asked(session, arguments)
    overrides = arguments.get("overrides") or {}
    if not isinstance(overrides, dict):
        raise Refused("overrides: give an object such as {experiments: 8}")
    texts = {str(k): str(v) for k, v in overrides.items()}
    dirty = unsaved(session, snapshot)
    new, campaign, ledger = bool(arguments.get("new")), arguments.get("campaign"), snapshot.ledger
    picked = ledger is not None and ledger.campaign != next(iter(snapshot.campaigns), None)
    if not isinstance(campaign, str):
        campaign = ledger.campaign if ledger and picked and not new and unfinished(ledger) else None
    answer = await work(control.start, snapshot.folder, texts, campaign, new)
    if ledger and (picked or ledger.campaign != answer.campaign):
        session.watcher.pick(snapshot.folder, None)  # what was started is the folder's last, and is shown from now on
    session.watcher.poke()
    await session.until(lambda: name_of(session.snapshot(snapshot.folder)) == answer.campaign, FACT_S)
    message = answer.message + (f"; not saved, so not measured: {', '.join(dirty)}" if dirty else "")
    return {"message": message, "campaign": answer.campaign, "unsaved": dirty}


def _shown(session: Session, arguments: Arguments) -> tuple[Path, str | None]:
    """Return the folder that a command is about and the campaign that the editor shows of it."""
    snapshot = snapshot_asked(session, arguments)
    return snapshot.folder, name_of(snapshot)


def name_of(snapshot: Snapshot) -> str | None:
    """Return the campaign that a snapshot shows."""
    return snapshot.ledger.campaign if snapshot.ledger else None


def _asks(verb: str) -> Command:
    async def command(session: Session, arguments: Arguments) -> Result:
        from loop.control import control

        folder, shown = _shown(session, arguments)
        answer = await work(getattr(control, verb), folder, shown)
        return {"message": answer.message, "campaign": answer.campaign}

    return command


async def stop(session: Session, arguments: Arguments) -> Result:
    """End the daemon after the present experiment, or at once with {now: true}."""
    from loop.control import control

    folder, shown = _shown(session, arguments)
    answer = await work(control.stop, folder, shown, bool(arguments.get("now")))
    return {"message": answer.message, "campaign": answer.campaign}


async def status(session: Session, arguments: Arguments) -> Result:
    """Say what the campaign is doing; {campaign: name} shows another one of this folder from now on."""
    folder = session.folder_asked(arguments)
    picked = arguments.get("campaign")
    if isinstance(picked, str):
        names = session.snapshot(folder).campaigns
        if picked not in names:
            raise Refused(f"no campaign {picked[:60]} here; there are: {', '.join(names) or 'none'}")
        session.watcher.pick(folder, picked)

        def shown() -> bool:
            ledger = session.snapshot(folder).ledger
            return ledger is not None and ledger.campaign == picked

        await session.until(shown, FACT_S)
    snapshot = session.snapshot(folder)
    told = describe(snapshot)
    return {**told, "ok": not snapshot.trouble, "message": snapshot.trouble or snapshot.line or "no campaign yet"}


async def note(session: Session, arguments: Arguments) -> Result:
    """Tell the proposer something."""
    from loop.control import control

    text = arguments.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Refused("what shall the proposer know? give {text: ...}")
    about = arguments.get("experiment")
    snapshot = await campaign_asked(session, arguments)
    about = experiment_asked(snapshot, arguments).number if about is not None else None
    answer = await work(control.note, snapshot.folder, text, about, name_of(snapshot))
    return {"message": answer.message, "campaign": answer.campaign}


async def report(session: Session, arguments: Arguments) -> Result:
    """Write the exports into the campaign's folder, in a process of their own."""
    from loop.control import exporting

    snapshot = await campaign_asked(session, arguments)
    written = await work(exporting.write_apart, snapshot.folder, name_of(snapshot))
    return {"message": written.message, "path": str(written.page)}


async def verify(session: Session, arguments: Arguments) -> Result:
    """Measure best and baseline in fresh pairs; what is impossible is refused before a daemon is started for it."""
    from loop.control import control

    snapshot = await campaign_asked(session, arguments)
    assert snapshot.ledger is not None
    try:
        count = pairs(str(arguments.get("pairs", VERIFY_PAIRS)))
        keeps = whole(0, MOST_KEEPS, "5")(str(arguments.get("keeps", 0)))
    except ValueError as error:
        raise Refused(f"verify: {error}") from error
    if not count:
        raise Refused("a verification needs two pairs at the least")
    best = control.to_verify(snapshot.ledger)
    if not arguments.get("quiet"):  # most clients show no result, and a daemon takes a moment to start
        said = f"asked to verify #{best.number} against the baseline in {counted(count, 'fresh pair')}"
        session.say(t.MessageType.Info, said)
    answer = await work(control.verify, snapshot.folder, count, keeps, name_of(snapshot))
    return {"message": answer.message, "campaign": answer.campaign, "experiment": best.number}


def document_asked(session: Session, arguments: Arguments) -> tuple[Document, Snapshot]:
    """Return the open canvas that a command is about; raises Refused."""
    looked = session.look(arguments.get("uri"))
    if looked is not None and looked[0].path == looked[1].folder / looked[1].canvas:
        return looked
    snapshot = snapshot_asked(session, arguments)
    uri = session.canvas_uri(snapshot)
    if uri is None:
        raise Refused(f"{snapshot.canvas}: open it first")
    return session.documents[uri], snapshot


COMMANDS: dict[str, Command] = {
    "autoresearch.start": start,
    "autoresearch.pause": _asks("pause"),
    "autoresearch.resume": _asks("resume"),
    "autoresearch.stop": stop,
    "autoresearch.status": status,
    "autoresearch.note": note,
    "autoresearch.report": report,
    "autoresearch.verify": verify,
}
