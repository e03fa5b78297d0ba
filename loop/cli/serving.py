"""The verbs that other programs call: lsp for editors, completion for shells."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from loop.cli.options import FOLDER

VARIABLE = "_AUTORESEARCH_COMPLETE"  # by which a shell asks; click derives the same name from the command's


@click.command()
@FOLDER
def lsp(folder: object) -> int:
    """Run the language server on standard input and output; editors start it."""
    from loop.cli.lsp import serve

    return serve()


@click.command()
@FOLDER
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, folder: object, shell: str) -> None:
    """Print the script that completes verbs, options, campaigns and experiments in a shell."""
    script = get_completion_class(shell)
    assert script is not None, "click knows the shells of the choice"
    print(script(context.find_root().command, {}, "autoresearch", VARIABLE).source())
