"""A campaign that the tests of the command share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stub import make_campaign, run_to_end


@pytest.fixture(scope="package")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stub campaign that has ended."""
    folder = make_campaign(tmp_path_factory.mktemp("cli") / "c")
    run_to_end(folder)
    return folder
