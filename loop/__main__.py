"""The door of the `autoresearch` command. An editor waits for `lsp`, so that verb imports nothing of the others."""

from __future__ import annotations

import sys

from loop.cli.lsp import serve


def main() -> int:
    """Run the language server, or the command line; return the exit code."""
    if sys.argv[1:] == ["lsp"]:
        return serve()
    from loop.cli.app import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
