"""Text without secrets, for evidence and error messages. Reads the environment, knows no model."""

from __future__ import annotations

import os
import re

from loop.sandbox import looks_secret

MASK = "[secret]"
SHORTEST = 8  # characters of a variable's value that is looked for
KEY = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|nvapi|gh[pousr]|github_pat|glpat|AIza|AKIA)[-_]?(?=[\w*-]*\d)[\w*-]{12,}"
    r"|(?<=Bearer )[\w.~+/=-]{8,}|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)"
)


def scrub(text: str, shapes: bool = True) -> str:
    """Return the text with the values of secret variables masked and, with `shapes`, all that looks like a key.

    Code is scrubbed without `shapes`: a name such as hf_model_gpt2_large has the shape of a key.
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and looks_secret(name, value):
            text = text.replace(value, MASK)
    return KEY.sub(MASK, text) if shapes else text
