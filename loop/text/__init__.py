"""Texts and how they differ, and how numbers are written. Pure."""
