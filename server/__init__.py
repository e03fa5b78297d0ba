"""The language server: turns what is recorded into lenses, hints, hovers, diagnostics and actions."""
