"""Texts for properties, of few different lines."""

from __future__ import annotations

from hypothesis import strategies as st

# Few different lines, so that repeats, moves and ambiguous places are common; several kinds of ends, one without.
LINE = st.sampled_from(["a\n", "b\n", "\n", "x = 1\n", "x = 1\r\n", "é😋\n", "}\r", "\x0c\n"])
TAIL = st.sampled_from(["", "end", " "])
TEXT = st.builds(lambda lines, tail: "".join(lines) + tail, st.lists(LINE, max_size=14), TAIL)
