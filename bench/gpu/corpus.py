"""Text to learn from on a machine without a network: the sources of the packages that this Python has.

Written as one .jsonl file, apart from the packages, since a campaign's sandbox hides the corpus from its runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {".py", ".pyi", ".h", ".hpp", ".cuh", ".c", ".cpp", ".md", ".rst"}
SHORTEST, LONGEST = 500, 200_000  # bytes of a file: neither stubs nor tables that a program wrote
PACKAGES = ("site-packages", "dist-packages")


def write(target: Path, limit: int) -> int:
    """Write documents until they have `limit` bytes; return the bytes written. The same packages give the same text."""
    written = 0
    with target.open("w", encoding="utf-8") as out:
        for path in chosen(roots()):
            if written >= limit:
                break
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            out.write(json.dumps({"text": text}) + "\n")
            written += len(text.encode())
    return written


def roots() -> list[Path]:
    """Return the folders with this Python's packages and its standard library."""
    packages = [Path(entry) for entry in sys.path if Path(entry).name in PACKAGES and Path(entry).is_dir()]
    return [*packages, Path(sysconfig.get_path("stdlib"))]


def chosen(folders: list[Path]) -> Iterator[Path]:
    """Yield the source files below folders, mixed: by a hash of their names, so that each part has every package."""

    def order(place: tuple[Path, Path]) -> str:
        root, path = place
        return hashlib.sha256(path.relative_to(root).as_posix().encode()).hexdigest()

    files = {path.resolve(): (root, path) for root in folders for path in _sources(root)}
    yield from (path for _, path in sorted(files.values(), key=order))


def _sources(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__" and name not in PACKAGES]
        for path in (Path(folder, name) for name in names):
            if path.suffix in SUFFIXES and path.is_file() and SHORTEST <= path.stat().st_size <= LONGEST:
                yield path


if __name__ == "__main__":
    size = write(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"corpus_mb": size / 1e6}))
