"""A download from the hub survives bad servers, resumes, and never leaves a wrong file under the right name."""

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pyarrow
import pyarrow.parquet
import pytest

import prepare

from .conftest import ROOT, prose

BODY = b"PAR1" + bytes(range(256)) * 4000 + b"PAR1"
DATASET, FILE = "somebody/texts", "shard.parquet"
PATH = f"{DATASET}/resolve/main/{FILE}"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The hub's chunks are small, and nobody waits between two tries."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 14)
    monkeypatch.setattr(prepare.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "20")


def fetch(folder):
    return prepare.fetch(DATASET, FILE, folder / FILE)


@pytest.mark.parametrize(
    ("manners", "settings"),
    [
        pytest.param(["well"], {}, id="a good server"),
        pytest.param(["cuts", "cuts", "well"], {}, id="the connection is cut twice"),
        pytest.param(["resets", "well"], {}, id="the connection is reset"),
        pytest.param(["500", "503", "well"], {}, id="the server is busy twice"),
        pytest.param(["well"], {"busy": 2}, id="the hub is busy twice"),
        pytest.param(["cuts", "ignores ranges"], {}, id="the server knows no ranges"),
        pytest.param(["resets"] * 9 + ["well"], {}, id="slow progress is progress"),
        pytest.param(["well"], {"tag": "abc"}, id="the server tells no sha256"),
    ],
)
def test_a_download_arrives_whole(serve, tmp_path, manners, settings):
    serve({PATH: BODY}, *manners, **settings)
    assert fetch(tmp_path / "new").read_bytes() == BODY
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]


def test_a_cut_in_the_middle_of_a_shard_costs_no_byte_twice(serve, tmp_path):
    hub = serve({PATH: BODY}, "cuts", "well")
    assert fetch(tmp_path).read_bytes() == BODY
    begun = int(hub.ranges[1].removeprefix("bytes=").rstrip("-"))
    assert hub.ranges[0] is None and len(BODY) // 2 - (1 << 14) <= begun <= len(BODY) // 2


def test_a_second_start_resumes_where_the_first_was_killed(serve, tmp_path):
    (tmp_path / f"{FILE}.part").write_bytes(BODY[:1000])
    hub = serve({PATH: BODY})
    assert fetch(tmp_path).read_bytes() == BODY
    assert hub.ranges == ["bytes=1000-"]


def test_a_complete_partial_file_is_only_renamed(serve, tmp_path):
    (tmp_path / f"{FILE}.part").write_bytes(BODY)
    hub = serve({PATH: BODY})
    assert fetch(tmp_path).read_bytes() == BODY and hub.ranges == []


def test_a_partial_file_that_is_too_long_is_begun_again(serve, tmp_path):
    (tmp_path / f"{FILE}.part").write_bytes(BODY + b"more")
    serve({PATH: BODY})
    assert fetch(tmp_path).read_bytes() == BODY


def test_a_file_that_is_there_is_not_asked_for(serve, tmp_path):
    (tmp_path / FILE).write_bytes(BODY)
    hub = serve({})
    fetch(tmp_path)
    assert hub.asked == []


def test_the_token_is_sent_to_the_hub_and_not_to_its_cdn(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    hub = serve({PATH: BODY})
    fetch(tmp_path)
    sent = {(place, token) for _, place, _, token in hub.asked}
    assert sent == {("hub", "Bearer hf_canary"), ("cdn", None)}


@pytest.mark.parametrize(
    ("files", "manners", "settings", "sentence"),
    [
        pytest.param({}, [], {}, r"404.* HF_ENDPOINT to a mirror; offline: copy it to .*/shard.parquet by", id="gone"),
        pytest.param({PATH: BODY}, ["500"], {}, "500.* run again to resume", id="always busy"),
        pytest.param({PATH: BODY}, [], {"tag": "0" * 64}, "do not match the server's sha256", id="other bytes"),
        pytest.param({PATH: b"<html>log in</html>"}, [], {}, "not a whole parquet file", id="a page instead of data"),
    ],
)
def test_a_bad_download_is_refused_and_not_kept(serve, tmp_path, files, manners, settings, sentence):
    serve(files, *manners, **settings)
    with pytest.raises(prepare.Refusal, match=sentence) as refused:
        fetch(tmp_path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / FILE).exists()


def test_without_a_network_the_refusal_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{filename}")
    with pytest.raises(prepare.Refusal, match=r"ConnectError.* offline: copy it to .*/shard.parquet by hand, or use"):
        fetch(tmp_path)


def test_without_the_package_the_refusal_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(prepare.Refusal, match="pip install huggingface_hub"):
        fetch(tmp_path)


def test_a_full_disk_is_told_before_the_download(serve, tiny, tmp_path, monkeypatch):
    serve({f"{prepare.CLIMBMIX}/resolve/main/shard_00000.parquet": BODY})
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: prepare.shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(prepare.Refusal, match=r"needs 1 MB more: the disk is full; .*AUTORESEARCH_CACHE"):
        prepare.prepare_dataset(replace(tiny, source="climbmix:1"), tmp_path / "cache")


def test_progress_is_said_in_lines(serve, tmp_path, capsys, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(prepare, "time", type("Clock", (), {"monotonic": lambda: 2 * next(clock), "sleep": time.sleep}))
    serve({PATH: BODY})
    fetch(tmp_path)
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert said[-1] == "prepare: shard.parquet 1 of 1 MB" and len(said) > 9


def test_a_source_is_prepared_from_the_mirror_that_the_environment_names(serve, tiny, tmp_path):
    for name, seed in (("train", 1), ("held out", 2)):
        texts = [prose(seed * 100 + n, 2000) for n in range(20)]
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), tmp_path / name)
    names = {prepare.TINYSTORIES_TRAIN: "train", prepare.TINYSTORIES_HELD_OUT: "held out"}
    hub = serve({f"{prepare.TINYSTORIES}/resolve/main/{n}": (tmp_path / f).read_bytes() for n, f in names.items()})
    profile = json.dumps(asdict(replace(tiny, source="tinystories")))
    command = [sys.executable, str(ROOT / "prepare.py"), "--json"]
    done = subprocess.run(command, env={**os.environ, "AUTORESEARCH_PROFILE": profile}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["train_tokens"] > 1000 and len(hub.ranges) == 2
    stored = {hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "cache/tinystories").iterdir()}
    assert stored == {hashlib.sha256(body).digest() for body in hub.files.values()}
