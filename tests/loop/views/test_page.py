"""report.html: whole in itself, and nothing in it does harm."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import (
    RepoError,
    ScoreSource,
)
from loop.record.verification_facts import Verified
from loop.views.findings import findings
from loop.views.page import page
from tests.loop.views.nights import HOSTILE, KEEP, campaign, experiment, night


class Tags(HTMLParser):
    """What a browser would see: elements with their attributes, and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open = tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open, []).append(data)


def made(ledger: Ledger, patch: str = "@@ -1 +1 @@\n-A = 1\n+A = 2\n") -> str:
    return page(ledger, findings(ledger), lambda e: patch)


def test_the_page_is_whole_in_itself() -> None:
    tags = Tags(made(night()))
    assert not {"img", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in tags.found}
    for _, attributes in tags.found:
        assert not {"src", "href", "style", "srcset"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]


def test_the_policy_allows_this_pages_script_and_style_and_nothing_else() -> None:
    tags = Tags(made(night()))
    policy = next(a["content"] for t, a in tags.found if a.get("http-equiv") == "Content-Security-Policy") or ""
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(tags.texts[kind][0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_hostile_words_stay_words() -> None:
    hostile_patch = f"@@ -1 +1 @@\n+{HOSTILE}\n</code></div><script>alert(3)</script>\n"
    html = made(campaign(*experiment(1, 1.9, KEEP, HOSTILE)), hostile_patch)
    tags = Tags(html)
    assert [tag for tag, _ in tags.found].count("script") == 1
    assert "img" not in {tag for tag, _ in tags.found}
    assert "49" not in "".join(tags.texts["td"])
    assert "{{ 7*7 }}" in "".join(tags.texts["td"])
    assert "\u202e" not in html


def test_each_kept_patch_is_shown_by_its_lines() -> None:
    patch = "diff --git a/t b/t\n--- a/t\n+++ b/t\n@@ -1,2 +1,2 @@ x\n A = 1\n--- B\n+++ B\n"
    tags = Tags(made(night(), patch))
    lines = [attributes["class"] for tag, attributes in tags.found if tag == "code"]
    assert lines == ["place", "same", "remove", "add"] * 2
    assert [a["id"] for tag, a in tags.found if tag == "details"] == ["p1", "p5"]


def test_a_patch_that_git_lost_is_said_and_does_not_stop_the_report() -> None:
    def lost(e: Experiment) -> str:
        raise RepoError("bad object 0000001")

    shown = page(night(), findings(night()), lost)
    assert "this patch cannot be shown: bad object 0000001" in shown


def test_a_mark_leads_to_its_row() -> None:
    tags = Tags(made(night()))
    rows = {attributes.get("id") for tag, attributes in tags.found if tag == "tr"}
    marks = [attributes["data-n"] for tag, attributes in tags.found if "data-n" in attributes]
    assert len(marks) == 7
    assert {f"e{number}" for number in marks} <= rows


def test_the_conditions_of_the_scores_are_told() -> None:
    tags = Tags(made(night()))
    text = " ".join("".join(tags.texts["dt"] + tags.texts["dd"]).split())
    for expected in ("1 TFLOP each", "a CPU", "bubblewrap", "key12345", "sealed: computed", "1.9900, 2.0000, 2.0100"):
        assert expected in text
    assert re.search(r"8 scored: 3 of the baseline, 0 to confirm", text)


def test_a_self_reported_score_is_called_so_everywhere() -> None:
    ledger = campaign(*experiment(1, 1.9, KEEP), source=ScoreSource.SELF_REPORTED)
    assert "self-reported score" in findings(ledger).summary
    assert "Every score here is self-reported" in made(ledger)
    assert "self-reported" not in made(night())


def test_a_verified_gain_is_drawn_and_no_other() -> None:
    found = Verified(1, "c1", (7919, 7920, 7921), (1.91, 1.9, 1.89), (2.0,) * 3, "audit", 3)
    assert 'class="verified"' in made(campaign(*experiment(1, 1.85, KEEP), found))
    assert 'class="verified"' not in made(campaign(*experiment(1, 1.85, KEEP)))
