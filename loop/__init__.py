"""The engine: proposes, trains, scores, judges, records. Knows no editor."""
