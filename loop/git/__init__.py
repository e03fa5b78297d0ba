"""The only git. Never writes your checkout, index or HEAD; runs no hooks."""
