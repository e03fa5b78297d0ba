"""What the doctor checks: pure functions of what was seen of machine and folder, each a finding."""
