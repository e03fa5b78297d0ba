"""The GPU check: everything that only a GPU can show, in one pass. docs/gpu.md says how to run and read it."""
