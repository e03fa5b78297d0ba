"""The campaigns of attacks and honest canvases take half an hour: `make test-attacks` runs them, `make test` does not."""

import os

CAMPAIGNS = (
    "budgets",
    "channels",
    "clocks",
    "early",
    "honest_compilers",
    "honest_layers",
    "honest_mixers",
    "late",
    "leaks",
    "reading",
)
collect_ignore = [] if os.environ.get("AUTORESEARCH_ATTACKS") else [f"test_{name}.py" for name in CAMPAIGNS]
