"""One idea of the protocol per module; each function is `(snapshot, document, params) → result` and reads no file."""
