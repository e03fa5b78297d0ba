"""The program that owns one process tree. Its modules import the standard library, bounds.py and clearing.py alone."""
