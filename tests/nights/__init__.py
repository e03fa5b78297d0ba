"""Whole nights: real engine, git, journal and processes, real litellm against a real HTTP server, a stub trainer."""
