"""A campaign on a stand-in for a Mac: `ps` for /proc, `sandbox-exec` or no sandbox, no subreaper, no cgroup."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from loop.record.campaign_facts import CampaignCreated
from loop.record.experiment_facts import RunEnded
from loop.record.types import Outcome, State
from loop.trust import limits
from loop.trust.probe import probe
from loop.trust.sandbox import PROCESS_GROUP, SEATBELT
from tests.loop import macos
from tests.nights.night import bodies, campaign, run

FRONT = "---\nmodel: knobs\nbudget: 2s\nrepeats: 2\nverify: 0\nstop: {experiments: 2}\n---\n# Goal\n\nLower it.\n"
# Its child leaves the session, and would outlive it by far.
CANVAS = """
import os, subprocess, sys
LEARNING_RATE = 0.04
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", {mark!r}], start_new_session=True)
for place in ("here", {outside!r}):
    try:
        open(place, "w").close()
    except PermissionError:
        assert place != "here"
print(f"val_bpb: {{1.0 + LEARNING_RATE + 0.0001 * int(os.environ.get('AUTORESEARCH_SEED', '0')):.6f}}")
"""


@pytest.mark.parametrize("tier", [SEATBELT, PROCESS_GROUP])
async def test_a_campaign_comes_to_its_end_and_no_process_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: str
) -> None:
    macos.pretend(monkeypatch, tmp_path)
    if tier == SEATBELT:
        macos.fake_sandbox_exec(monkeypatch, tmp_path)
    monkeypatch.setattr("loop.engine.opening.probe", probe.__wrapped__)
    monkeypatch.setattr(limits, "places", lambda: ())
    mark = str(tmp_path / "the child of a run")
    outside = tmp_path / "outside"
    folder = campaign(tmp_path / "night", FRONT, CANVAS.format(mark=mark, outside=str(outside)))
    ledger = await run(folder)
    assert (ledger.state, ledger.judged) == (State.FINISHED, 2), ledger.message
    assert [created.sandbox.partition(",")[0] for created in bodies(folder, CampaignCreated)] == [tier]
    assert outside.exists() is (tier == PROCESS_GROUP)
    endings = bodies(folder, RunEnded)
    assert len(endings) >= 4 and {ending.outcome for ending in endings} == {Outcome.FINISHED}
    assert [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])] == []
