"""notes.py VERSION: print the changelog's notes on a version; fail where package or extension have another."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def notes(changelog: str, version: str) -> str:
    """Return the section `## [VERSION] - YYYY-MM-DD` of a changelog without its heading, "" where there is none."""
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{heading}\n(.*?)(?=^## \[|\Z)", changelog, re.M | re.S)
    return found[1].strip() if found else ""


def versions() -> dict[str, str]:
    """Return the version that each package of the project has."""
    python = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    extension = json.loads((TOP / "editors/vscode/package.json").read_text(encoding="utf-8"))["version"]
    return {"pyproject.toml": python, "editors/vscode/package.json": extension}


def main(version: str) -> int:
    """Print the notes; return 1 and say what is missing where the version is not ready."""
    told = notes((TOP / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    wrong = [f"{name} has version {has}, not {version}" for name, has in versions().items() if has != version]
    wrong += [] if told else [f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'"]
    print("\n".join(wrong) or told, file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
