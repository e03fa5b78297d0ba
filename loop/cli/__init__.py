"""The `autoresearch` command."""
