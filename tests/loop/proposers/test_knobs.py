"""The built-in search: what it proposes, what it learns, when it gives up."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.proposers import Brief, Proposal
from loop.proposers.knobs import Knobs
from loop.record.campaign_facts import CampaignCreated
from loop.record.experiment import Experiment
from loop.record.ledger import Ledger
from loop.record.types import Author, Failure, FailureKind, Metric, ProposalFailed, Reason, ScoreSource, Verdict
from loop.settings.program import Program
from loop.text.canvas import fingerprint
from loop.text.knobs import Value, knobs
from loop.text.patch import changed_knobs
from tests.loop.proposers.test_roles import names, numbers

CANVAS = """\
SEED = 42
TOTAL_BATCH = 8192  # tokens
DEVICE_BATCH = 8

MATRIX_LR = 0.04

WARMDOWN = 0.5

DEPTH = 4

COMPILE = True
NAME = "run"
"""
WORSE = (Verdict.DISCARD, Reason.WORSE)
TIED = (Verdict.DISCARD, Reason.WITHIN_NOISE)
KEPT = (Verdict.KEEP, Reason.BETTER)
CRASHED = (Verdict.CRASH, Reason.FAILED)


def brief(text: str = CANVAS, *experiments: Experiment, seed: int = 1, tried: frozenset[str] = frozenset()) -> Brief:
    ledger = Ledger("night", experiments={e.number: e for e in experiments})
    known = tried | {fingerprint(text)}
    return Brief(Program(devices="cpu"), "hash", "train.py", text, ledger, known, random_seed=seed)


def created(profile: str) -> CampaignCreated:
    return CampaignCreated(
        "", "train.py", "run", "5m", Metric(), ScoreSource.SEALED, "k", "a machine", "", "c0", profile=profile
    )


def experiment(
    number: int, verdict: tuple[Verdict, Reason] | None, delta: float = 0.0, **changes: tuple[str, str]
) -> Experiment:
    base = Experiment(number, "c", "p", f"idea {number}", Author.KNOBS, "knobs", 1, 1, 0.0, knobs=changes)
    return base if verdict is None else replace(base, verdict=verdict[0], reason=verdict[1], delta=delta, score=1.0)


def propose(asked: Brief) -> Proposal:
    return asyncio.run(Knobs().propose(asked))


def exhaust(asked: Brief, limit: int = 400) -> tuple[list[Proposal], ProposalFailed | None]:
    """Return every proposal until the search gives up, when all are merely refused."""
    found: list[Proposal] = []
    for seed in range(limit):
        try:
            found.append(propose(replace(asked, random_seed=seed)))
        except ProposalFailed as failed:
            return found, failed
        asked = replace(asked, tried=asked.tried | {fingerprint(found[-1].text)})
    return found, None


def changes(proposal: Proposal, text: str = CANVAS) -> dict[str, str]:
    return {name: after for name, (_, after) in changed_knobs(text, proposal.text).items()}


def test_the_first_moves_are_those_that_usually_matter() -> None:
    first = [changes(p) for p in exhaust(brief(), 3)[0]]
    assert first[0] == {"TOTAL_BATCH": "4096"}
    assert first[1] == {"MATRIX_LR": "0.08"}
    text = propose(brief()).text
    assert text == CANVAS.replace("8192", "4096")


def test_a_hypothesis_reads_like_one() -> None:
    proposal = propose(brief())
    assert proposal.hypothesis == ("Halve TOTAL_BATCH to 4096: twice the optimizer steps for the same compute.")
    assert (proposal.author, proposal.proposer) == (Author.KNOBS, "knobs")


def test_the_same_brief_gives_the_same_proposal() -> None:
    assert propose(brief(seed=3)) == propose(brief(seed=3))


def test_this_projects_canvas_offers_many_changes_none_of_them_twice() -> None:
    text = (Path(__file__).parents[3] / "train.py").read_bytes().decode()
    proposals, _ = exhaust(replace(brief(text), ledger=Ledger("night", created=created("cpu"))), 40)
    assert len({fingerprint(p.text) for p in proposals}) == len({p.hypothesis for p in proposals}) == 40
    for proposal in proposals:
        compile(proposal.text, "train.py", "exec")
        assert knobs(proposal.text, "gpu").keys() == knobs(text, "gpu").keys()
    for profile in ("gpu", "gpu-24"):
        own = {k.name: k.literal for k in knobs(text, profile).values() if k.profile}
        assert all({n: knobs(p.text, profile)[n].literal for n in own} == own for p in proposals)


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        pytest.param(
            experiment(1, KEPT, -0.09, TOTAL_BATCH=("16384", "8192")), {"TOTAL_BATCH": "4096"}, id="what paid"
        ),
        pytest.param(experiment(1, WORSE, 0.1, TOTAL_BATCH=("8192", "4096")), {"MATRIX_LR": "0.08"}, id="what failed"),
        pytest.param(experiment(1, None, TOTAL_BATCH=("8192", "4096")), {"MATRIX_LR": "0.08"}, id="what trains now"),
    ],
)
def test_the_next_move_follows_from_what_was_measured(past: Experiment, expected: dict[str, str]) -> None:
    assert changes(propose(brief(CANVAS, past))) == expected


def test_what_paid_once_comes_before_what_usually_pays() -> None:
    text = "WARMDOWN = 0.5\n\n\nWARMUP = 0.2\n"
    assert changes(propose(brief(text)), text) == {"WARMDOWN": "0.7"}
    assert changes(propose(brief(text, experiment(1, KEPT, -0.1, WARMUP=("0.1", "0.2")))), text) == {"WARMUP": "0.4"}


def test_a_joint_failure_says_nothing_of_one_knob() -> None:
    joint = experiment(1, WORSE, 0.1, TOTAL_BATCH=("8192", "4096"), DEPTH=("4", "5"))
    assert changes(propose(brief(CANVAS, joint))) == {"TOTAL_BATCH": "4096"}


def test_a_step_that_paid_is_named_as_the_reason_for_the_next() -> None:
    proposal = propose(brief(CANVAS, experiment(7, KEPT, -0.09, TOTAL_BATCH=("16384", "8192"))))
    assert proposal.hypothesis.endswith("and the last such step paid (#7).")


def test_steps_shrink_after_failures_until_a_direction_is_given_up() -> None:
    text = "LR = 0.04\n"
    failed: list[Experiment] = []
    tried: list[str] = []
    for number in range(1, 20):
        try:
            after = changes(propose(brief(text, *failed)), text)["LR"]
        except ProposalFailed:
            break
        tried.append(after)
        failed.append(experiment(number, WORSE, 0.1, LR=("0.04", after)))
    ups = [float(v) for v in tried if float(v) > 0.04]
    downs = [float(v) for v in tried if float(v) < 0.04]
    assert ups == [0.08, 0.057, 0.048, 0.044]
    assert downs == [0.02, 0.028, 0.034, 0.037]


def test_a_value_that_crashed_bounds_its_knob() -> None:
    crash = experiment(1, CRASHED, DEPTH=("4", "5"))
    proposals, _ = exhaust(brief(CANVAS, crash))
    assert proposals
    assert all(int(knobs(p.text)["DEPTH"].literal) <= 4 for p in proposals)


def test_a_batch_that_crashed_is_tried_again_with_passes_that_fit() -> None:
    crash = experiment(1, CRASHED, TOTAL_BATCH=("8192", "4096"))
    assert changes(propose(brief(CANVAS, crash))) == {"TOTAL_BATCH": "4096", "DEVICE_BATCH": "4"}


def test_near_misses_are_combined_once() -> None:
    misses = (
        experiment(1, TIED, -0.001, WARMDOWN=("0.5", "0.7")),
        experiment(2, TIED, -0.002, DEPTH=("4", "5")),
        experiment(3, TIED, +0.002, MATRIX_LR=("0.04", "0.08")),
    )
    found = [p for p in exhaust(brief(CANVAS, *misses))[0] if p.hypothesis.startswith("Combine")]
    assert [changes(p) for p in found] == [{"DEPTH": "5", "WARMDOWN": "0.7"}]
    assert found[0].hypothesis == (
        "Combine #2 and #1 (DEPTH 5 and WARMDOWN 0.7): each alone gained less than the noise."
    )
    again = experiment(4, WORSE, 0.1, DEPTH=("4", "5"), WARMDOWN=("0.5", "0.7"))
    assert not [p for p in exhaust(brief(CANVAS, *misses, again))[0] if p.hypothesis.startswith("Combine")]


def test_a_gain_means_higher_where_the_goal_is_to_maximize() -> None:
    created = CampaignCreated(
        "", "train.py", "run", "5m", Metric("score", minimize=False), ScoreSource.SELF_REPORTED, "", "", "", "c0"
    )
    asked = brief(CANVAS, experiment(1, TIED, 0.1, WARMDOWN=("0.5", "0.7")), experiment(2, TIED, 0.2, DEPTH=("4", "5")))
    asked.ledger.created = created
    assert any(p.hypothesis.startswith("Combine") for p in exhaust(asked)[0])


def test_neighbours_of_a_line_that_waits_come_later_because_they_would_not_merge() -> None:
    waits = experiment(1, None, DEVICE_BATCH=("8", "4"))
    assert changes(propose(brief(CANVAS, waits))) == {"MATRIX_LR": "0.08"}


def test_a_knob_that_waits_is_not_moved_again_while_any_other_is_left() -> None:
    text = "BATCH = 8192\nLR = 0.04\nDEPTH = 4\n"
    asked = brief(text, experiment(1, None, BATCH=("8192", "4096"), LR=("0.04", "0.08")))
    first = [changes(p, text) for p in exhaust(asked, 2)[0]]
    assert all(set(change) == {"DEPTH"} for change in first)


def test_the_same_value_is_tried_again_only_because_more_has_changed() -> None:
    tied = experiment(1, WORSE, 0.1, DEPTH=("2", "3"))
    proposals, _ = exhaust(brief("DEPTH = 2\n", tied))
    assert [p.hypothesis for p in proposals] == [
        "Halve DEPTH to 1: a shallower model sees more tokens.",
        "Raise DEPTH from 2 to 3: a deeper model learns more from a token, now that more has changed.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lr = 0.1\n", "train.py: no knob to turn; write numbers worth trying as UPPER_CASE = 0.1"),
        ("SEED = 1\nNAME = 'x'\nDEVICE = 'cpu'\nVOCAB_SIZE = 2048\nEVAL_TOKENS = 7\n", "no knob to turn"),
        ("not python (", "no knob to turn"),
    ],
)
def test_a_canvas_without_knobs_pauses_with_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(ProposalFailed) as failed:
        propose(brief(text))
    assert failed.value.pause
    assert sentence in str(failed.value)


def test_the_search_ends_when_everything_was_tried() -> None:
    proposals, failed = exhaust(brief("DEPTH = 2\nUSE_BIAS = False\n"))
    assert {p.text for p in proposals} == {
        "DEPTH = 1\nUSE_BIAS = False\n",
        "DEPTH = 3\nUSE_BIAS = False\n",
        "DEPTH = 2\nUSE_BIAS = True\n",
        "DEPTH = 1\nUSE_BIAS = True\n",
        "DEPTH = 3\nUSE_BIAS = True\n",
    }
    assert failed is not None and failed.pause
    assert str(failed).startswith("train.py: the built-in search has tried all it can do with its knobs")


@pytest.mark.parametrize(("profile", "turned"), [("gpu", "WIDTH_LR"), ("cpu", "DEPTH_LR")])
async def test_only_knobs_of_the_profile_that_runs_are_turned(profile: str, turned: str) -> None:
    text = 'if prepare.PROFILE.name == "gpu":\n    WIDTH_LR = 0.5\nelse:\n    DEPTH_LR = 0.5\n'
    proposal = await Knobs().propose(replace(brief(), text=text, ledger=Ledger("night", created=created(profile))))
    assert list(changed_knobs(text, proposal.text)) == [turned]


def test_a_crash_is_remembered_and_not_mended() -> None:
    asked = brief()
    assert asyncio.run(Knobs().repair(asked, propose(asked), Failure(FailureKind.NAN, "nan"))) is None


def test_it_loads_no_heavy_library() -> None:
    code = "import sys, json, loop.proposers.knobs; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"torch", "numpy", "litellm", "optuna"} & set(json.loads(out))


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(names, numbers, min_size=1, max_size=5), st.integers(0, 99))
def test_whatever_the_knobs_no_text_is_proposed_twice_and_every_one_parses(values: dict[str, Value], seed: int) -> None:
    text = "".join(f"{name} = {value!r}\n\n" for name, value in values.items())
    proposals, _ = exhaust(brief(text, seed=seed), 30)
    marks = [fingerprint(p.text) for p in proposals]
    assert len(set(marks)) == len(marks) and fingerprint(text) not in marks
    assert all(knobs(p.text).keys() == knobs(text).keys() for p in proposals)


def test_the_search_has_not_tried_all_while_a_verdict_may_open_the_next_step() -> None:
    text = "DEPTH = 1\nUSE_BIAS = False\n"
    proposals, _ = exhaust(brief(text))
    tried = frozenset(fingerprint(proposal.text) for proposal in proposals)
    with pytest.raises(ProposalFailed, match="the next step depends on #1") as failed:
        propose(brief(text, experiment(1, None, DEPTH=("1", "2")), tried=tried))
    assert failed.value.wait and not failed.value.pause
    with pytest.raises(ProposalFailed, match="has tried all") as failed:
        propose(brief(text, experiment(1, WORSE, DEPTH=("1", "2")), tried=tried))
    assert failed.value.pause
