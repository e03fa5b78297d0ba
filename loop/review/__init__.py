"""What the human accepts, reverts, returns to and, on command, commits."""
