"""What people see outside an editor. Decides nothing."""
