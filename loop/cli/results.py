"""The verbs that show what a campaign does and found: status, watch, results, show, diff, report."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from loop.cli.options import CAMPAIGN, FOLDER, NUMBER
from loop.control import control
from loop.record.experiment import Experiment
from loop.text.numbers import plain, precise, visible
from loop.views.experiments import cost_text, verdict_text
from loop.views.state import message_text, sandbox_text
from loop.views.status import status_dict, status_line


@click.command()
@FOLDER
@CAMPAIGN
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(folder: Path, campaign: str | None, as_json: bool) -> None:
    """Say what the campaign is doing."""
    from loop.views.claims import claim, headline, selected

    ledger = control.load(folder, campaign)
    progress = control.progress(folder, ledger)
    alive, silent = control.is_running(folder, ledger), control.silent_s(folder)
    if as_json:
        print(json.dumps({**status_dict(ledger, progress, alive, silent), **asdict(claim(ledger))}))
        return
    print(status_line(ledger, progress, alive, silent))
    if ledger.keeps or ledger.verifications:
        print(f"{headline(ledger)}\n{selected(ledger)}")
    for message in filter(None, (message_text(ledger, alive, silent), sandbox_text(ledger))):
        print(message)


@click.command()
@FOLDER
@CAMPAIGN
def watch(folder: Path, campaign: str | None) -> None:
    """Show the live table; can be closed without harm."""
    from loop.views.watch import watch

    watch(folder, campaign)


@click.command()
@FOLDER
@CAMPAIGN
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
@click.option("--tsv", "as_tsv", is_flag=True, help="Tab-separated, with a header.")
def results(folder: Path, campaign: str | None, as_json: bool, as_tsv: bool) -> None:
    """List the experiments."""
    if as_json and as_tsv:
        raise click.UsageError("--json and --tsv exclude each other")
    from loop.views.tables import results_rows

    ledger = control.load(folder, campaign)
    rows = results_rows(ledger)
    if as_json:
        print(json.dumps(rows, indent=1))
    elif as_tsv:
        writer = csv.DictWriter(sys.stdout, list(rows[0]) if rows else [], dialect="excel-tab", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        for row in rows:
            print(_line(row, ledger.experiments[row["experiment"]]))


def _line(row: dict[str, Any], experiment: Experiment) -> str:
    score = "" if row["score"] is None else precise(row["score"])
    delta = "" if row["delta"] is None else ("+" if row["delta"] >= 0 else "") + precise(row["delta"])
    otherwise = verdict_text(experiment, short=True)
    verdict = otherwise if experiment.unknown else row["verdict"] or row["outcome"] or otherwise
    return f"#{row['experiment']:<4} {score:>9} {delta:>10} {verdict:<8} {row['reason'] or '':<12} {row['hypothesis']}"


@click.command()
@FOLDER
@CAMPAIGN
@NUMBER
def show(folder: Path, campaign: str | None, number: int) -> None:
    """Show one experiment: hypothesis, runs, verdict and its reason."""

    experiment = control.load(folder, campaign).find(number)
    print(f"#{experiment.number}  {plain(experiment.hypothesis)}")
    print(", ".join(filter(None, (f"by {plain(experiment.proposer)}", cost_text(experiment.cost)))))
    print(f"commit {experiment.commit[:12]}, {experiment.train_seconds:.0f} s training")
    if experiment.expected:
        print(f"expected: {plain(experiment.expected)}")
    for run in experiment.runs:
        score = "" if run.score is None else f"  {precise(run.score)} ({run.source})"
        failure = "" if run.failure is None else f"  {plain(run.failure.told)}"
        print(f"run {run.attempt}: {run.purpose}, seed {run.seed}, {run.outcome or 'running'}{score}{failure}")
    if experiment.unknown:
        kept = "it was kept, as the branch says" if experiment.was_kept else "it may have been measured"
        print(f"restored from git: what was known of it is lost with the journal, and {kept}")
        return
    print(f"{experiment.verdict or 'no verdict yet'} ({experiment.reason or '-'}): {plain(experiment.explanation)}")


@click.command()
@FOLDER
@CAMPAIGN
@NUMBER
@click.option("--baseline", is_flag=True, help="Against the baseline, not the text it was a patch to.")
def diff(folder: Path, campaign: str | None, number: int, baseline: bool) -> None:
    """Show what an experiment changes in the canvas."""

    ledger = control.load(folder, campaign)
    experiment = ledger.find(number)
    base = experiment.parent
    if baseline or not base:
        base = ledger.experiments[0].commit
    patch = control.diff(folder, ledger, base, experiment.commit)
    sys.stdout.write(visible(patch) if sys.stdout.isatty() else patch)  # a pipe may end in `git apply`


@click.command()
@FOLDER
@CAMPAIGN
@click.option("--json", "as_json", is_flag=True, help="One JSON object: where they are, and the summary.")
def report(folder: Path, campaign: str | None, as_json: bool) -> None:
    """Write results.tsv, progress.png and report.html."""
    from loop.control import exporting

    written = exporting.write(folder, campaign)
    print(json.dumps(vars(written), default=str) if as_json else written.message)
