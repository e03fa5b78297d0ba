"""The `autoresearch` command: runs a verb and turns how it ended into an exit code. Decides nothing.

Exit codes: 0, 1 for a refusal (its sentence on standard error), 2 for usage, 130 for Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from loop.cli.verbs import autoresearch
from loop.record.types import AutoResearchError
from loop.text.numbers import visible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows ? for a sign it lacks
    try:
        code = autoresearch.main(arguments, prog_name="autoresearch", standalone_mode=False)
        _flush()
        return int(code or 0)
    except click.ClickException as usage:
        usage.show()
        return usage.exit_code
    except AutoResearchError as refusal:
        return _refused(str(refusal))
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:  # a folder that cannot be written, a full disk
        place = "" if error.filename is None else f"{error.filename}: "
        return _refused(f"{place}{error.strerror or error}")
    except click.Abort:  # Ctrl-C
        return 130


def _flush() -> None:
    """Write what is still buffered, or fail now: at the interpreter's end nobody could say so."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what failed is not tried again
        raise


def _refused(sentence: str) -> int:
    print(f"autoresearch: {visible(sentence)}", file=sys.stderr)
    return 1
