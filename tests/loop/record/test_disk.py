"""Room on the disk before a campaign begins."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from loop.record import disk
from loop.record.disk import NEEDED_MB, check_disk, free_mb
from loop.record.types import Refused


@pytest.mark.parametrize("free", [0, 1, NEEDED_MB - 1])
def test_a_campaign_is_refused_where_the_disk_has_too_little_room(
    free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda place: SimpleNamespace(free=free * 10**6))
    with pytest.raises(Refused, match=rf"has {free} MB free and a campaign needs {NEEDED_MB} MB; free some"):
        check_disk(tmp_path)


def test_exactly_as_much_as_needed_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda place: SimpleNamespace(free=NEEDED_MB * 10**6))
    check_disk(tmp_path)


def test_a_place_that_is_not_there_yet_is_on_the_disk_of_the_folder_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda place: asked.append(place) or SimpleNamespace(free=5e6))
    (tmp_path / "file").touch()
    assert free_mb(tmp_path / "not" / "yet") == free_mb(tmp_path / "file" / "below") == 5.0
    assert asked == [tmp_path, tmp_path]
