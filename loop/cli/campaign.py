"""The verbs that run a campaign: start, pause, resume, stop, verify, note."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from loop.cli.options import CAMPAIGN, FOLDER
from loop.control import control, queueing
from loop.record import values
from loop.record.types import Refused, State

OVERRIDES = (
    "model", "command", "budget", "experiments", "hours", "dollars", "tokens", "plateau", "devices", "data", "queue",
    "repeats", "verify",
)  # fmt: skip


def _overrides(start: Callable[..., int]) -> Callable[..., int]:
    """Add an option for each key of program.md that a start may replace."""
    for name in reversed(OVERRIDES):
        told = f"Instead of '{name}' in program.md, for this campaign."
        start = click.option(f"--{name}", metavar="VALUE", help=told)(start)
    return start


@click.command()
@FOLDER
@click.option("--foreground", is_flag=True, help="Show the live table; ends with the campaign.")
@click.option("--campaign", metavar="NAME", help="The campaign to continue or to make.")
@click.option("--new", is_flag=True, help="Make a new campaign although one is unfinished.")
@_overrides
def start(folder: Path, foreground: bool, campaign: str | None, new: bool, **overrides: str | None) -> int:
    """Start a campaign, or continue the unfinished one, in the background."""
    asked = {name: value for name, value in overrides.items() if value is not None}
    answer = control.start(folder, asked, campaign, new)
    print(answer.message)
    if not foreground:
        print("It keeps running when this terminal closes. Watch: 'autoresearch watch'. Stop: 'autoresearch stop'.")
        return 0
    from loop.views.watch import watch

    try:
        ledger = watch(folder, answer.campaign)
    except KeyboardInterrupt:
        control.stop(folder, answer.campaign, now=True)
        print("stopped; the run was interrupted and 'autoresearch start' makes it again")
        return 130
    return 0 if ledger.state is State.FINISHED else 1


@click.command()
@FOLDER
@CAMPAIGN
def pause(folder: Path, campaign: str | None) -> None:
    """Start no new run after the present experiment."""
    print(control.pause(folder, campaign).message)


@click.command()
@FOLDER
@CAMPAIGN
def resume(folder: Path, campaign: str | None) -> None:
    """Go on after a pause."""
    print(control.resume(folder, campaign).message)


@click.command()
@FOLDER
@CAMPAIGN
@click.option("--now", is_flag=True, help="Interrupt the present run; it is made again later.")
def stop(folder: Path, campaign: str | None, now: bool) -> None:
    """End the campaign's process after the present experiment; 'start' continues it."""
    print(control.stop(folder, campaign, now).message)


@click.command()
@FOLDER
@CAMPAIGN
@click.option("--pairs", default="3", metavar="N", help="How many pairs; 3 by default, two at the least.")
@click.option("--keeps", type=int, default=0, metavar="K", help="Also what the K largest keeps still bring.")
def verify(folder: Path, campaign: str | None, pairs: str, keeps: int) -> None:
    """Measure best and baseline anew in pairs, on seeds and rows that chose nothing."""
    try:
        count = values.pairs(pairs)
    except ValueError as error:
        raise Refused(f"--pairs: {error}") from error
    if not count or keeps < 0:
        raise Refused("a verification needs two pairs at the least, and --keeps a whole number")
    print(control.verify(folder, count, keeps, campaign).message)


class _Remark(click.Command):
    """A verb whose text may begin with a dash, as an item of a Markdown list does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what begins with a dash for text and not for an option where it has a space in it."""
        return super().parse_args(ctx, [f" {a}" if a.startswith("-") and " " in a else a for a in args])


@click.command(cls=_Remark)
@FOLDER
@CAMPAIGN
@click.argument("text")
@click.option("--experiment", type=int, metavar="N", help="The experiment that it is about.")
def note(folder: Path, campaign: str | None, text: str, experiment: int | None) -> None:
    """Leave a remark for the model or agent that proposes; the built-in search reads none."""
    print(queueing.note(folder, text.strip(), experiment, campaign).message)
