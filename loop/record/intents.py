"""What is asked of a campaign: the journal entries that the command and the language server append.

The daemon answers each of them once, by an Answered. A class says what is stored of one kind; no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StartRequested:
    """Intent: run this campaign; `overrides` are front matter keys given for this start, as text.

    `folder` is that of program.md, relative to the top of the working tree; None in journals that do not say.
    """

    overrides: dict[str, str] = field(default_factory=dict)
    folder: str | None = None


@dataclass(frozen=True)
class PauseRequested:
    """Intent: start no new run after the present experiment."""


@dataclass(frozen=True)
class ResumeRequested:
    """Intent: go on after a pause."""


@dataclass(frozen=True)
class StopRequested:
    """Intent: end the daemon; `now` interrupts the present run instead of waiting for its experiment."""

    now: bool = False


@dataclass(frozen=True)
class ProposeRequested:
    """Intent: measure this text of the canvas. It is adopted unless it crashes (the human decides).

    `base` is the commit whose text the human changed ("" for the incumbent): what was kept since is merged in.
    `removes` is the experiment whose hunk a revert takes out, when this is the cost of a reverted hunk; of several
    that wrote it in turn the last. The hypothesis names them all.
    """

    text: str
    hypothesis: str
    base: str = ""
    removes: int | None = None
    returns: int | None = None  # the experiment whose text this is, where the human returns to it


@dataclass(frozen=True)
class WithdrawRequested:
    """Intent: the human undid a revert of experiment `removes`; its price is wanted no more.

    Of one that was adopted it says that the human's own text has those lines again.
    `intent` is the sequence number of its ProposeRequested; None, in journals that do not say, means the newest.
    """

    removes: int
    intent: int | None = None


@dataclass(frozen=True)
class NoteAdded:
    """Intent: a remark of the human that the next prompt carries; `experiment` when it is about one."""

    text: str
    experiment: int | None = None


@dataclass(frozen=True)
class VerifyRequested:
    """Intent: measure best and baseline in `pairs` fresh pairs, and what the `keeps` largest keeps still bring."""

    pairs: int = 3
    keeps: int = 0


Intent = (
    StartRequested
    | PauseRequested
    | ResumeRequested
    | StopRequested
    | ProposeRequested
    | WithdrawRequested
    | NoteAdded
    | VerifyRequested
)
