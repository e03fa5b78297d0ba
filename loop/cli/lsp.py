"""`autoresearch lsp`: the language server, which the engine's side names only here. It starts that program, no more."""

from __future__ import annotations

from importlib import import_module


def serve() -> int:
    """Run the language server; return its exit code."""
    code: int = import_module("server.app").main()
    return code
