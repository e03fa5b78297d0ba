"""Versions agree, the notes of a release are found, and the workflows run what the documentation says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parents[1]
NOTES = runpy.run_path(str(TOP / ".ci/notes.py"))
CHANGELOG = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
OLD = "## [Unreleased]\n\n## [0.2.0] - 2026-12-24\n\n### Fixed\n\n- A.\n\n## [0.1.0] - 2026-01-01\n\n- B.\n"


def workflow(name: str) -> Any:
    return yaml.safe_load((TOP / ".github/workflows" / name).read_text(encoding="utf-8"))


def test_package_and_extension_have_one_version() -> None:
    assert len(set(NOTES["versions"]().values())) == 1


def test_the_changelog_has_the_categories_that_it_names() -> None:
    assert "## [Unreleased]" in CHANGELOG
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.M)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }


@pytest.mark.parametrize(("version", "told"), [("0.2.0", "### Fixed\n\n- A."), ("0.1.0", "- B."), ("0.3.0", "")])
def test_the_notes_of_a_version_are_its_section(version: str, told: str) -> None:
    assert NOTES["notes"](OLD, version) == told


def test_a_version_that_is_not_ready_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert NOTES["main"]("99.0.0") == 1
    assert "pyproject.toml has version" in capsys.readouterr().err


def test_ci_runs_the_script_that_anyone_can_run() -> None:
    steps = workflow("ci.yml")["jobs"]["run"]["steps"]
    assert [step["run"] for step in steps if "run" in step][-1] == ".ci/run"
    keys = " ".join(str(step.get("with", {}).get("key", "")) for step in steps)
    globs = re.findall(r"'([^']+)'", keys)
    assert globs and all(any(TOP.glob(pattern)) for pattern in globs), "a key of files that are gone never changes"


def test_a_release_checks_the_version_before_it_builds() -> None:
    steps = [step.get("run", "") for step in workflow("release.yml")["jobs"]["build"]["steps"]]
    checked = next(i for i, step in enumerate(steps) if ".ci/notes.py" in step)
    assert checked < next(i for i, step in enumerate(steps) if "-m build" in step)
    assert any("make vsix" in step for step in steps)
