"""The process that answers for a score: what it is told, what it leaves behind, how it starts and ends."""

import functools
import json
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prepare
from loop.trust.probe import probe
from tests.ruler import channels
from tests.ruler.scored import before_forward, score

from .conftest import ROOT

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


BURNS = """
calls = []
def burn():
    end = time.process_time() + 3
    while time.process_time() < end:
        pass
"""
OPENINGS = {
    "nothing": "",
    "loading": "build = build_model\nbuild_model = lambda: (burn(), build())[1]\n",
    "its first answer": before_forward("calls or burn(); calls.append(1)"),
    "a child": "os.fork() or (burn(), os._exit(0))\nos.wait()\n",
}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("where", OPENINGS)
def test_what_a_model_computes_before_its_first_logits_is_told(run, where):
    answer = score(run(BURNS + OPENINGS[where]), timeout_s=120.0)
    assert (answer["opening_cpu_s"] > 1) == (where != "nothing"), answer


@pytest.mark.bubblewrap
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
