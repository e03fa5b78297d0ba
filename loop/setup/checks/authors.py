"""Who writes the patches: models and their keys, of which only the names are known here, and an agent's command."""

from __future__ import annotations

import shlex

from loop.proposers.providers import OLLAMA, is_local, key_of
from loop.record.types import Author
from loop.settings.program import Program
from loop.setup.checks.check import Check, Level
from loop.setup.machine import Machine


def model(machine: Machine, program: Program, model: str) -> Check:
    """Say whether the key of a model is there. Only the names of variables are known here."""
    name = f"model {model}"
    if model == Author.KNOBS:
        return Check(name, Level.OK, "built in, needs no key")
    if is_local(model) or program.api_base:
        if machine.reachable is False:
            address = program.api_base or OLLAMA
            return Check(name, Level.FAIL, f"nothing answers at {address}", "start the server, or correct api_base")
        return Check(name, Level.OK, "its server answers" if machine.reachable else "a server of your own")
    key = key_of(model)
    if key is None:
        step = "see litellm's page of that provider; without its key the campaign pauses at the first proposal"
        return Check(name, Level.WARN, "which key it needs is not known here", step)
    if key not in machine.variables:
        step = f"set {key} in the environment from which you start; keys are never read from a file"
        return Check(name, Level.FAIL, f"{key} is not set", step)
    return Check(name, Level.OK, f"{key} is set")


def command(machine: Machine, command: str) -> Check:
    """Say whether the agent's command is there."""
    word = shlex.split(command)[0]
    if not machine.command_found:
        return Check("command", Level.FAIL, f"{word} was not found", f"install it, or see that {word} is on the PATH")
    return Check("command", Level.OK, f"{word} was found; it works in a copy, only its change of the canvas is taken")
