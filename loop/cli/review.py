"""The verbs by which a human takes over: best, return, propose."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from loop.cli.options import CAMPAIGN, FOLDER, MAYBE_NUMBER, NUMBER
from loop.control import control
from loop.record.types import Refused
from loop.text.numbers import visible


@click.command()
@FOLDER
@CAMPAIGN
@MAYBE_NUMBER
@click.option("--write", is_flag=True, help="Write it over the canvas in the campaign's folder.")
def best(folder: Path, campaign: str | None, number: int | None, write: bool) -> None:
    """Print the best canvas, or that of experiment NUMBER, without git."""
    from loop.review.best import read_best, write_best

    ledger = control.load(folder, campaign)
    experiment, text, said = read_best(folder, ledger, number)
    if write:
        print(f"{write_best(folder, ledger, experiment, text)}: {said}")
        return
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    print(said, file=sys.stderr)


@click.command("return")
@FOLDER
@CAMPAIGN
@NUMBER
def return_(folder: Path, campaign: str | None, number: int) -> None:
    """Make an experiment's text the incumbent again; it is measured and adopted."""
    from loop.review.best import return_to

    print(return_to(folder, number, campaign).message)


@click.command()
@FOLDER
@CAMPAIGN
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--hypothesis", default="", metavar="TEXT", help="What you expect of it.")
@click.option("--as-is", is_flag=True, help="The file itself, also where that undoes kept patches.")
def propose(folder: Path, campaign: str | None, file: Path, hypothesis: str, as_is: bool) -> None:
    """Queue a version of the canvas written by you; it is adopted unless it crashes."""
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise Refused(f"{file}: cannot be read ({error.strerror}); name a version of the canvas") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    from loop.review.proposing import propose_file

    expected = hypothesis or f"a version of the canvas by hand, {file.name}"
    print(propose_file(folder, text, expected, campaign, as_is).message)
