"""One run, from a commit to a score. Knows neither verdicts nor the journal."""
