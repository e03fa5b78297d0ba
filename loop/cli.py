"""The `autoresearch` command: arguments in, one function for each verb, sentences out.

Exit codes: 0, 1 for a refusal (its sentence on standard error), 2 for usage. Imports what a verb needs when it runs.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from loop.control import control
from loop.record import values
from loop.record.ledger import Ledger
from loop.record.types import AutoResearchError, Refused, State
from loop.text.numbers import plain, precise, visible
from loop.views.status import cost_text, message_text, sandbox_text, status_dict, status_line, verdict_text

OVERRIDES = (
    "model", "command", "budget", "experiments", "hours", "dollars", "tokens", "plateau", "devices", "data", "queue",
    "repeats", "verify",
)  # fmt: skip
ABOUT_ONE = ("pause", "resume", "stop", "status", "watch", "results", "show", "diff", "report", "note", "propose",
             "verify", "best", "return")  # fmt: skip
EXPORTS = ("results.tsv", "progress.png", "report.html")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows ? for a sign it lacks
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = options.run
    try:
        return run(options) or 0
    except AutoResearchError as refusal:
        print(f"autoresearch: {visible(str(refusal))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:  # a folder that cannot be written, a full disk
        place = "" if error.filename is None else f"{error.filename}: "
        print(f"autoresearch: {visible(f'{place}{error.strerror or error}')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the whole command line, which is also what the documentation is checked against."""
    top = argparse.ArgumentParser(
        prog="autoresearch",
        description="An agent patches train.py overnight; every patch trains for a fixed budget, is scored and judged.",
    )
    top.add_argument("--version", action="version", version=f"autoresearch {metadata.version('autoresearch-lsp')}")
    top.add_argument("-C", dest="folder", type=Path, default=Path(), metavar="FOLDER", help="the campaign's folder")
    verbs = top.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Callable[[argparse.Namespace], int | None], help: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        sub.set_defaults(run=run)
        return sub

    sub = verb("init", _init, "make a campaign folder: program.md, prepare.py, train.py")
    sub.add_argument("path", nargs="?", type=Path, help="the folder; the present one by default")
    sub.add_argument("--git", action="store_true", help="run 'git init' there if it is in no repository")
    sub = verb("start", _start, "start a campaign, or continue the unfinished one, in the background")
    sub.add_argument("--foreground", action="store_true", help="show the live table; ends with the campaign")
    sub.add_argument("--campaign", metavar="NAME", help="the campaign to continue or to make")
    sub.add_argument("--new", action="store_true", help="make a new campaign although one is unfinished")
    for name in OVERRIDES:
        sub.add_argument(f"--{name}", metavar="VALUE", help=f"instead of '{name}' in program.md, for this campaign")
    verb("pause", _simple(control.pause), "start no new run after the present experiment")
    verb("resume", _simple(control.resume), "go on after a pause")
    sub = verb("stop", _stop, "end the campaign's process after the present experiment; 'start' continues it")
    sub.add_argument("--now", action="store_true", help="interrupt the present run; it is made again later")
    sub = verb("status", _status, "say what the campaign is doing")
    sub.add_argument("--json", action="store_true", help="one JSON object")
    verb("watch", _watch, "show the live table; can be closed without harm")
    sub = verb("results", _results, "list the experiments")
    form = sub.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="an array of objects")
    form.add_argument("--tsv", action="store_true", help="tab-separated, with a header")
    sub = verb("show", _show, "show one experiment: hypothesis, runs, verdict and its reason")
    sub.add_argument("number", type=int)
    sub = verb("diff", _diff, "show what an experiment changes in the canvas")
    sub.add_argument("number", type=int)
    sub.add_argument("--baseline", action="store_true", help="against the baseline, not the text it was a patch to")
    verb("report", _report, f"write {', '.join(EXPORTS)}")
    sub = verb("note", _note, "leave a remark for the model or agent that proposes; the built-in search reads none")
    sub.add_argument("text")
    sub.add_argument("--experiment", type=int, metavar="N", help="the experiment that it is about")
    sub = verb("propose", _propose, "queue a version of the canvas written by you; it is adopted unless it crashes")
    sub.add_argument("file", type=Path)
    sub.add_argument("--hypothesis", default="", metavar="TEXT", help="what you expect of it")
    sub.add_argument("--as-is", action="store_true", help="the file itself, also where that undoes kept patches")
    sub = verb("verify", _verify, "measure best and baseline anew in pairs, on seeds and rows that chose nothing")
    sub.add_argument("--pairs", default="3", metavar="N", help="how many pairs; 3 by default, two at the least")
    sub.add_argument("--keeps", type=int, default=0, metavar="K", help="also what the K largest keeps still bring")
    sub = verb("best", _best, "print the best canvas, or that of an experiment, without git")
    sub.add_argument("number", type=int, nargs="?", metavar="N", help="the experiment; the best by default")
    sub.add_argument("--write", action="store_true", help="write it over the canvas in the campaign's folder")
    sub = verb("return", _return, "make an experiment's text the incumbent again; it is measured and adopted")
    sub.add_argument("number", type=int, metavar="N")
    sub = verb("import", _import, "take in the results.tsv of earlier nights as history for the next campaign")
    sub.add_argument("file", nargs="?", type=Path, default=Path("results.tsv"))
    sub = verb("doctor", _doctor, "check git, Python, device, data, key, sandbox and disk, and say what to do")
    sub.add_argument("--full", action="store_true", help="prepare the data as well")
    sub.add_argument("--json", action="store_true", help="an array of objects")
    verb("rebuild", _rebuild, "restore a lost or damaged journal from its backup, git and the evidence")
    verb("lsp", _lsp, "run the language server on standard input and output; editors start it")
    for name in ABOUT_ONE:
        meant = "the campaign that is meant; the folder's last one by default"
        verbs.choices[name].add_argument("--campaign", metavar="NAME", help=meant)
    for sub in verbs.choices.values():
        sub.add_argument("-C", dest="folder", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return top


def _init(options: argparse.Namespace) -> None:
    from loop.setup.init import init

    print(init(options.path or options.folder, git=options.git))


def _start(options: argparse.Namespace) -> int:
    overrides = {name: str(getattr(options, name)) for name in OVERRIDES if getattr(options, name) is not None}
    answer = control.start(options.folder, overrides, options.campaign, options.new)
    print(answer.message)
    if not options.foreground:
        print("It goes on when this terminal closes. Watch: 'autoresearch watch'. Stop: 'autoresearch stop'.")
        return 0
    from loop.views.watch import watch

    try:
        ledger = watch(options.folder, answer.campaign)
    except KeyboardInterrupt:
        control.stop(options.folder, answer.campaign, now=True)
        print("stopped; the run was interrupted and 'autoresearch start' makes it again")
        return 130
    return 0 if ledger.state is State.FINISHED else 1


def _simple(act: Callable[[Path, str | None], control.Answer]) -> Callable[[argparse.Namespace], None]:
    return lambda options: print(act(options.folder, options.campaign).message)


def _stop(options: argparse.Namespace) -> None:
    print(control.stop(options.folder, options.campaign, options.now).message)


def _load(options: argparse.Namespace) -> Ledger:
    return control.load(options.folder, options.campaign)


def _status(options: argparse.Namespace) -> None:
    from loop.views.claims import claim, headline, selected

    ledger = _load(options)
    progress = control.progress(options.folder, ledger)
    alive, silent = control.is_running(options.folder, ledger), control.silent_s(options.folder)
    if options.json:
        print(json.dumps({**status_dict(ledger, progress, alive, silent), **claim(ledger)}))
    else:
        print(status_line(ledger, progress, alive, silent))
        if ledger.keeps or ledger.verifications:
            print(f"{headline(ledger)}\n{selected(ledger)}")
        for message in filter(None, (message_text(ledger, alive, silent), sandbox_text(ledger))):
            print(message)


def _watch(options: argparse.Namespace) -> None:
    from loop.views.watch import watch

    watch(options.folder, options.campaign)


def _results(options: argparse.Namespace) -> None:
    from loop.views.report import results_rows

    ledger = _load(options)
    rows = results_rows(ledger)
    if options.json:
        print(json.dumps(rows, indent=1))
    elif options.tsv:
        columns = list(rows[0]) if rows else []
        writer = csv.DictWriter(sys.stdout, columns, dialect="excel-tab", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        for row in rows:
            experiment = ledger.experiments[row["experiment"]]
            print(_line(row, verdict_text(experiment, short=True), experiment.unknown))


def _line(row: dict[str, Any], otherwise: str, unknown: bool) -> str:
    score = "" if row["score"] is None else precise(row["score"])
    delta = "" if row["delta"] is None else ("+" if row["delta"] >= 0 else "") + precise(row["delta"])
    verdict = otherwise if unknown else row["verdict"] or row["outcome"] or otherwise
    return f"#{row['experiment']:<4} {score:>9} {delta:>10} {verdict:<8} {row['reason'] or '':<12} {row['hypothesis']}"


def _show(options: argparse.Namespace) -> None:
    from loop.review.review import find

    experiment = find(_load(options), options.number)
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


def _diff(options: argparse.Namespace) -> None:
    from loop.review.review import find

    ledger = _load(options)
    experiment = find(ledger, options.number)
    base = experiment.parent
    if options.baseline or not base:
        base = ledger.experiments[0].commit
    patch = control.diff(options.folder, ledger, base, experiment.commit)
    sys.stdout.write(visible(patch) if sys.stdout.isatty() else patch)  # a pipe may end in `git apply`


def _report(options: argparse.Namespace) -> None:
    from loop.git.repo import Repo
    from loop.views import report

    ledger = _load(options)
    commits = {e.commit for past in control.campaigns(options.folder) for e in past.experiments.values()}
    table, picture, page = paths = report.exports(options.folder, ledger.campaign, commits)
    names = [path.name for path in paths]
    Repo(options.folder).exclude(names)
    report.write_tsv(ledger, table)
    report.plot(ledger, picture)
    report.write_html(ledger, page, lambda e: control.diff(options.folder, ledger, e.parent, e.commit))
    print(f"wrote {', '.join(names)}")
    print(report.summary(ledger))


def _note(options: argparse.Namespace) -> None:
    print(control.note(options.folder, options.text, options.experiment, options.campaign).message)


def _propose(options: argparse.Namespace) -> None:
    try:
        text = options.file.read_bytes().decode("utf-8")
    except OSError as error:
        raise Refused(f"{options.file}: cannot be read ({error.strerror}); name a version of the canvas") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{options.file}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    from loop.review.review import propose_file

    hypothesis = options.hypothesis or f"a version of the canvas by hand, {options.file.name}"
    print(propose_file(options.folder, text, hypothesis, options.campaign, options.as_is).message)


def _verify(options: argparse.Namespace) -> None:
    try:
        pairs = values.pairs(options.pairs)
    except ValueError as error:
        raise Refused(f"--pairs: {error}") from error
    if not pairs or options.keeps < 0:
        raise Refused("a verification needs two pairs at the least, and --keeps a whole number")
    print(control.verify(options.folder, pairs, options.keeps, options.campaign).message)


def _best(options: argparse.Namespace) -> None:
    from loop.review.best import read_best, write_best

    ledger = _load(options)
    experiment, text, said = read_best(options.folder, ledger, options.number)
    if options.write:
        said = f"{write_best(options.folder, ledger, experiment, text)}: {said}"
    else:
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    print(said, file=sys.stdout if options.write else sys.stderr)


def _return(options: argparse.Namespace) -> None:
    from loop.review.best import return_to

    print(return_to(options.folder, options.number, options.campaign).message)


def _import(options: argparse.Namespace) -> None:
    from loop.git.repo import Repo
    from loop.settings.history import read_results

    repo = Repo(options.folder)
    canvas = repo.inside(control.read_program(options.folder).canvas)
    past = read_results(options.folder / options.file, lambda commit: repo.text_at(commit, canvas))
    print(control.take_in(options.folder, past).message)


def _doctor(options: argparse.Namespace) -> int:
    from loop.setup.doctor import diagnose

    checks = diagnose(options.folder, full=options.full)
    if options.json:
        print(json.dumps([vars(c) for c in checks], default=str))
    else:
        for check in checks:
            print(f"{check.level:<5} {check.name}: {check.finding}")
            if check.next_step:
                print(f"      {check.next_step}")
    return 1 if any(c.level == "fail" for c in checks) else 0


def _rebuild(options: argparse.Namespace) -> None:
    from loop.setup.rebuild import rebuild

    print(visible(rebuild(options.folder)))


def _lsp(_: argparse.Namespace) -> int:
    from loop.lsp import serve

    return serve()
