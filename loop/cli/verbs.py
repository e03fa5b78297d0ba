"""All verbs of the command by topic, which `--help` prints and the documentation is checked against."""

from __future__ import annotations

from pathlib import Path

import click

from loop.cli import campaign, results, review, serving, setup

TOPICS: dict[str, tuple[click.Command, ...]] = {
    "Set up": (setup.init, setup.doctor, setup.import_, setup.rebuild),
    "Run a campaign": (campaign.start, campaign.pause, campaign.resume, campaign.stop, campaign.verify, campaign.note),
    "See the results": (
        results.status, results.watch, results.results, results.show, results.diff, results.report,
    ),
    "Review": (review.best, review.return_, review.propose),
    "Editors and shells": (serving.lsp, serving.completion),
}  # fmt: skip


class Verbs(click.Group):
    """A group whose help lists its verbs by topic."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of verbs for each topic, every one with its whole sentence."""
        for topic, verbs in TOPICS.items():
            with formatter.section(topic):
                formatter.write_dl([(str(verb.name), verb.get_short_help_str(limit=200)) for verb in verbs])


@click.group(
    cls=Verbs,
    commands=[verb for verbs in TOPICS.values() for verb in verbs],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(None, "--version", package_name="autoresearch-lsp", message="autoresearch %(version)s")
@click.option("-C", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="The campaign's folder.")
def autoresearch(folder: Path | None) -> None:
    """An agent patches train.py overnight; every patch trains for a fixed budget, is scored and judged."""
