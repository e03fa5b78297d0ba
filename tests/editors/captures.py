"""Put the screens of a journey into a page: captures.py SCREENS.md PAGE.md. Replaces what follows *As it looks*.

AUTORESEARCH_CAPTURES=build/screens tests/editors/run-terminal.sh nvim-0.12
python -P tests/editors/captures.py build/screens/neovim-0.12.md editors/neovim/README.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SECTION = re.compile(r"(^## As it looks\n\n[^\n]+\n\n)(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def main(screens: Path, page: Path) -> None:
    text, count = SECTION.subn(
        lambda m: m[1] + screens.read_text(encoding="utf-8").rstrip() + "\n\n", page.read_text(encoding="utf-8")
    )
    assert count == 1, f"{page}: has no section 'As it looks'"
    page.write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
