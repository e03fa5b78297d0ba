"""Text without secrets, for evidence and error messages. Reads the environment, knows no model."""

from __future__ import annotations

import os

from loop.record.values import KEY_SHAPE
from loop.trust.secrets import looks_secret

MASK = "[secret]"
SHORTEST = 8  # characters of a variable's value that is looked for


def scrub(text: str, shapes: bool = True, known: str = "") -> str:
    """Return the text with the values of secret variables masked and, with `shapes`, all that looks like a key.

    Code is scrubbed without `shapes`: a name such as hf_model_gpt2_large has the shape of a key. A value that is in
    the `known` text was there before, and stays.
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and value not in known and looks_secret(name, value):
            text = text.replace(value, MASK)
    return KEY_SHAPE.sub(MASK, text) if shapes else text
