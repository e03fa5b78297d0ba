"""The audit refuses what knows later tokens or other rows, and no honest canvas."""

import contextlib

import numpy as np
import pytest
import torch

import prepare
from tests.ruler import mixers
from tests.ruler.leaks import FUTURE, ROWS, leaking
from tests.ruler.scored import by_hand, score, tolerance


def exam_of(ruler):
    rows = ruler.rows(prepare.VAL).astype("int64")
    return prepare.Exam(rows, prepare.token_bytes(ruler.tokenizer())[rows[:, 1:]])


@pytest.mark.parametrize("body", FUTURE.values(), ids=FUTURE)
def test_what_depends_on_later_tokens_is_refused_as_that(run, body):
    answer = score(run(leaking(body)))
    assert (answer["ok"], answer.get("kind")) == (False, "non_causal"), answer
    assert "only later tokens change; the model sees the future" in answer["detail"]


@pytest.mark.parametrize("body", ROWS.values(), ids=ROWS)
def test_what_depends_on_other_rows_is_refused_as_that(run, body, monkeypatch):
    # Half of these few rows stay as they are; of all rows, the default's 25 would do.
    monkeypatch.setattr(prepare, "WHOLE_ROWS", 2)
    answer = score(run(leaking(body)))
    assert (answer["ok"], answer.get("kind")) == (False, "depends_on_rows"), answer
    assert "scale, route and count per token or row" in answer["detail"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_row_is_asked_again_in_the_company_that_it_had(ruler, run, processes):
    """Every earlier row counts for this model: its answer is the same only where all of them are asked again."""
    folder, exam = run(leaking(ROWS["counts of all earlier rows"])), exam_of(ruler)
    with contextlib.ExitStack() as stack:

        def start(count=1):
            models = prepare.start_models(folder, folder / "train.py", [], 60.0, count)
            return [stack.enter_context(contextlib.closing(model)) for model in models]

        nats, batch = prepare._answers(start(processes), exam, 4)
        row = len(exam.rows) - 2
        assert np.array_equal(prepare._as_before(exam, row, exam.inputs[row], batch, processes, start()), nats[row])
        altered = exam.inputs[row].copy()
        altered[20:] = 1
        again = prepare._as_before(exam, row, altered, batch, processes, start())
        assert np.array_equal(again[:20], nats[row, :20]) and not np.array_equal(again[20:], nats[row, 20:])


def test_a_leak_below_the_tolerance_gains_no_more_than_it_may(ruler, run):
    # Raising one token lowers the others a little: where the audit shows another one that is likely, both count.
    leak = f"return raised(logits, seen, {0.7 * tolerance(ruler)})"
    answer = score(run(leaking(leak)))
    gained = by_hand(ruler, prepare.VAL) - answer["val_bpb"]
    assert 0.5 * prepare.MOST_GAIN < gained <= prepare.MOST_GAIN


def test_no_other_cuts_are_drawn_for_an_auditor_without_memory(run, tmp_path, monkeypatch):
    """A leak on some tokens only: an auditor that sees its cut on one of them would like to have others drawn."""
    (tmp_path / "private").mkdir()
    monkeypatch.setattr(prepare.tempfile, "tempdir", str(tmp_path / "private"))
    answer = score(
        run(
            leaking(f"""
    import glob
    if len(glob.glob({str(tmp_path)!r} + "/private/*")) < 2:
        raise MemoryError
    return mixed(logits, seen, 0.9)
""")
        )
    )
    assert answer["kind"] == "oom"


@pytest.mark.parametrize(
    "names",
    [
        "conv gru lstm attention alibi",
        "gqa swa moe cached depth",
        "quantised scan norm half auto checkpointed tied",
        "attention moe bf16",
        "lstm swa fp16",
        "compiled",
    ],
)
def test_an_honest_canvas_differs_by_nothing(ruler, run, names):
    folder = run()
    (folder / "train.py").write_text(mixers.canvas(names))
    torch.manual_seed(0)
    there: dict[str, object] = {}
    exec(mixers.canvas(names), there)
    torch.save(there["build_model"]().state_dict(), folder / "checkpoint.pt")
    answer = score(folder, timeout_s=200.0)
    assert answer["ok"], answer
    assert answer["largest_difference"] < tolerance(ruler) / 100
