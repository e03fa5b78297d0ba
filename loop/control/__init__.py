"""What outsiders may ask for: it appends intents and starts the daemon. Never imports the engine."""
