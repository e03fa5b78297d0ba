"""What the doctor finds, as tables over what was seen; and that a look at a real folder always says something."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from loop.proposers.providers import key_of
from loop.record.campaign_facts import CampaignCreated, StateChanged
from loop.record.home import find_home
from loop.record.journal import Journal
from loop.record.types import Metric, Problem, ScoreSource, State
from loop.settings.program import Program, Stop
from loop.setup import machine as looking
from loop.setup.checks.check import Level
from loop.setup.copies import Copies, Likeness
from loop.setup.doctor import diagnose
from loop.setup.interpreter import ask, imports, prepare
from loop.setup.machine import look
from tests.loop.setup.healthy import findings, program, runner

TOOL = Path("/a tool/prepare.py")
MLX = "'mlx[cpu]'" if sys.platform == "linux" else "mlx"


def test_a_healthy_folder_has_no_complaint():
    checks = findings()
    assert {check.level for check in checks.values()} == {Level.OK}
    machine = {"python", "git", "packages", "device", "sandbox", "disk"}
    campaign = {"repository", "program.md", "canvas", "score", "data", "model knobs", "journal", "daemon"}
    assert set(checks) == machine | campaign


@pytest.mark.parametrize(
    ("changes", "name", "level", "words"),
    [
        ({"python": (3, 10, 1)}, "python", "fail", "install Python 3.11"),
        ({"git": None}, "git", "fail", "install git"),
        ({"git": "2.20.1"}, "git", "fail", "install git 2.25"),
        ({"git": "2.53.0.windows.1"}, "git", "ok", "2.53"),
        ({"top": None}, "repository", "fail", "autoresearch init --git"),
        ({"git_error": "fatal: dubious ownership"}, "repository", "fail", "dubious ownership"),
        ({"unmerged": 2}, "repository", "warn", "finish the merge"),
        ({"ignored": ("train.py",)}, "repository", "fail", "git ignores train.py"),
        ({"branch": "", "changed": 3}, "repository", "ok", "detached HEAD, 3 files not committed"),
        ({"program": None, "program_error": "no program.md here"}, "program.md", "fail", "autoresearch init"),
        ({"program": None, "problems": (Problem(3, "queue", "bad"),)}, "program.md", "fail", "line 3: bad"),
        ({"program": Program(models=("gpt-5",))}, "program.md", "warn", "no strategy"),
        (
            {"program": program(models=("openai/gpt-5",), stop=Stop(dollars=None))},
            "program.md",
            "warn",
            "write stop: {dollars: 20}",
        ),
        ({"program": program(stop=Stop(None, None, None))}, "program.md", "ok", "stops only when told to"),
        ({"canvas_error": "train.py is not there"}, "canvas", "fail", "train.py is not there"),
        ({"copies": Copies(TOOL, Likeness.SAME)}, "prepare.py", "ok", "the tool's copy"),
        (
            {"copies": Copies(TOOL, Likeness.ALIKE)},
            "prepare.py",
            "ok",
            "measures the same; 'cp '/a tool/prepare.py' prepare.py' and 'autoresearch start --new' measure with the "
            "tool's; scores stay comparable",
        ),
        (
            {"copies": Copies(TOOL, Likeness.OTHER)},
            "prepare.py",
            "warn",
            "measure with the tool's; its scores do not compare with this one's",
        ),
        ({"copies": Copies(TOOL, Likeness.UNKNOWN)}, "prepare.py", "warn", "whether it measures the same is not known"),
        (
            {"copies": Copies(TOOL, Likeness.SAME, Likeness.ALIKE), "campaign": "jun14"},
            "prepare.py",
            "ok",
            "jun14 keeps the copy that it began with, 'start --new' measures with this one: the comparison key stays",
        ),
        (
            {"copies": Copies(TOOL, Likeness.SAME, Likeness.OTHER), "campaign": "jun14"},
            "prepare.py",
            "ok",
            "with this one: the comparison key changes",
        ),
        ({"sealed": False}, "score", "warn", "self-reported: no prepare.py of ours"),
        (
            {"runner": runner(error="no answer within 180 seconds")},
            "packages",
            "fail",
            "/venv/bin/python does not run: no answer within 180 seconds; try '/venv/bin/python -c \"import torch\"'; "
            "or set AUTORESEARCH_PYTHON",
        ),
        ({"runner": runner(missing=("torch", "numpy"))}, "packages", "fail", "-m pip install torch numpy"),
        ({"runner": runner(missing=("mlx",))}, "packages", "fail", f"-m pip install {MLX}"),
        (
            {"runner": runner(missing=("mlx",)), "no_mlx": "MLX needs glibc 2.35"},
            "packages",
            "fail",
            "lacks mlx; MLX needs glibc 2.35; use the canvas in torch",
        ),
        ({}, "data", "ok", "python (no download, about 10 seconds), not looked at; 'autoresearch doctor --full'"),
        ({"runner": runner(cuda=("H100",))}, "data", "ok", "climbmix (a download"),
        ({"runner": runner(cuda=("H100",)), "profile": "cpu"}, "data", "ok", "python (no download"),
        ({"program": program(data="/texts")}, "data", "ok", "/texts"),
        ({"data": "python, 2 tokens"}, "data", "ok", "prepared: python, 2 tokens"),
        ({"data_error": "prepare.py could not"}, "data", "fail", "prepare.py could not"),
        ({"sealed": False}, "data", "ok", "brings its own"),
        ({}, "sandbox", "ok", "bubblewrap, tested: a run sees neither your files nor the network"),
        (
            {"sandbox_missing": ("a size limit on its /tmp",)},
            "sandbox",
            "ok",
            "Without a size limit on its /tmp; SECURITY",
        ),
        ({"sealed": False}, "sandbox", "ok", "the network only where its score is not sealed"),
        ({"sandbox": "process group", "sandbox_reason": "no bwrap"}, "sandbox", "warn", "can read your files"),
        (
            {"sandbox": "process group", "sandbox_reason": "bubblewrap does not work here: Permission denied"},
            "sandbox",
            "warn",
            "apt install bubblewrap (if it fails: SECURITY.md)",
        ),
        ({"writable": False}, "repository", "fail", "git folder cannot be written"),
        ({"free_gb": {"/repo": 0.2, "/cache": 50.0}}, "disk", "fail", "0.2 GB free at /repo"),
        ({"free_gb": {"/repo": 0.5, "/cache": 50.0}}, "disk", "warn", "free at least 1 GB"),
        ({"free_gb": {"/repo": 5.0}, "runner": runner(cuda=("H100",))}, "disk", "warn", "free 10 GB"),
        ({"journal_error": "file is not a database"}, "journal", "fail", "file is not a database"),
        ({"campaign": "jun14", "state": State.RUNNING, "runs": "jun14"}, "daemon", "ok", "runs jun14"),
        ({"campaign": "jun14", "state": State.RUNNING}, "daemon", "warn", "'autoresearch start' continues"),
        ({"campaign": "jun14", "state": State.FINISHED}, "daemon", "ok", "does not run"),
    ],
)
def test_a_finding_says_what_to_do(changes, name, level, words):
    check = findings(**changes)[name]
    assert check.level == level
    assert words in f"{check.finding}; {check.next_step}"
    assert check.next_step or check.level is Level.OK


@pytest.mark.parametrize(
    ("model", "changes", "level", "words"),
    [
        ("anthropic/claude-sonnet-4-5", {}, "fail", "ANTHROPIC_API_KEY is not set"),
        ("claude-sonnet-4-5", {"variables": frozenset({"ANTHROPIC_API_KEY"})}, "ok", "ANTHROPIC_API_KEY is set"),
        ("gpt-5", {}, "fail", "OPENAI_API_KEY"),
        ("somebody/new", {}, "warn", "not known here"),
        ("ollama/qwen3-coder", {"reachable": False}, "fail", "nothing answers at http://localhost:11434"),
        ("ollama/qwen3-coder", {"reachable": True}, "ok", "its server answers"),
        ("lm_studio/any", {}, "ok", "a server of your own"),
    ],
)
def test_the_key_of_a_model_is_named_and_never_shown(model, changes, level, words):
    check = findings(program=program(models=(model,)), **changes)[f"model {model}"]
    assert check.level == level and words in check.finding


def test_a_command_must_be_on_the_path():
    asked = program(models=(), command='"claude" -p')
    assert findings(program=asked)["command"].finding == "claude was not found"
    assert findings(program=asked, command_found=True)["command"].level == "ok"


def test_every_mixed_model_is_looked_at():
    checks = findings(program=program(models=("anthropic/claude-sonnet-4-5", "knobs")))
    assert {"model knobs", "model anthropic/claude-sonnet-4-5"} <= set(checks)
    assert key_of("knobs") is None


def test_a_real_folder_is_seen(repository, quick):
    (repository / "train.py").write_text("import torch, os.path\nLR = 0.2\n")
    (repository / "prepare.py").write_text("RULER_VERSION = 1\n")
    (repository / ".gitignore").write_text("prepare.py\n")
    machine = look(repository)
    assert (machine.branch, machine.changed, machine.ignored) == ("branch main", 2, ("prepare.py",))
    assert machine.sealed and machine.program is not None and machine.canvas_error == ""
    assert set(machine.runner.missing) == {"numpy", "os", "rustbpe", "tiktoken", "torch"}
    assert machine.runs is None and machine.journal_error == ""
    assert "OPENAI_API_KEY" in machine.variables and "sk-canary" not in repr(machine)


def test_prepare_py_is_compared_with_that_of_the_folders_campaign(repository, quick, monkeypatch):
    asked = []
    monkeypatch.setattr(looking, "compare", lambda *arguments: asked.append(arguments))
    (repository / "prepare.py").write_text("RULER_VERSION = 1\n")
    conditions = ("", "train.py", "python train.py", "5m", Metric())
    for source in (ScoreSource.SELF_REPORTED, ScoreSource.SEALED):
        with Journal(find_home(repository).journal) as journal:
            journal.append(source.value, CampaignCreated(*conditions, source, "k", "cpu", "", "c0"))
        look(repository)
    assert [baseline for _, _, baseline in asked] == [None, "c0"]


@pytest.mark.parametrize(
    ("name", "text", "field", "words"),
    [
        ("program.md", b"\xff\xfe", "program_error", "cannot be read"),
        ("program.md", None, "program_error", "no program.md here"),
        ("program.md", b"---\nmodle: x\n---\n", "problems", "did you mean model?"),
        ("train.py", None, "canvas_error", "train.py: not found beside program.md"),
        ("train.py", b"x = 1\ndef f(:\n", "canvas_error", "train.py, line 2: "),
        ("train.py", b"x = '\xff'\n", "canvas_error", "not UTF-8 (byte 5)"),
        ("train.py", b"\0", "canvas_error", "null bytes"),
    ],
)
def test_a_broken_file_is_a_fact(repository, quick, name, text, field, words):
    (repository / name).unlink()
    if text is not None:
        (repository / name).write_bytes(text)
    assert words in str(getattr(look(repository), field))


def test_the_canvas_is_compiled_and_never_run(repository, quick):
    (repository / "train.py").write_text("open('ran', 'w')\nprint('a' is 'a')\n")
    assert look(repository).canvas_error == ""
    assert not (repository / "ran").exists()


def test_a_campaign_and_a_broken_journal_are_seen(repository, quick):
    home = find_home(repository)
    with Journal(home.journal) as journal:
        journal.append("jun14", StateChanged(State.RUNNING))
    machine = look(repository)
    assert (machine.campaign, machine.state, machine.runs) == ("jun14", State.RUNNING, None)
    home.journal.write_bytes(b"no database" * 100)
    assert "not a database" in look(repository).journal_error


def test_a_folder_outside_any_repository_or_none_at_all_is_no_crash(tmp_path, quick):
    assert look(tmp_path).top is None
    gone = {check.name: check for check in diagnose(tmp_path / "gone")}
    assert gone["git"].level == "ok" and gone["program.md"].level == "fail"


def test_the_real_python_says_what_it_has():
    runner = ask(sys.executable, {"json", "no_such_module"})
    assert runner.error == "" and runner.missing == ("no_such_module",)
    assert runner.version == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param("echo hello", "something else", id="no python"),
        pytest.param("echo broken >&2; exit 3", "broken", id="fails"),
        pytest.param(None, "No such file", id="missing"),
    ],
)
def test_a_python_that_does_not_answer_is_a_fact(tmp_path, script, words):
    fake = tmp_path / "python"
    if script:
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
    assert words in ask(str(fake)).error


def test_modules_beside_the_canvas_are_not_asked_for(repository):
    (repository / "lib").mkdir()
    (repository / "helper.py").touch()
    text = "import torch.nn, helper, lib.a\nfrom . import x\nfrom numpy import y\nif CUDA:\n    import kernels\n"
    (repository / "train.py").write_text(text)
    assert imports(repository, "train.py") == {"torch", "numpy"}
    assert imports(repository, "kernel.cu") == set()


def test_full_prepares_the_data_and_says_what_there_is(repository, monkeypatch):
    said = {"train_tokens": 1000, "val_tokens": 10, "default_budget": "1 TFLOP", "profile": {"source": "python"}}
    (repository / "prepare.py").write_text(
        f"import sys; print({json.dumps(said)!r})\nassert sys.argv[1:] == ['--json']\n"
    )
    assert prepare(repository, sys.executable, Program())["data"].startswith("python, 1,000 tokens to train on")
    (repository / "prepare.py").write_text("raise SystemExit('corpus: empty')\n")
    assert "could not prepare" in prepare(repository, sys.executable, Program())["data_error"]
    assert {p.name for p in repository.iterdir()} == {".git", ".gitignore", "prepare.py", "program.md", "train.py"}
