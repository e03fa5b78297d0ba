"""The exports as files: where they are written, and that none is written in half."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from loop.record.ledger import Ledger
from loop.record.types import Refused
from loop.views import report
from loop.views.tables import HEADER
from tests.loop.views.nights import HOSTILE, KEEP, NOISE, WORSE, campaign, experiment, long_night, night


def exported(ledger: Ledger, folder: Path) -> report.Exports:
    exports = report.exports(folder, ledger.campaign, ())
    report.write(ledger, exports, lambda e: "")
    return exports


@pytest.mark.parametrize(
    "ledger",
    [
        Ledger("none"),
        campaign(),
        campaign(*experiment(1, None, KEEP)),
        campaign(*experiment(1, 2.0, NOISE)),
        campaign(*experiment(1, 1e300, WORSE)),
        campaign(*experiment(1, 1.9, KEEP, HOSTILE)),
        night(),
        long_night(300),
    ],
    ids=["nothing", "a baseline", "a crash", "a tie", "a huge score", "a hostile name", "a night", "a long night"],
)
def test_any_campaign_can_be_reported(ledger: Ledger, tmp_path: Path) -> None:
    exports = exported(ledger, tmp_path)
    picture = exports.picture.read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (2240, 1120)
    assert exports.page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["progress.png", "report.html", "results.tsv"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "results.tsv"
    table.write_text(f"{HEADER}\n")

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Refused, match=r"results.tsv: cannot be written .No space left on device.;"):
        exported(night(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["results.tsv"]
    assert table.read_text() == f"{HEADER}\n"


def test_a_page_of_somebody_elses_is_left_alone_and_ours_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert report.exports(tmp_path, "night", ()).page == page
    page.write_text("<html>mine</html>")
    assert report.exports(tmp_path, "night", ()).page == tmp_path / "report-night.html"
    page.unlink()
    exported(Ledger("night"), tmp_path)
    assert report.exports(tmp_path, "night", ()).page == page


def test_a_picture_of_somebody_elses_is_left_alone_and_so_is_a_table(tmp_path: Path) -> None:
    for name in ("results.tsv", "progress.png"):
        (tmp_path / name).write_text("mine")
    assert exported(night(), tmp_path).names == ["results-night.tsv", "progress-night.png", "report.html"]
    assert (tmp_path / "results.tsv").read_text() == (tmp_path / "progress.png").read_text() == "mine"
