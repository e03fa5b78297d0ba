"""Commands about the campaign: start, pause, resume, stop, status, note, report."""

from __future__ import annotations

from codecs import BOM_UTF8

from loop.control import control, exporting, queueing
from loop.record.types import Refused
from loop.setup.campaigns import unfinished
from loop.text.diff import BOM
from server.asked import FACT_S, Arguments, Result, campaign_asked, experiment_asked, target_asked, work
from server.documents import Role
from server.news import describe
from server.session import Session
from server.snapshot import Snapshot
from server.target import Target


async def start(session: Session, arguments: Arguments) -> Result:
    """Start or continue the campaign of a folder; what is not saved is not measured, and is named.

    Where the human picked an older campaign that has not ended, that one continues: it is what the button is about.
    """
    target = target_asked(session, arguments)
    folder, ledger = target.folder, target.snapshot.ledger
    overrides = arguments.get("overrides") or {}
    if not isinstance(overrides, dict):
        raise Refused("overrides: give an object such as {experiments: 8}")
    texts = {str(k): str(v) for k, v in overrides.items()}
    dirty = unsaved(session, target.snapshot)
    new, campaign = bool(arguments.get("new")), arguments.get("campaign")
    picked = ledger is not None and ledger.campaign != next(iter(target.snapshot.campaigns), None)
    if not isinstance(campaign, str):
        campaign = ledger.campaign if ledger and picked and not new and unfinished(ledger) else None
    answer = await work(control.start, folder, texts, campaign, new)
    if ledger and (picked or ledger.campaign != answer.campaign):
        session.watcher.pick(folder, None)  # what was started is the folder's last, and is shown from now on
    session.watcher.poke()
    await _until_shown(session, target, answer.campaign)
    message = answer.message + (f"; not saved, so not measured: {', '.join(dirty)}" if dirty else "")
    return {"message": message, "campaign": answer.campaign, "unsaved": dirty}


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


async def _until_shown(session: Session, target: Target, campaign: str) -> None:
    """Wait until a campaign is the one that is shown of its folder."""
    await session.until(lambda: session.target(target.folder).campaign == campaign, FACT_S)


async def pause(session: Session, arguments: Arguments) -> Result:
    """Pause after the present experiment."""
    target = target_asked(session, arguments)
    return _told(await work(control.pause, target.folder, target.campaign))


async def resume(session: Session, arguments: Arguments) -> Result:
    """Let a paused campaign run again."""
    target = target_asked(session, arguments)
    return _told(await work(control.resume, target.folder, target.campaign))


async def stop(session: Session, arguments: Arguments) -> Result:
    """End the daemon after the present experiment, or at once with {now: true}."""
    target = target_asked(session, arguments)
    return _told(await work(control.stop, target.folder, target.campaign, bool(arguments.get("now"))))


def _told(answer: control.Answer) -> Result:
    return {"message": answer.message, "campaign": answer.campaign}


async def status(session: Session, arguments: Arguments) -> Result:
    """Say what the campaign is doing; {campaign: name} shows another one of this folder from now on."""
    target = target_asked(session, arguments)
    picked = arguments.get("campaign")
    if isinstance(picked, str):
        names = target.snapshot.campaigns
        if picked not in names:
            raise Refused(f"no campaign {picked[:60]} here; there are: {', '.join(names) or 'none'}")
        session.watcher.pick(target.folder, picked)
        await _until_shown(session, target, picked)
    snapshot = session.snapshot(target.folder)
    told = describe(snapshot)
    return {**told, "ok": not snapshot.trouble, "message": snapshot.trouble or snapshot.line or "no campaign yet"}


async def note(session: Session, arguments: Arguments) -> Result:
    """Tell the proposer something."""
    text = arguments.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Refused("what shall the proposer know? give {text: ...}")
    target = await campaign_asked(session, arguments)
    about = experiment_asked(target, arguments).number if arguments.get("experiment") is not None else None
    return _told(await work(queueing.note, target.folder, text, about, target.campaign))


async def report(session: Session, arguments: Arguments) -> Result:
    """Write the exports into the campaign's folder, in a process of their own."""
    target = await campaign_asked(session, arguments)
    written = await work(exporting.write_apart, target.folder, target.campaign)
    return {"message": written.message, "path": str(written.page)}
