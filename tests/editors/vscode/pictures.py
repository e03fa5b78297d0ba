"""Copy the pictures that the tests made to the extension, small, in 32 shades of a channel: pictures.py [SHOTS]."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
PICTURES = {"real-running": "start", "real-results": "results", "journey-pulled": "review"}


def main(shots: Path) -> None:
    for shot, name in PICTURES.items():
        picture = Image.open(shots / f"{shot}.png").convert("RGB").point(lambda v: min(255, (v + 4) // 8 * 8))
        picture.save(ROOT / "editors" / "vscode" / "media" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "vscode")
