"""program.md → Program, and earlier nights' results. Pure but for reading one file."""
