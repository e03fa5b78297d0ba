"""Every mutant that is listed, chapter by chapter."""

from __future__ import annotations

from tests.mutants import engine, record, runs, system, text, trust

MUTANTS = (*text.MUTANTS, *record.MUTANTS, *engine.MUTANTS, *runs.MUTANTS, *trust.MUTANTS, *system.MUTANTS)
