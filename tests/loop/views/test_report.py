"""The exports: what leaves the project, and that nothing in it does harm."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import math
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loop.record.campaign_facts import CampaignCreated, NoiseMeasured
from loop.record.entries import Body, Entry
from loop.record.experiment import Experiment
from loop.record.experiment_facts import Judged, Proposed, RunEnded, RunStarted, Scored
from loop.record.ledger import Ledger
from loop.record.types import (
    Author,
    Cost,
    Failure,
    FailureKind,
    Metric,
    Outcome,
    Purpose,
    Reason,
    Refused,
    RepoError,
    ScoreSource,
    Verdict,
)
from loop.record.verification_facts import Audited, Verified
from loop.views import report
from loop.views.chart import BOTTOM, FONT, LEFT, LETTER, RIGHT, TOP, Chart, Label, draw, short, ticks

HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7*7 }} $\\frac{\u202e\tnext\nline'
KEEP = (Verdict.KEEP, Reason.BETTER)
NOISE = (Verdict.DISCARD, Reason.WITHIN_NOISE)
WORSE = (Verdict.DISCARD, Reason.WORSE)


def created(source: ScoreSource = ScoreSource.SEALED, minimize: bool = True) -> CampaignCreated:
    metric = Metric(minimize=minimize)
    return CampaignCreated(
        "", "train.py", "python train.py", "1 TFLOP", metric, source, "key12345", "a CPU", "bubblewrap", "c0"
    )


def experiment(number: int, score: float | None, verdict: tuple[Verdict, Reason], text: str = "") -> list[Body]:
    """One experiment from proposal to verdict; without a score it crashed."""
    commit = f"{number:07x}" + 33 * "f"
    bodies: list[Body] = [
        Proposed(number, commit, "p", text or f"Idea {number}: why", Author.MODEL, "m", 3, 1, cost=Cost(100, 10, 0.5)),
        RunStarted(number, 1, Purpose.MEASURE, 0, commit),
    ]
    if score is None:
        failure = Failure(FailureKind.ASSERTION, "6 does not divide 32")
        return [
            *bodies,
            RunEnded(number, 1, Outcome.CRASHED, 3.0, 4.0, failure=failure),
            Judged(number, Verdict.CRASH, Reason.FAILED, explanation=failure.message),
        ]
    return [
        *bodies,
        RunEnded(number, 1, Outcome.FINISHED, 15.0, 17.0, 614.4),
        Scored(number, 1, score, ScoreSource.SEALED),
        Judged(number, *verdict, score, score - 2.0, 0.01, f"{score}, so and so", 0),
    ]


def campaign(*bodies: Body, source: ScoreSource = ScoreSource.SEALED, minimize: bool = True) -> Ledger:
    start: list[Body] = [
        created(source, minimize),
        Proposed(0, "c0ffee0" + 33 * "f", "", "the baseline", Author.HUMAN, "human", 0, 0),
    ]
    for attempt, score in enumerate((1.99, 2.0, 2.01), 1):
        start += [
            RunStarted(0, attempt, Purpose.BASELINE, attempt - 1, "c0ffee0" + 33 * "f"),
            RunEnded(0, attempt, Outcome.FINISHED, 15.0, 17.0, 614.4),
            Scored(0, attempt, score, source),
        ]
    start += [NoiseMeasured(0.01, (1.99, 2.0, 2.01)), Judged(0, Verdict.KEEP, Reason.HUMAN, 2.0)]
    entries = [Entry(i, "night", 1_790_000_000.0 + i, body) for i, body in enumerate([*start, *bodies], 1)]
    return Ledger("night").feed(entries)


def night() -> Ledger:
    return campaign(
        *experiment(1, 1.9, KEEP),
        *experiment(2, None, KEEP),
        *experiment(3, 1.95, WORSE),
        *experiment(4, 1.895, NOISE),
        *experiment(5, 1.85, KEEP),
        *experiment(6, 3.7, WORSE),
        Proposed(7, "w", "p", "waits", Author.KNOBS, "knobs", 1, 1),
    )


def long_night(count: int) -> Ledger:
    bodies: list[Body] = []
    for n in range(1, count + 1):
        kept = n % 12 == 1
        score = 2.0 - 0.3 * math.log1p(n) / 6 + (0.0 if kept else 0.02 + 0.05 * (n * 7 % 11) / 11)
        bodies += experiment(n, score if n % 19 else None, KEEP if kept else WORSE, f"A rather long name of idea {n}")
    return campaign(*bodies)


def page(ledger: Ledger, tmp_path: Path, diff: str = "@@ -1 +1 @@\n-A = 1\n+A = 2\n") -> str:
    report.write_html(ledger, tmp_path / "report.html", lambda e: diff)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


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


# Rows


def test_rows_tell_all_of_an_experiment_and_survive_json() -> None:
    rows = json.loads(json.dumps(report.results_rows(night()), allow_nan=False))
    assert [row["experiment"] for row in rows] == list(range(8))
    assert rows[1] == {
        "experiment": 1, "commit": "0000001" + 33 * "f", "score": 1.9, "uncertainty": 0.01, "delta": 1.9 - 2.0,
        "verdict": "keep", "reason": "better", "outcome": "finished", "source": "sealed", "author": "model",
        "proposer": "m", "hypothesis": "Idea 1: why", "explanation": "1.9, so and so", "runs": 1, "lines_added": 3,
        "lines_removed": 1, "peak_memory_mb": 614.4, "train_seconds": 15.0, "total_seconds": 17.0, "dollars": 0.5,
        "tokens": 110, "at": "2026-09-21T14:13:38+00:00",
    }  # fmt: skip
    assert (rows[2]["score"], rows[2]["verdict"], rows[2]["outcome"]) == (None, "crash", "crashed")
    assert (rows[7]["verdict"], rows[7]["outcome"], rows[7]["runs"]) == (None, None, 0)


def test_rows_have_the_same_columns_whatever_happened() -> None:
    assert len({tuple(row) for row in report.results_rows(night())}) == 1
    assert report.results_rows(Ledger("none")) == []


# results.tsv


def test_the_table_is_the_one_that_users_know(tmp_path: Path) -> None:
    report.write_tsv(night(), tmp_path / "results.tsv")
    assert (tmp_path / "results.tsv").read_text().splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "c0ffee0\t2.000000\t0.6\tkeep\tthe baseline",
        "0000001\t1.900000\t0.6\tkeep\tIdea 1: why",
        "0000002\t0.000000\t0.0\tcrash\tIdea 2: why",
        "0000003\t1.950000\t0.6\tdiscard\tIdea 3: why",
        "0000004\t1.895000\t0.6\tdiscard\tIdea 4: why",
        "0000005\t1.850000\t0.6\tkeep\tIdea 5: why",
        "0000006\t3.700000\t0.6\tdiscard\tIdea 6: why",
    ]


def test_a_description_never_breaks_the_table(tmp_path: Path) -> None:
    report.write_tsv(campaign(*experiment(1, 1.9, KEEP, HOSTILE)), tmp_path / "results.tsv")
    rows = list(csv.reader(io.StringIO((tmp_path / "results.tsv").read_text()), dialect="excel-tab"))
    assert [len(row) for row in rows] == [5, 5, 5]


def test_what_never_ran_is_not_in_the_table(tmp_path: Path) -> None:
    ledger = campaign(
        Proposed(1, "c", "p", "does not fit", Author.MODEL, "m", 1, 1), Judged(1, Verdict.INVALID, Reason.FAILED)
    )
    report.write_tsv(ledger, tmp_path / "results.tsv")
    assert "does not fit" not in (tmp_path / "results.tsv").read_text()
    assert all(mark.number != 1 for mark in draw(ledger).marks)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.tsv").write_text("old")

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Refused, match=r"results.tsv: cannot be written .No space left on device.;"):
        report.write_tsv(night(), tmp_path / "results.tsv")
    assert [p.name for p in tmp_path.iterdir()] == ["results.tsv"]
    assert (tmp_path / "results.tsv").read_text() == "old"


# Words


def test_the_summary_of_an_older_journal_claims_nothing_for_its_one_audit_pair() -> None:
    ledger = night()
    ledger.audits.append(Audited(5, 7919, 2.02, 1.88))
    assert report.summary(ledger).splitlines() == [
        "not verified yet; 'autoresearch verify' measures the gain",
        "selected: #5 val_bpb 1.8500, −0.1400 ± 0.0141 against the baseline on the seeds and rows that chose it, "
        "−7.0 %",
        "6 experiments, 2 kept, 1 crashed",
        "1 TFLOP each · a CPU · sealed score · noise of a pair 0.0141, guessed from 3 baselines",
        "verification: #5 on a seed and rows that chose nothing: 2.0200 → 1.8800, −0.1400; "
        "one pair has no interval, 'autoresearch verify' measures three",
    ]


def test_a_self_reported_score_is_called_so_everywhere(tmp_path: Path) -> None:
    ledger = campaign(*experiment(1, 1.9, KEEP), source=ScoreSource.SELF_REPORTED)
    assert "self-reported score" in report.summary(ledger)
    assert "Every score here is self-reported" in page(ledger, tmp_path)
    assert "self-reported" not in page(night(), tmp_path)


# The picture


def boxes(picture: Chart) -> list[tuple[float, float, float, float]]:
    def box(label: Label) -> tuple[float, float, float, float]:
        left = label.x - (LETTER * len(label.text) if label.anchor == "end" else 0)
        return left, label.y - FONT, left + LETTER * len(label.text), label.y + 3

    return [box(label) for label in picture.labels]


@pytest.mark.parametrize("ledger", [night(), long_night(60), long_night(500)], ids=["6", "60", "500"])
def test_no_label_hides_another_or_leaves_the_plot(ledger: Ledger) -> None:
    found = boxes(draw(ledger))
    assert found
    for i, (left, top, right, bottom) in enumerate(found):
        assert left >= LEFT and right <= RIGHT and top >= TOP and bottom <= BOTTOM
        for other in found[:i]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_every_experiment_with_a_verdict_has_its_mark() -> None:
    kinds = {mark.number: mark.kind for mark in draw(night()).marks}
    assert kinds == {0: "baseline", 1: "keep", 2: "crash", 3: "worse", 4: "noise", 5: "keep", 6: "worse"}


def test_what_is_far_off_does_not_flatten_the_rest() -> None:
    picture = draw(night())
    beyond = [mark for mark in picture.marks if mark.beyond]
    assert [mark.number for mark in beyond] == [6]
    ys = {mark.number: mark.y for mark in picture.marks}
    assert ys[5] - ys[0] > (BOTTOM - TOP) / 2
    assert all(TOP <= y <= BOTTOM for y in ys.values())


def test_the_line_is_the_best_ever_kept_and_ignores_a_worse_one_that_a_human_adopted() -> None:
    adopted = campaign(*experiment(1, 1.9, KEEP), *experiment(2, 1.97, (Verdict.KEEP, Reason.HUMAN)))
    ys = [y for _, y in draw(adopted).line]
    assert ys == sorted(ys)
    assert len(set(ys)) == 2


def test_better_is_up_where_the_goal_is_to_maximize() -> None:
    ledger = campaign(*experiment(1, 2.1, KEEP), *experiment(2, 1.9, WORSE), minimize=False)
    ys = {mark.number: mark.y for mark in draw(ledger).marks}
    assert ys[1] < ys[0] < ys[2]


def test_kept_ones_are_named_by_their_first_clause() -> None:
    assert [label.text for label in draw(night()).labels] == ["#5 Idea 5", "#1 Idea 1"]
    assert short("Halve BATCH to 4096: twice the steps.") == "Halve BATCH to 4096"
    assert len(short("word " * 40)) <= 38


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (1.83, 2.02, [1.85, 1.9, 1.95, 2.0]), (-1, 1, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert list(ticks(low, high, 5)) == pytest.approx(expected)


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
    report.plot(ledger, tmp_path / "progress.png")
    picture = (tmp_path / "progress.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (2240, 1120)
    assert page(ledger, tmp_path).rstrip().endswith("</html>")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["progress.png", "report.html"]


def compared(number: int, score: float, over: int, delta: float) -> list[Body]:
    """One kept experiment, whose pairs with incumbent `over` differ by `delta`; its own scores have a seed's luck."""
    *bodies, judged = experiment(number, score, KEEP)
    assert isinstance(judged, Judged)
    return [*bodies, replace(judged, delta=delta, incumbent=over)]


@pytest.mark.parametrize("luck", [0.15, -0.15], ids=["a hard seed", "an easy seed"])
def test_the_line_is_what_verdicts_compared_and_not_the_luck_of_seeds(luck: float) -> None:
    """#1 gains 0.1; #2, on other seeds, another 0.02. By its score #2 is no gain on a hard seed, 0.17 on an easy."""
    ledger = campaign(*compared(1, 1.9, 0, -0.1), *compared(2, 1.88 + luck, 1, -0.02))
    picture, best = draw(ledger), ledger.best
    assert best is not None and best.number == 2 and ledger.compared(best) == pytest.approx(1.88)
    marks = {mark.number: mark.y for mark in picture.marks}
    scale = (marks[1] - marks[0]) / -0.1  # pixels for a unit of score
    assert picture.line[-1][1] - picture.line[0][1] == pytest.approx(-0.12 * scale)
    assert marks[2] == picture.line[-1][1], "a kept mark is on its line"


def test_a_claimed_gain_stands_beside_the_line_with_its_interval_and_only_that(tmp_path: Path) -> None:
    seeds, gains = (7919, 7920, 7921), (0.09, 0.1, 0.11)
    found = Verified(1, "c1", seeds, tuple(2.0 - gain for gain in gains), (2.0,) * 3, "audit", 3)
    ledger = campaign(*experiment(1, 1.85, KEEP), found)
    picture = draw(ledger)
    assert picture.verified is not None and picture.baseline is not None
    _, y, low, high = picture.verified
    assert low < y < high and picture.line[-1][1] > y > picture.baseline, "selected flatters"
    assert 'class="verified"' in page(ledger, tmp_path)
    assert "verified, 95 %" in {word for _, _, word in picture.legend}
    none = campaign(*experiment(1, 1.85, KEEP), replace(found, scores=(2.1, 1.9, 2.0)))
    assert draw(none).verified is None and draw(night()).verified is None


def test_a_campaign_without_noise_has_no_band() -> None:
    ledger = night()
    assert draw(ledger).band
    ledger.noise_floor = None
    assert draw(ledger).band == ()


# report.html


def test_the_page_is_whole_in_itself(tmp_path: Path) -> None:
    tags = Tags(page(night(), tmp_path))
    assert not {"img", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in tags.found}
    for _, attributes in tags.found:
        assert not {"src", "href", "style", "srcset"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]


def test_the_policy_allows_this_pages_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    tags = Tags(page(night(), tmp_path))
    policy = next(a["content"] for t, a in tags.found if a.get("http-equiv") == "Content-Security-Policy") or ""
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(tags.texts[kind][0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    hostile_patch = f"@@ -1 +1 @@\n+{HOSTILE}\n</code></div><script>alert(3)</script>\n"
    html = page(campaign(*experiment(1, 1.9, KEEP, HOSTILE)), tmp_path, hostile_patch)
    tags = Tags(html)
    assert [tag for tag, _ in tags.found].count("script") == 1
    assert "img" not in {tag for tag, _ in tags.found}
    assert "49" not in "".join(tags.texts["td"])
    assert "{{ 7*7 }}" in "".join(tags.texts["td"])
    assert "\u202e" not in html


def test_each_kept_patch_is_shown_by_its_lines(tmp_path: Path) -> None:
    patch = "diff --git a/t b/t\n--- a/t\n+++ b/t\n@@ -1,2 +1,2 @@ x\n A = 1\n--- B\n+++ B\n"
    tags = Tags(page(night(), tmp_path, patch))
    lines = [attributes["class"] for tag, attributes in tags.found if tag == "code"]
    assert lines == ["place", "same", "remove", "add"] * 2
    assert [a["id"] for tag, a in tags.found if tag == "details"] == ["p1", "p5"]


def test_a_patch_that_git_lost_is_said_and_does_not_stop_the_report(tmp_path: Path) -> None:
    def lost(e: Experiment) -> str:
        raise RepoError("bad object 0000001")

    report.write_html(night(), tmp_path / "report.html", lost)
    assert "this patch cannot be shown: bad object 0000001" in (tmp_path / "report.html").read_text()


def test_a_mark_leads_to_its_row(tmp_path: Path) -> None:
    tags = Tags(page(night(), tmp_path))
    rows = {attributes.get("id") for tag, attributes in tags.found if tag == "tr"}
    marks = [attributes["data-n"] for tag, attributes in tags.found if "data-n" in attributes]
    assert len(marks) == 7
    assert {f"e{number}" for number in marks} <= rows


def test_the_conditions_of_the_scores_are_told(tmp_path: Path) -> None:
    tags = Tags(page(night(), tmp_path))
    text = " ".join("".join(tags.texts["dt"] + tags.texts["dd"]).split())
    for expected in ("1 TFLOP each", "a CPU", "bubblewrap", "key12345", "sealed: computed", "1.9900, 2.0000, 2.0100"):
        assert expected in text
    assert re.search(r"8 scored: 3 of the baseline, 0 to confirm", text)


def test_a_page_of_somebody_elses_is_left_alone_and_ours_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert report.exports(tmp_path, "night", ())[2] == page
    page.write_text("<html>mine</html>")
    assert report.exports(tmp_path, "night", ())[2] == tmp_path / "report-night.html"
    report.write_html(Ledger("night"), page, lambda _: "")
    assert report.exports(tmp_path, "night", ())[2] == page
