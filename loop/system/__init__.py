"""What differs between Linux, WSL2 and macOS. Imports the standard library alone."""
