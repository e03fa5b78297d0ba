"""What a campaign starts from on disk, its canvas and its data, or the sentence that says what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

from loop.record.types import Refused
from loop.record.values import SOURCES
from loop.text.canvas import unusable


def check_canvas(folder: Path, canvas: str) -> str:
    """Return the text of the canvas on disk; raises Refused with the sentence for whatever is wrong with it."""
    path = folder / canvas
    if path.is_symlink():
        raise Refused(f"{canvas}: a symbolic link, whose text git does not hold; copy the file here and start again")
    if not path.is_file():
        raise Refused(f"{canvas}: not found beside program.md; create it, or name another file with 'canvas:'")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{canvas}: cannot be read ({error.strerror}); make it readable and start again") from error
    if finding := unusable(data, canvas):
        raise Refused(f"{finding}, then start again")
    return data.decode("utf-8")


def find_data(folder: Path, named: str, sealed: bool) -> str:
    """Return a `data:` as it is, or as an absolute path where it names a file or folder, from program.md's.

    Any other name may be of a source that the human's own scripts know. Raises Refused for a path where nothing is, and
    for one that would lend a script which measures itself more than data.
    """
    path = os.path.normpath(folder / os.path.expanduser(named))
    if named in SOURCES or not os.path.exists(path):
        if named.startswith(("./", "../", "/", "~")) and not sealed:
            raise Refused(f"data: {named}: no such file or folder; correct it in program.md and start again")
        return named
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if not sealed and any(place.resolve().is_relative_to(os.path.realpath(path)) for place in (folder, Path.home())):
        raise Refused(f"data: {named}: has more in it than data; name the folder that has the data alone")
    return path
