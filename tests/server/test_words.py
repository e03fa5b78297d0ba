"""What people read: one line of lenses always, labels that fit, numbers whole, one of a thing and several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lsprotocol import types as t

from loop.record.campaign_facts import StateChanged
from loop.record.home import find_home
from loop.record.intents import StartRequested
from loop.record.journal import Journal
from loop.record.types import State
from loop.record.values import counted
from loop.record.verification_facts import Verified
from loop.text.numbers import signed_number
from server.convert import Encoding
from server.documents import Document, Role
from server.features.actions import code_actions
from server.features.citations import cited_lines
from server.features.diagnostics import diagnose
from server.features.hints import _caused
from server.features.hovers import details, hover
from server.features.lenses import code_lenses
from server.features.words import LABEL, label, status_rows
from server.fitting import unmarked
from server.snapshot import Snapshot
from tests.campaigns import Campaign, make_repository
from tests.server.editor import edited
from tests.server.small import BASE, FOURTH, PROGRAM, THIRD, experiment, seen

UTF16 = Encoding("utf-16")


def shown(snapshot: Snapshot, name: str, text: str) -> Document:
    path = snapshot.folder / name
    return Document(path.as_uri(), path, 1, text)


def titles(snapshot: Snapshot, name: str, text: str, line: int) -> list[str]:
    """Return what stands above a line; nothing stands above another one."""
    found = code_lenses(snapshot, shown(snapshot, name, text), UTF16)
    assert {lens["range"]["start"]["line"] for lens in found} == {line}
    return [lens["command"]["title"] for lens in found]


def test_one_line_of_lenses_stands_above_program_and_canvas_from_the_first_look_to_the_end(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", BASE.encode(), PROGRAM)
    heading = PROGRAM.splitlines().index("# Title")
    for name, text, line in (("program.md", PROGRAM, heading), ("train.py", BASE, 0)):
        assert titles(Snapshot(folder), name, text, line) == ["◌ looking for a campaign"]
    assert titles(seen(folder), "program.md", PROGRAM, heading) == ["▶ Start campaign"]
    assert titles(seen(folder), "train.py", BASE, 0) == ["▶ Start campaign"]
    with Journal(find_home(folder).journal) as journal:
        journal.append("nov23", StartRequested(), StateChanged(State.PREPARING, "getting ready"))
    assert titles(seen(folder), "train.py", BASE, 0) == titles(seen(folder), "program.md", PROGRAM, heading)
    campaign = Campaign(folder)
    assert titles(seen(folder), "train.py", BASE, 0) == [
        "best 1.0000 self-reported (#0) · every kept patch is in this file"
    ]
    campaign.keep(THIRD, "a larger rate", 0.99)
    assert titles(seen(folder), "train.py", BASE, 0) == [
        "best 0.9900 self-reported (#1) · 1 kept patch not in this file · Pull"
    ]
    campaign.record(StateChanged(State.FINISHED, "done"))
    assert titles(seen(folder), "program.md", PROGRAM, heading)[1:] == [
        "not verified yet; 'autoresearch verify' measures the gain",
        "▶ Start campaign",
        "Verify",
        "Results",
    ]
    campaign.record(Verified(1, "c1", (7919, 7920), (0.99, 0.9902), (1.0, 1.0), "val"))
    claim = "verified: −0.0099 ± 0.0013 (95 %, 2 fresh seeds, self-reported)"
    assert titles(seen(folder), "program.md", PROGRAM, heading)[1:] == [claim, "▶ Start campaign", "Results"]
    program = shown(seen(folder), "program.md", PROGRAM)
    place = t.HoverParams(t.TextDocumentIdentifier(program.uri), t.Position(heading, 0))
    found = hover(seen(folder), program, UTF16, place)
    assert found is not None and isinstance(found.contents, t.MarkupContent)
    claimed = found.contents.value.index(claim)
    assert found.contents.value.index("selected: #1 val") > claimed, "the selected number stands below what is verified"
    broken = replace(seen(folder), review=None, trouble="journal.db: is\ndamaged")
    assert titles(broken, "train.py", BASE, 0)[0] == "journal.db: is damaged"


@pytest.mark.parametrize("delta", [-0.0043, -1.2e-7, 3.5, -123.4, -987_654_321.0, None])
@pytest.mark.parametrize("number", [1, 10_000])
def test_a_label_fits_and_no_number_is_cut(number: int, delta: float | None) -> None:
    text = label([experiment(number, delta)])
    assert len(text) <= LABEL and text.startswith(f"#{number}")
    assert delta is None or text.split()[-1].lstrip("−+").replace(",", "").replace("e-", "").replace(".", "").isdigit()


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param([-0.005, -0.0031], "#9 #10 −0.0081", id="two in turn"),
        pytest.param([-0.005] * 7, "… #13 #14 #15 −0.0350", id="the newest of many"),
        pytest.param([-0.005, 0.005], "#9 #10 0.0000", id="a gain and a loss"),
        pytest.param([-0.005, None], "#9 #10", id="of an unknown gain there is no sum"),
    ],
)
def test_those_that_wrote_in_turn_are_named_with_their_sum(deltas: list[float | None], expected: str) -> None:
    many = [experiment(n, delta) for n, delta in enumerate(deltas, 9)]
    assert label(many) == label(many, spread=True) == expected


@pytest.mark.parametrize("delta", [-0.0043, -1.2e-7, -123.4, -987_654_321.0])
@pytest.mark.parametrize("count", [2, 3, 300])
def test_a_label_of_several_fits_and_has_the_newest(count: int, delta: float) -> None:
    text = label([experiment(n, delta) for n in range(10_000, 10_000 + count)])
    assert len(text) <= LABEL and f"#{9_999 + count} {signed_number(count * delta)}" in text


@pytest.mark.parametrize("count", [1, 3, 10_000])
def test_what_a_section_has_caused_fits(campaign: Campaign, count: int) -> None:
    snapshot = seen(campaign.folder)
    assert snapshot.ledger is not None
    one = snapshot.ledger.experiments[1]
    many = {n: replace(one, number=n, delta=-4321.0) for n in range(1, count + 1)}
    caused = _caused(replace(snapshot, ledger=replace(snapshot.ledger, experiments=many)), tuple(many))
    assert caused is not None and len(caused[0]) <= LABEL and caused[0].endswith(".0")


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("**#3** a \\*b\\* \\`c\\` \\\\", "#3 a *b* `c` \\"),
        ("one\n\n---\n\n```diff\n- a\n+ b\n```", "one\n\n- a\n+ b"),
        ("| value | score |\n|---|---|\n| 0.3 | 1.0 |", "| value | score |\n| 0.3 | 1.0 |"),
        ("Example: `5m`", "Example: 5m"),
        ("```diff\n- A = 2**17\n+ A = 2**18  # \\*\n---\n```", "- A = 2**17\n+ A = 2**18  # \\*\n---"),
        ("**A** set to `2**18`, **now**", "A set to 2**18, now"),
    ],
)
def test_a_client_that_shows_no_markdown_gets_words(marked: str, plain: str) -> None:
    assert unmarked(marked) == plain


def test_a_heading_in_a_code_fence_is_none(tmp_path: Path) -> None:
    text = "---\nmodel: knobs\n---\n```sh\n# a comment\n```\n# Title\n"
    folder = make_repository(tmp_path / "r", BASE.encode(), text)
    assert titles(seen(folder), "program.md", text, 6) == ["▶ Start campaign"]


def test_the_story_of_a_crash_is_told_once(campaign: Campaign) -> None:
    campaign.crash(campaign.propose(BASE, "back"), 2, "NameError: LR")
    snapshot = seen(campaign.folder)
    crashed = snapshot.experiment(3)
    assert crashed is not None and details(snapshot, crashed).count("NameError: LR") == 1


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("results.tsv", Role.RESULTS),
        ("results-nov23.tsv", Role.RESULTS),
        ("myresults.tsv", None),
        ("train.py", Role.CANVAS),
        ("program.md", Role.PROGRAM),
        ("sub/train.py", None),
    ],
)
def test_what_a_file_is_to_a_campaign(name: str, role: Role | None) -> None:
    assert Snapshot(Path("/c")).role(shown(Snapshot(Path("/c")), name, "")) is role


def test_one_is_one_and_two_are_several(campaign: Campaign) -> None:
    assert [counted(n, w) for n, w in ((1, "hunk"), (0, "hunk"), (2, "kept patch"))] == [
        "1 hunk",
        "0 hunks",
        "2 kept patches",
    ]
    snapshot = seen(campaign.folder)

    def words(line: int) -> str:
        document = shown(snapshot, "train.py", THIRD)
        params = t.HoverParams(t.TextDocumentIdentifier(document.uri), t.Position(line, 0))
        found = hover(snapshot, document, UTF16, params)
        return found.contents.value if found and isinstance(found.contents, t.MarkupContent) else ""

    assert "1 kept patch not in this file · waiting for review: 1 hunk" in words(0)
    assert "**LR**: 1 value tried, best 0.3 (0.9900, #1)" in words(1) and "1 → 1 line" in words(1)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("front", "expected"),
    [
        pytest.param("modle: knobs", "model: knobs", id="a key"),
        pytest.param("modle: 3", "model: 3", id="a key whose value is no better"),
        pytest.param("stop: {experiments: 5, experiment: 6}", None, id="a key that is there already"),
        pytest.param("model: [knobs, 3] # two", "model: knobs # two", id="a list"),
        pytest.param("model: {a: b}", "model: knobs", id="keys in the place of a value"),
        pytest.param("model:\n- knobs\n- 3\nqueue: 2", "model: knobs\nqueue: 2", id="a list on lines of its own"),
        pytest.param("metric: 'a: b'", "metric: val_bpb", id="a group written short"),
        pytest.param("model: é😋, 3", "model: knobs", id="letters of two units"),
        pytest.param("queue: 1\nqueue: 2", "queue: 1", id="given twice"),
        pytest.param("stop: {hours: 1, hours: 2}", None, id="given twice on one line"),
        pytest.param("nonsense:\n  a: 3\nqueue: 2", "queue: 2", id="a key with a block"),
        pytest.param("metric: {goal: minimize, foo: 1}", None, id="a key that is not alone on its line"),
    ],
)
def test_a_fix_replaces_what_is_wrong_and_nothing_else(front: str, expected: str | None, ends: str) -> None:
    def whole(front: str) -> str:
        return f"---\n{front}\n---\n# T\n".replace("\n", ends)

    snapshot = Snapshot(Path("/c"))
    document = shown(snapshot, "program.md", whole(front))
    where = t.Range(t.Position(0, 0), t.Position(9, 0))
    params = t.CodeActionParams(t.TextDocumentIdentifier(document.uri), where, t.CodeActionContext([]))
    found = [a.edit.document_changes for a in code_actions(snapshot, document, UTF16, params) if a.edit]
    texts = [edited(document.text, list(change[0].edits), "utf-16") for change in found if change]  # type: ignore[union-attr, arg-type]
    assert texts == ([] if expected is None else [whole(expected)])


def test_the_canvas_that_is_looked_for_is_the_one_that_the_text_names(campaign: Campaign) -> None:
    def told() -> list[str]:
        return [d.message.partition(";")[0] for d in diagnose(snapshot, document, UTF16)]

    snapshot = seen(campaign.folder)
    document = shown(snapshot, "program.md", "---\ncanvas: trian.py\n---\n# T\n")
    assert told() == ["trian.py: not found beside program.md"]
    (campaign.folder / "trian.py").touch()
    assert told() == []


def test_a_citation_is_found_where_its_item_is_wrapped_and_not_in_a_code_fence(campaign: Campaign) -> None:
    text = "# T\n\n- Try other learning rates for\n  the head\n- Halve\n\n```\n# Halve\n```\n"
    cited = {"Try other learning rates for the head": (1,), "Halve": (2,)}
    snapshot = replace(seen(campaign.folder), cited=cited)
    for ends in ("\n", "\r\n"):
        assert cited_lines(snapshot, shown(snapshot, "program.md", text.replace("\n", ends))) == {2: (1,), 4: (2,)}


def test_a_deletion_at_the_end_is_told_on_the_last_line(campaign: Campaign) -> None:
    cut = FOURTH.removesuffix("\n\nmain()\n")
    campaign.keep(cut, "no call", 0.96)
    snapshot = seen(campaign.folder)
    document = shown(snapshot, "train.py", cut)
    last = t.Position(len(document.lines) - 1, 0)
    found = hover(snapshot, document, UTF16, t.HoverParams(t.TextDocumentIdentifier(document.uri), last))
    assert found and isinstance(found.contents, t.MarkupContent) and "3 → 0 lines" in found.contents.value


def test_a_pull_that_would_bring_nothing_is_not_counted(campaign: Campaign) -> None:
    snapshot = seen(campaign.folder)
    here = t.Range(t.Position(0, 0), t.Position(0, 0))
    for text, title in ((FOURTH, "Pull what was kept"), (BASE, "Pull: 2 kept patches not in this file")):
        document = shown(snapshot, "train.py", text)
        params = t.CodeActionParams(t.TextDocumentIdentifier(document.uri), here, t.CodeActionContext([]))
        (pull,) = [a for a in code_actions(snapshot, document, UTF16, params) if a.kind == "source.autoresearch.pull"]
        assert (pull.title, pull.disabled is None) == (title, text is BASE)


def test_a_tooltip_tells_in_the_servers_words_what_is_known_and_no_more(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", BASE.encode(), PROGRAM)
    assert status_rows(seen(folder)) == []
    campaign = Campaign(folder)
    campaign.keep(THIRD, "a larger rate", 0.99, {"LR": ("0.1", "0.3")})
    campaign.keep(FOURTH, "clip the gradient", 0.97)
    rows = dict(status_rows(seen(folder)))
    assert rows["best"] == "0.9700 self-reported (#2), 2 kept of 2"
    assert rows["claim"].startswith("not verified yet")
    assert rows["score"] == "val_bpb, self-reported"
    assert not {"now", "left", "branch"} & set(rows)
