"""The score is what is computed by hand; a canvas that gives no answer gets none, and is told why."""

import contextlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import prepare
from tests.ruler.scored import HONEST, T, V, before_forward, by_hand, score


@pytest.mark.parametrize(("cores", "split", "rows"), [(1, "val", prepare.VAL), (2, "audit", prepare.AUDIT)])
def test_a_known_model_has_the_score_computed_by_hand(ruler, run, monkeypatch, cores, split, rows):
    monkeypatch.setattr(prepare, "_side_by_side", lambda p: cores)
    folder = run()
    answer = prepare.score(folder, folder / "train.py", split, [])
    assert answer["val_bpb"] == pytest.approx(by_hand(ruler, rows), abs=1e-6)
    assert answer["tokens"] == (ruler.rows(rows)[:, 1:] != V - 1).sum()
    assert answer["audited_rows"] == len(ruler.rows(rows))
    assert answer["largest_difference"] < 1e-5


def test_a_model_that_fits_only_two_rows_has_the_same_score(ruler, run):
    answer = score(run(before_forward("if len(tokens) > 2: raise torch.OutOfMemoryError")))
    assert answer["val_bpb"] == pytest.approx(by_hand(ruler, prepare.VAL), abs=1e-6)


def test_equal_logits_score_as_the_uniform_model_however_large(ruler, run):
    answer = score(run(weights=torch.full((V, V), 1e4)))
    expected = math.log2(V) * answer["tokens"] / answer["bytes"]
    assert answer["val_bpb"] == pytest.approx(expected) == pytest.approx(answer["uniform_bpb"])


SEES_ONE_TOKEN_AHEAD = """
    def forward(self, tokens):
        return self.table(tokens) + 9.0 * torch.nn.functional.one_hot(tokens.roll(-1, 1), 512)
    Model.forward = forward
"""


@pytest.fixture(scope="module")
def loading(ruler, tmp_path_factory):
    """One model process; it can be asked to load again while it failed to."""
    folder = tmp_path_factory.mktemp("loading")
    torch.save({"table.weight": torch.zeros(V, V)}, folder / "checkpoint.pt")
    (model,) = prepare.start_models(folder, folder / "train.py", [], 60.0)
    with contextlib.closing(model):
        yield model, folder / "train.py"


@pytest.mark.parametrize(
    ("canvas", "detail"),
    [
        pytest.param("import no_such_module", "ModuleNotFoundError", id="fails at import"),
        pytest.param("def build_model(:", "SyntaxError", id="syntax error"),
        pytest.param("x = 1", r"train.py has no build_model\(\)", id="no build_model"),
        pytest.param(HONEST + "prepare.Budget()", "train under if __name__ == '__main__'", id="trains at import"),
        pytest.param(HONEST + "sys.exit(0)", "SystemExit", id="exits at import"),
        pytest.param(
            HONEST + "Model.__init__ = torch.nn.Module.__init__", "state_dict.*table.weight", id="other weights"
        ),
    ],
)
def test_a_canvas_that_cannot_be_loaded_is_a_crash_with_its_line(loading, canvas, detail):
    process, path = loading
    path.write_text(canvas)
    process.load()
    with pytest.raises(prepare.NoScore) as ending:
        process.answer()
    assert ending.value.kind == "crash"
    assert re.search(detail, ending.value.detail, re.DOTALL)
    assert "Traceback" in ending.value.trace


WRITES_TO_EVERY_PIPE = """
for fd in range(3, 4096):
    try:
        os.write(fd, b'{"number": 0, "dtype": "float32", "val_bpb": 0.1}\\n')
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    ("canvas", "kind", "detail"),
    [
        pytest.param(before_forward("os._exit(0)"), "crash", "ended with exit code 0", id="dies quietly"),
        pytest.param(before_forward("return tokens"), "bad_shape", r"shape \(4, 64, 512\)", id="shape"),
        pytest.param(before_forward("return None"), "bad_shape", "returned NoneType", id="nothing"),
        pytest.param(before_forward("return self.table(tokens) / 0"), "nan", "not finite", id="infinite"),
        pytest.param(SEES_ONE_TOKEN_AHEAD, "non_causal", "sees the future", id="sees one token ahead"),
        pytest.param(before_forward("raise MemoryError"), "oom", "even for one row", id="never fits"),
        pytest.param(WRITES_TO_EVERY_PIPE, "crash", "something other than the ruler wrote", id="writes to every pipe"),
    ],
)
def test_a_rogue_canvas_gets_its_outcome_and_no_score(run, canvas, kind, detail):
    answer = score(run(canvas))
    assert (answer["ok"], answer["kind"]) == (False, kind), answer
    assert "val_bpb" not in answer
    assert re.search(detail, answer["detail"]), answer


@pytest.mark.parametrize("processes", [1, 2])
def test_a_model_that_is_killed_is_told_at_once_and_ends_the_others(run, processes):
    folder = run("import signal\n" + before_forward("os.kill(os.getpid(), signal.SIGKILL)"))
    with contextlib.ExitStack() as stack:
        models = prepare.start_models(folder, folder / "train.py", [], 60.0, processes)
        for model in models:
            stack.enter_context(contextlib.closing(model))
        prepare._load(models)
        models[-1].ask(np.zeros((4, T), np.int64))
        with pytest.raises(prepare.NoScore, match="killed while scoring, perhaps by the system for want of memory"):
            models[-1].answer()
        models[0].ask(np.zeros((4, T), np.int64))
        with pytest.raises(prepare.NoScore):
            models[0].answer()


def test_a_canvas_that_never_answers_is_timed_out(run):
    answer = score(run(before_forward("time.sleep(3600)")), timeout_s=6.0)
    assert (answer["kind"], answer["detail"]) == ("timeout", "the model gave no answer for 6 s")


@pytest.mark.parametrize(
    ("content", "kind"),
    [pytest.param(None, "no_checkpoint", id="none"), pytest.param(b"no zip file", "crash", id="not a checkpoint")],
)
def test_a_missing_or_broken_checkpoint_is_told(run, content, kind):
    folder = run()
    (folder / "checkpoint.pt").unlink()
    if content:
        (folder / "checkpoint.pt").write_bytes(content)
    assert score(folder)["kind"] == kind


def test_a_checkpoint_runs_no_code(run):
    folder = run()
    torch.save({"table.weight": Path}, folder / "checkpoint.pt")
    assert "Weights only load failed" in score(folder)["traceback"]
