"""What is wrong with a journal is noticed, and said before a start loses anything."""

from __future__ import annotations

import pytest

from loop.control import control
from loop.record import salvage
from loop.record.types import Refused
from loop.setup.doctor import diagnose
from loop.setup.rebuild import rebuild
from tests.campaigns import Campaign
from tests.loop.setup.loss import CANVAS, after, back_up, follow, lose


def test_an_old_journal_is_noticed_by_start_and_doctor_and_brought_up_to_date(campaign: Campaign) -> None:
    old = campaign.home.journal.read_bytes()
    five = campaign.keep(CANVAS.replace("8192", "1024"), "Halve BATCH once more.", 0.7)
    campaign.keep(CANVAS.replace("8192", "512"), "And again.", 0.6)
    follow(campaign)
    back_up(campaign)
    before = salvage.read_file(campaign.home.journal).rows
    campaign.journal.close()
    campaign.home.journal.write_bytes(old)
    with pytest.raises(Refused, match=r"git holds #5, #6 .* does not know; 'autoresearch rebuild'"):
        control.start(campaign.top, campaign=campaign.name)
    with pytest.raises(Refused, match="older than its backup"):
        control.start(campaign.top, new=True)
    found = {check.name: check for check in diagnose(campaign.top)}["journal"]
    assert found.level == "fail" and "which the backup of" in found.finding
    rebuild(campaign.top)
    assert salvage.read_file(campaign.home.journal).rows == before and after(campaign).experiments[five].score == 0.7


def test_a_start_without_a_journal_offers_to_rebuild_it(campaign: Campaign) -> None:
    lose(campaign)
    with pytest.raises(Refused, match=r"experiments of nov23.*'autoresearch rebuild' restores"):
        control.start(campaign.top)
    with pytest.raises(Refused, match="'autoresearch rebuild' restores"):
        control.load(campaign.top)
    found = {check.name: check for check in diagnose(campaign.top)}["journal"]
    assert found.level == "fail" and "rebuild" in found.next_step


def test_a_number_that_changed_on_the_disk_is_found_against_the_backup(campaign: Campaign) -> None:
    back_up(campaign)
    before = salvage.read_file(campaign.home.journal).rows
    campaign.journal.close()
    content = campaign.home.journal.read_bytes()
    at = content.index(b'"score": 0.95')
    campaign.home.journal.write_bytes(content[:at] + b'"score": 0.15' + content[at + 13 :])
    found = {check.name: check for check in diagnose(campaign.top)}["journal"]
    assert found.level == "fail" and "not as the backup has it: entry" in found.finding
    rebuild(campaign.top)
    assert salvage.read_file(campaign.home.journal).rows == before
