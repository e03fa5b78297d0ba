"""What is known: the words, the entries and their journal, and the projection that everybody reads."""
