"""Which campaign is meant, setting a folder up, saying what is missing, restoring what is lost."""
