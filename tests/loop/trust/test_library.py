"""Of the standard library that is trained on, a scorer sees the compiled modules and no text, and no other copy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loop.trust import library


def test_other_standard_libraries_are_named_and_never_this_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("opt/a/lib/python3.9", "opt/b/lib/python3.11/site-packages"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(library, "OTHERS", (f"{tmp_path}/opt/*/lib/python[23]*", str(library.standard_library())))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "opt/b/lib/python3.11/site-packages")])
    assert library.other_libraries() == [tmp_path / "opt/a/lib/python3.9"]


def test_the_compiled_library_runs_torch_and_holds_no_text(tmp_path: Path) -> None:
    root = library.standard_library()
    sealed = [str(root / "mailbox.py"), str(root / "curses")]
    folder = library.compiled_library(tmp_path, sealed)
    assert library.compiled_library(tmp_path, sealed) == folder
    assert not list(folder.rglob("*.py"))
    assert not (folder / "mailbox.pyc").exists() and not (folder / "curses" / "ascii.pyc").exists()
    assert (folder / "json" / "__init__.pyc").exists()
    assert b"Command-line parsing library" not in (folder / "argparse.pyc").read_bytes()
    for place in library.binaries(root):
        (folder / place.name).rmdir()
        (folder / place.name).symlink_to(place)
    code = "import torch, torch._dynamo, argparse; print(argparse.__file__)"
    paths = os.pathsep.join(p for p in sys.path if "site-packages" in p)
    environment = os.environ | {"PYTHONHOME": str(linked_home(tmp_path, folder)), "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip().endswith("argparse.pyc"), done.stderr


def linked_home(tmp_path: Path, folder: Path) -> Path:
    """Return a prefix of Python whose library is the folder."""
    home = tmp_path / "home"
    (home / "lib").mkdir(parents=True)
    (home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}").symlink_to(folder)
    return home


def test_as_a_program_it_says_what_is_mounted_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library.main(str(tmp_path))
    said = json.loads(capsys.readouterr().out)
    (source, place), *rest = said["mounts"]
    assert Path(source).parent == tmp_path and place == str(library.standard_library())
    assert all(a == b for a, b in rest) and not {place} & set(said["hidden"])
