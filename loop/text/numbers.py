"""How numbers, lists of experiments and words of others are written, everywhere alike. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

NAMED = 3  # experiments that are named where a line has room for some


def names(experiments: Sequence[int], limit: int = NAMED) -> str:
    """Return `#12 #17`, the newest last; `… #17 #20 #31` where more came before."""
    return ("… " if len(experiments) > limit else "") + " ".join(f"#{n}" for n in experiments[-limit:])


def number(value: float) -> str:
    """Return a score in the digits that matter: four decimals for bits per byte, five digits for large numbers."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 0.01 <= abs(value) < 100:
        return f"{value:.4f}".replace("-", "−")
    return (f"{value:,.1f}" if 100 <= abs(value) < 1e9 else f"{value:.5g}").replace("-", "−")


def precise(value: float) -> str:
    """Return a score for a table: six decimals, as the original project has them, more where these show nothing."""
    return f"{value:.6f}" if value == 0 or abs(value) >= 0.001 else f"{value:.5e}"


def uncertainty(value: float) -> str:
    """Return a standard deviation, never rounded to nothing: one digit where four decimals would show none."""
    if 1e-9 <= value < 0.00005:
        one = float(f"{value:.1g}")
        return f"{one:.{-math.floor(math.log10(one))}f}"
    return f"{value:.4f}" if 0.00005 <= value < 100 else f"{value:.2g}"


def signed(value: float, form: str) -> str:
    """Return the value with its sign, a true minus for a negative one, and no sign for zero."""
    text = format(abs(value), form)
    if not any(digit in text for digit in "123456789"):
        return text
    return ("−" if value < 0 else "+") + text


def signed_number(value: float) -> str:
    """Return a difference of scores with its sign."""
    small = 0 < abs(value) < 0.0001
    return signed(value, ".1e" if small else ".4f" if abs(value) < 100 else ",.1f")


def plain(text: str, width: int = 0) -> str:
    """Return words of a model on one line without control characters, cut at `width` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if not width or len(line) <= width else line[: max(0, width - 1)] + "…"


def visible(text: str) -> str:
    """Return a text whose control characters show: a terminal would obey some, others hide what is run."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)
