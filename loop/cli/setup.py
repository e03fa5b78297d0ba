"""The verbs before a campaign and after a loss: init, doctor, import, rebuild."""

from __future__ import annotations

import json
from pathlib import Path

import click

from loop.cli.options import FOLDER
from loop.control import control, queueing
from loop.text.numbers import visible


@click.command()
@FOLDER
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--git", is_flag=True, help="Run 'git init' there if it is in no repository.")
@click.option(
    "--framework",
    type=click.Choice(["torch", "mlx"]),
    default="torch",
    help="In which train.py is written; docs/frameworks.md has others.",
)
def init(folder: Path, path: Path | None, git: bool, framework: str) -> None:
    """Make a campaign folder, PATH or the present one: program.md, prepare.py, train.py."""
    from loop.setup.init import init

    print(init(path or folder, git=git, framework=framework))


@click.command()
@FOLDER
@click.option("--full", is_flag=True, help="Prepare the data as well.")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
def doctor(folder: Path, full: bool, as_json: bool) -> int:
    """Check git, Python, device, data, key, sandbox and disk, and say what to do."""
    from loop.setup.doctor import diagnose

    checks = diagnose(folder, full=full)
    if as_json:
        print(json.dumps([vars(c) for c in checks], default=str))
    else:
        for check in checks:
            print(f"{check.level:<5} {check.name}: {check.finding}")
            if check.next_step:
                print(f"      {check.next_step}")
    return 1 if any(c.level == "fail" for c in checks) else 0


@click.command("import")
@FOLDER
@click.argument("file", required=False, default="results.tsv", type=click.Path(path_type=Path))
def import_(folder: Path, file: Path) -> None:
    """Take in the results.tsv of earlier nights as history for the next campaign."""
    from loop.git.repo import Repo
    from loop.settings.history import read_results

    repo = Repo(folder)
    canvas = repo.inside(control.read_program(folder).canvas)
    past = read_results(folder / file, lambda commit: repo.text_at(commit, canvas))
    print(queueing.take_in(folder, past).message)


@click.command()
@FOLDER
def rebuild(folder: Path) -> None:
    """Restore a lost or damaged journal from its backup, git and the evidence."""
    from loop.setup.rebuild import rebuild

    print(visible(rebuild(folder)))
