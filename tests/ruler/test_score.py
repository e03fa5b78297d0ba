"""The score is computed where the canvas's code does not run: no canvas gets one it did not earn."""

import contextlib
import functools
import json
import math
import os
import re
import select
import shutil
import subprocess
import sys
import textwrap
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import prepare
from loop.trust.probe import probe
from tests.ruler import channels, mixers
from tests.ruler.leaks import FUTURE, ROWS, leaking

from .conftest import ROOT, prose

HONEST = """
import os, sys, time, torch, prepare

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(prepare.PROFILE.vocab, prepare.PROFILE.vocab)

    def forward(self, tokens):
        return self.table(tokens)

def build_model():
    return Model()

"""
V, T = 512, 64


@pytest.fixture(scope="module")
def ruler(tmp_path_factory):
    """A profile of small rows over a small corpus, in force while this file is tested."""
    folder = tmp_path_factory.mktemp("ruler")
    (folder / "corpus.txt").write_text(prose(0, 200_000))
    small = replace(prepare.CPU, vocab=V, context=T, eval_rows=4, source=str(folder / "corpus.txt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTORESEARCH_CACHE", str(folder / "cache"))
        patch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(small)))
        patch.setattr(prepare, "_side_by_side", lambda p: 1)
        prepare.profile.cache_clear()
        prepare.dataset.cache_clear()
        yield prepare.dataset()
    prepare.profile.cache_clear()
    prepare.dataset.cache_clear()


@pytest.fixture
def run(ruler, tmp_path):
    """Writes a run: a canvas, and the checkpoint of a table of random logits."""

    def write(canvas="", weights=None):
        (tmp_path / "train.py").write_text(HONEST + textwrap.dedent(canvas))
        torch.manual_seed(1)
        torch.save({"table.weight": torch.randn(V, V) if weights is None else weights}, tmp_path / "checkpoint.pt")
        return tmp_path

    return write


def score(folder, **options):
    return prepare.score(folder, folder / "train.py", "val", [], **{"timeout_s": 30.0} | options)


def exam_of(ruler):
    rows = torch.from_numpy(ruler.rows(prepare.VAL).astype("int64"))
    return prepare.Exam(rows, torch.from_numpy(prepare.token_bytes(ruler.tokenizer()))[rows[:, 1:]])


def by_hand(ruler, split):
    """Bits per byte of the table of random logits, computed in the plainest way."""
    torch.manual_seed(1)
    chances = F.log_softmax(torch.randn(V, V).double(), -1).tolist()
    lengths = prepare.token_bytes(ruler.tokenizer())
    nats = size = 0.0
    for row in ruler.rows(split).tolist():
        for token, target in pairwise(row):
            if lengths[target]:
                nats -= chances[token][target]
                size += lengths[target]
    return nats / math.log(2) / size


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


def before_forward(line):
    """A canvas whose forward does something else first."""
    return f"""
honest = Model.forward
def forward(self, tokens):
    {line}
    return honest(self, tokens)
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
        models[-1].ask(torch.zeros(4, T, dtype=torch.int64))
        with pytest.raises(prepare.NoScore, match="killed while scoring, perhaps by the system for want of memory"):
            models[-1].answer()
        models[0].ask(torch.zeros(4, T, dtype=torch.int64))
        with pytest.raises(prepare.NoScore):
            models[0].answer()


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
        assert torch.equal(prepare._as_before(exam, row, exam.inputs[row], batch, processes, start()), nats[row])
        altered = exam.inputs[row].clone()
        altered[20:] = 1
        again = prepare._as_before(exam, row, altered, batch, processes, start())
        assert torch.equal(again[:20], nats[row, :20]) and not torch.equal(again[20:], nats[row, 20:])


def test_a_leak_below_the_tolerance_gains_no_more_than_it_may(ruler, run):
    # Raising one token lowers the others a little: where the audit shows another one that is likely, both count.
    leak = f"return raised(logits, seen, {0.7 * tolerance(ruler)})"
    answer = score(run(leaking(leak)))
    gained = by_hand(ruler, prepare.VAL) - answer["val_bpb"]
    assert 0.5 * prepare.MOST_GAIN < gained <= prepare.MOST_GAIN


REPORT = """
sys.stderr.write("seen: " + repr([os.getcwd(), *sorted(os.environ)]))
try:
    prepare.dataset()
except prepare.Refusal as refusal:
    sys.stderr.write(str(refusal))
"""


def test_a_model_process_has_no_word_of_the_data(run, capfd):
    assert score(run(REPORT))["ok"]
    told = capfd.readouterr().err
    assert "dataset() was called while the canvas was imported to be scored" in told
    assert "['/'," in told and "CACHE" not in told.replace("TORCHINDUCTOR_CACHE", "") and "AUTORESEARCH_RUN" not in told


def test_what_a_canvas_prints_is_copied_in_part(run, capfd):
    assert score(run("print('x' * 10_000_000)"))["ok"]
    assert 0 < capfd.readouterr().err.count("x") <= 4 * prepare.LONGEST_OUTPUT + 100


WRAPPED = shutil.which("bwrap") is not None


@pytest.mark.skipif(not WRAPPED, reason="needs bubblewrap")
def test_no_word_is_left_for_another_process(ruler, run, tmp_path):
    """One process after the other in the sandbox: none finds what the one before left in any of thirty ways."""
    answer = wrapped(ruler, run(), tmp_path)
    assert answer["ok"], answer


def test_words_are_found_where_there_is_no_sandbox(run):
    folder = run()
    (folder / "train.py").write_text(channels.canvas(folder, folder / "cache", everything=False))
    answer = score(folder)
    assert all(way in answer["detail"] for way in ("file in", "holds_a_lock", "times_of_the_checkpoint")), answer


def wrapped(ruler, folder, tmp_path):
    sandbox = probe()
    top, slot = tmp_path / "top", tmp_path / "top" / "slot"
    slot.mkdir(parents=True)
    cache = Path(os.environ["AUTORESEARCH_CACHE"])
    shutil.copy(ROOT / "prepare.py", slot)
    wrap = sandbox.wrap(
        slot=slot, run_dir=folder, top=top, python=sys.executable, hidden=[cache, cache.parent / "corpus.txt"],
        protect=[], read_only=True,
    )  # fmt: skip
    own_user = "--unshare-user" in wrap  # keyrings and the host's name are those of the machine where it is not
    (slot / "train.py").write_text(channels.canvas(folder, cache, everything=own_user))
    arguments = ["score", "--run", folder, "--canvas", slot / "train.py", "--now", "--wrap", json.dumps(wrap)]
    one_core = functools.partial(os.sched_setaffinity, 0, {min(os.sched_getaffinity(0))})
    done = subprocess.run(
        [sys.executable, "-I", "-B", slot / "prepare.py", *arguments],
        stdout=subprocess.PIPE, text=True, timeout=120, preexec_fn=one_core,
    )  # fmt: skip
    return json.loads(done.stdout)


def tolerance(ruler):
    return prepare.MOST_GAIN * math.log(2) * ruler.manifest["val_bytes"] / ruler.manifest["val_tokens"]


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


def command(folder, *options, **keywords):
    arguments = [
        sys.executable,
        ROOT / "prepare.py",
        "score",
        "--run",
        folder,
        "--canvas",
        folder / "train.py",
        *options,
    ]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_waits_for_a_line_and_prints_nothing_but_its_own(run):
    process = command(run('print(\'{"ok": true, "val_bpb": 0.0}\', flush=True)'))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    out, err = process.communicate("go\n", timeout=60)
    (answer,) = map(json.loads, out.splitlines())
    assert answer["ok"] and answer["val_bpb"] > 1
    assert '"val_bpb": 0.0' in err


def test_the_command_ends_quietly_when_the_loop_is_gone(run):
    process = command(run("open('imported', 'w')"))
    out, err = process.communicate("", timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_model_process_starts_under_the_given_command(run):
    wrap = ["env", "WRAPPED=yes"]
    folder = run(before_forward("assert os.environ['WRAPPED'] == 'yes' and 'AUTORESEARCH_RUN' not in os.environ"))
    out, err = command(folder, "--now", "--wrap", json.dumps(wrap)).communicate(timeout=60)
    assert json.loads(out)["ok"], err


def test_no_model_process_outlives_the_scorer(run):
    shows_itself = "print('pid', os.getpid(), file=sys.stderr, flush=True)\n"
    process = command(run(shows_itself + before_forward("time.sleep(3600)")), "--now")
    told = (line for line in process.stderr if line.startswith("pid"))
    watched = [os.pidfd_open(int(next(told).split()[1])) for _ in range(2)]
    process.kill()
    process.wait(timeout=60)
    for pidfd in watched:
        assert select.select([pidfd], [], [], 60)[0], "still running"
