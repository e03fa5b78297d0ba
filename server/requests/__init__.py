"""What an editor with a view of its own asks for, as data: the custom layer of docs/protocol.md."""
