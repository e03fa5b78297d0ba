"""The options and arguments that several verbs share, and what a shell may complete them with."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from loop.control import control
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.types import AutoResearchError
from loop.text.numbers import plain


def _folder(context: click.Context, _: click.Parameter, value: Path | None) -> Path:
    """Return the -C after the verb, else the one before it, else the working directory."""
    before = context.parent.params.get("folder") if context.parent else None
    return value or before or Path()


def _campaigns(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the campaigns of the repository whose name begins so."""
    try:
        with Journal(find_home(context.params["folder"]).journal, create=False) as journal:
            return [CompletionItem(name) for name in journal.campaigns() if name.startswith(typed)]
    except (AutoResearchError, OSError):
        return []


def _numbers(context: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the campaign's experiments whose number begins so, each with its hypothesis."""
    try:
        ledger = control.load(context.params["folder"], context.params.get("campaign"))
    except (AutoResearchError, OSError):
        return []
    experiments = sorted(ledger.experiments.items())
    return [CompletionItem(str(n), help=plain(e.hypothesis, 60)) for n, e in experiments if str(n).startswith(typed)]


FOLDER = click.option("-C", "folder", type=click.Path(path_type=Path), hidden=True, is_eager=True, callback=_folder)
CAMPAIGN = click.option(
    "--campaign",
    metavar="NAME",
    is_eager=True,
    shell_complete=_campaigns,
    help="The campaign that is meant; the folder's last one by default.",
)
NUMBER = click.argument("number", type=int, shell_complete=_numbers)
MAYBE_NUMBER = click.argument("number", type=int, required=False, shell_complete=_numbers)
