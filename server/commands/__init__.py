"""What a human asks for, by a lens, an action or a key: one object in, one out that says what happened."""
