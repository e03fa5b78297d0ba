"""Runs of small canvases, launched as a campaign launches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loop.runs.run import RunResult

GATE = """import os, json, sys, time
RUN = os.environ['AUTORESEARCH_RUN']
os.read(int(os.environ['AUTORESEARCH_GATE_FD']), 1)
"""
SUBMIT = "open(RUN + '/checkpoint.pt', 'w').write('weights')\n"
ORIGINAL = """
print('\\rstep 00952 (99.9%) | loss: 2.98 | lrm: 0.01 | tok/sec: 1,666,000 | remaining: 0s', end='')
print('\\n---\\nval_bpb:          0.997900\\ntraining_seconds: 300.1\\ntotal_seconds:    325.9')
print('peak_vram_mb:     45060.2\\nmfu_percent:      39.80\\ntotal_tokens_M:   499.6\\nnum_steps:        953')
"""
Start = Callable[..., Any]


async def train(start: Start, text: str, **options: object) -> RunResult:
    run = await start(text, **options)
    run.open_gate()
    return await run.wait()
