"""Commands that accept hunks, and that commit what was accepted.

Hunks are found by content in the text as it is now; a version or a hunk that is not there any more changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from loop.record.types import Refused
from loop.record.values import counted
from loop.review import accepting
from loop.text.lineage import in_order
from loop.text.numbers import names
from server.asked import (
    FACT_S,
    Arguments,
    Result,
    campaign_asked,
    canvas_asked,
    folder_asked,
    hunk_asked,
    hunks_asked,
    hunks_of_experiment,
    work,
)
from server.reading import Pending
from server.session import Session
from server.target import Canvas

Choice = Callable[[Canvas], Sequence[Pending]]


async def accept_hunk(session: Session, arguments: Arguments) -> Result:
    """Accept one hunk: the reviewed base moves, no text does."""
    return await _accept(session, arguments, lambda canvas: [hunk_asked(canvas, arguments)])


async def accept_experiment(session: Session, arguments: Arguments) -> Result:
    """Accept every hunk that an experiment wrote, whole: where others wrote in it too, theirs goes along."""
    return await _accept(session, arguments, lambda canvas: hunks_of_experiment(canvas, arguments)[1])


async def accept_all(session: Session, arguments: Arguments) -> Result:
    """Accept every hunk that experiments wrote; the user's own edits are not theirs to accept."""
    return await _accept(session, arguments, hunks_asked)


async def _accept(session: Session, arguments: Arguments, choose: Choice) -> Result:
    """Accept what is chosen, one accept after another: a quick second one is cut from the base that the first made.

    Both were shown on one text, and a hunk is found by content, so the second is good as long as that text is there.
    """
    folder, again = folder_asked(session, arguments), True
    async with session.accepting[folder]:
        while True:
            canvas = await canvas_asked(session, arguments)
            taken, base = choose(canvas), canvas.review.reviewed.commit
            try:
                return await _take(session, canvas, taken)
            except Refused:  # the base has moved, and we have not seen it yet
                if not again or not await _moves(session, folder, base):
                    raise
                again = False


async def _moves(session: Session, folder: Path, base: str) -> bool:
    """Return whether the accepted base is seen to be another one."""
    return await session.until(lambda: _base(session, folder) != base, FACT_S)


def _base(session: Session, folder: Path) -> str | None:
    state = session.snapshot(folder).review
    return state.reviewed.commit if state else None


async def _take(session: Session, canvas: Canvas, taken: Sequence[Pending]) -> Result:
    state = canvas.review
    experiments = in_order(state.kept.line, {n for pending in taken for n in pending.experiments})
    hunks = [pending.hunk for pending in taken]
    now = await work(accepting.accept, canvas.folder, canvas.ledger, state.reviewed, hunks, experiments)
    session.watcher.poke()
    await session.until(lambda: _base(session, canvas.folder) == now.commit, FACT_S)
    what = f"{counted(len(taken), 'hunk')} of {', '.join(f'#{n}' for n in experiments)}"
    return {"message": f"accepted {what}", "accepted": len(taken), "experiments": list(experiments), "base": now.commit}


async def commit_accepted(session: Session, arguments: Arguments) -> Result:
    """Put one commit for each accepted experiment on the user's branch."""
    target = await campaign_asked(session, arguments)
    state = target.snapshot.review
    if state is None:
        raise Refused(target.snapshot.trouble or "nothing was accepted yet")
    text = target.document.lines if target.document else None
    made = await work(accepting.commit_accepted, target.folder, target.ledger, state.kept, state.reviewed, text)
    commits = [{"experiment": wrote[-1], "experiments": list(wrote), "commit": commit} for wrote, commit in made]
    whose = ", ".join(f"#{wrote[-1]}" + (f" (with {names(wrote[:-1])})" if wrote[1:] else "") for wrote, _ in made)
    return {"message": f"committed {whose}, {counted(len(made), 'commit')} on your branch", "commits": commits}
