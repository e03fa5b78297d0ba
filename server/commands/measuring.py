"""Commands that have something measured: the gain in fresh pairs, the human's own edit."""

from __future__ import annotations

import re

from lsprotocol import types as t

from loop.control import control
from loop.record.types import Refused
from loop.record.values import counted, pairs, whole
from loop.review.proposing import propose_text
from server.asked import Arguments, Result, campaign_asked, canvas_asked, work
from server.session import Session

VERIFY_PAIRS, MOST_KEEPS = 3, 1000
HALF = re.compile("[\ud800-\udfff]")  # of two that are one character in UTF-16


async def verify(session: Session, arguments: Arguments) -> Result:
    """Measure best and baseline in fresh pairs; what is impossible is refused before a daemon is started for it."""
    target = await campaign_asked(session, arguments)
    try:
        count = pairs(str(arguments.get("pairs", VERIFY_PAIRS)))
        keeps = whole(0, MOST_KEEPS, "5")(str(arguments.get("keeps", 0)))
    except ValueError as error:
        raise Refused(f"verify: {error}") from error
    if not count:
        raise Refused("a verification needs two pairs at the least")
    best = control.to_verify(target.ledger)
    if not arguments.get("quiet"):  # most clients show no result, and a daemon takes a moment to start
        said = f"asked to verify #{best.number} against the baseline in {counted(count, 'fresh pair')}"
        session.say(t.MessageType.Info, said)
    answer = await work(control.verify, target.folder, count, keeps, target.campaign)
    return {"message": answer.message, "campaign": answer.campaign, "experiment": best.number}


async def measure_edit(session: Session, arguments: Arguments) -> Result:
    """Queue the buffer as it is as a human's proposal."""
    canvas = await canvas_asked(session, arguments)
    reading, name = canvas.reading, canvas.snapshot.canvas
    if tuple(reading.lines) == canvas.review.kept.line.lines:
        raise Refused("this text is the incumbent; there is nothing to measure")
    for number, line in enumerate(reading.lines, 1):
        if HALF.search(line):
            raise Refused(f"{name}, line {number}: half a character, which no file can hold; retype it")
    given = arguments.get("hypothesis")
    hypothesis = given if isinstance(given, str) and given.strip() else f"an edit of {name} by hand"
    where = (canvas.folder, canvas.ledger, canvas.review.kept)
    answer = await work(propose_text, *where, reading.held, hypothesis)
    return {"message": answer.message, "campaign": answer.campaign}
