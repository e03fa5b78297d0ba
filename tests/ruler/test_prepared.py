"""A prepared folder is written once, pinned by hash, and complete or absent, whatever happens meanwhile."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import prepare

from .conftest import ROOT, prose


@pytest.fixture
def ready(tiny, tmp_path):
    return prepare.prepare_dataset(tiny, tmp_path / "cache")


def test_preparing_twice_gives_the_folder_that_is_there(ready, tiny, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in ready.folder.rglob("*")}
    assert prepare.prepare_dataset(tiny, tmp_path / "cache").folder == ready.folder
    assert {path: path.stat().st_mtime_ns for path in ready.folder.rglob("*")} == before


def test_the_same_text_elsewhere_has_the_same_data_hash(ready, tiny, tmp_path):
    shutil.copytree(tiny.source, tmp_path / "elsewhere")
    other = prepare.prepare_dataset(replace(tiny, source=str(tmp_path / "elsewhere")), tmp_path / "another cache")
    assert other.data_hash == ready.data_hash


def test_changed_text_is_prepared_anew_beside_the_old(ready, tiny, tmp_path, corpus):
    (corpus / "07.txt").write_text(prose(700, 3000))
    again = prepare.prepare_dataset(tiny, tmp_path / "cache")
    assert again.data_hash != ready.data_hash
    assert ready.verified(prepare.TRAIN).exists()
    assert prepare.find_dataset(tiny, tmp_path / "cache") == again


def test_training_needs_the_prepared_folder_only(ready, tiny, tmp_path, corpus):
    shutil.rmtree(corpus)
    shutil.rmtree(ready.folder / "sealed")
    assert len(prepare.find_dataset(tiny, tmp_path / "cache").rows(prepare.TRAIN))


def test_a_prepared_folder_is_a_source(ready, tiny, tmp_path):
    moved = shutil.copytree(ready.folder, tmp_path / "copied")
    again = prepare.prepare_dataset(replace(tiny, source=str(moved)), tmp_path / "empty cache")
    assert (again.folder, again.data_hash) == (moved, ready.data_hash)


def test_a_folder_of_other_sizes_is_refused(ready, tiny, tmp_path):
    with pytest.raises(prepare.Refusal, match="was not prepared for"):
        prepare.find_dataset(replace(tiny, source=str(ready.folder), context=64), tmp_path / "cache")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [prepare.TRAIN, prepare.VAL, prepare.AUDIT, prepare.TOKENIZER])
@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        pytest.param(flip, "was changed after it was prepared", id="one bit"),
        pytest.param(lambda path: os.truncate(path, 100), "has 100 bytes instead of", id="truncated"),
        pytest.param(os.unlink, "cannot be opened", id="gone"),
    ],
)
def test_a_damaged_file_is_refused_by_name_with_the_next_step(ready, tiny, tmp_path, name, damage, finding):
    damage(ready.folder / name)
    with pytest.raises(prepare.Refusal, match=f"{name} {finding}.*delete .* and run: python prepare.py"):
        prepare.prepare_dataset(tiny, tmp_path / "cache")


def test_a_thorough_look_finds_a_change_that_hides_its_time(ready):
    path = ready.folder / prepare.VAL
    times = path.stat()
    flip(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert ready.verified(prepare.VAL) == path
    with pytest.raises(prepare.Refusal, match=r"val.bin was changed"):
        ready.rows(prepare.VAL, thorough=True)


def test_a_damaged_manifest_is_refused(ready, tiny, tmp_path):
    (ready.folder / "manifest.json").write_text("{")
    with pytest.raises(prepare.Refusal, match=r"manifest.json is damaged .*; delete"):
        prepare.find_dataset(tiny, tmp_path / "cache")


def test_the_manifest_counts_what_is_scored(ready):
    rows, lengths = ready.rows(prepare.VAL), prepare.token_bytes(ready.tokenizer())
    targets = rows[:, 1:]
    assert len(rows) == 640 // 32
    assert ready.manifest["val_tokens"] == np.count_nonzero(lengths[targets])
    assert ready.manifest["val_bytes"] == lengths[targets].sum()


def test_val_and_audit_share_no_row_with_training(ready):
    splits = [{row.tobytes() for row in ready.rows(n)} for n in (prepare.TRAIN, prepare.VAL, prepare.AUDIT)]
    assert sum(map(len, splits)) == len(set.union(*splits))


def command(tiny, tmp_path):
    environment = os.environ | {"AUTORESEARCH_CACHE": str(tmp_path / "fresh"), "AUTORESEARCH_SOURCE": tiny.source}
    arguments = [sys.executable, str(ROOT / "prepare.py"), "--json"]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_preparations_at_once_agree(tiny, tmp_path):
    running = [command(tiny, tmp_path) for _ in range(2)]
    answers = {json.loads(process.communicate(timeout=60)[0])["comparison_key"] for process in running}
    assert len(answers) == 1
    assert not list((tmp_path / "fresh" / "prepared").glob("*.tmp"))


def test_a_preparation_killed_in_the_middle_leaves_nothing_that_counts(tiny, tmp_path):
    victim = command(tiny, tmp_path)
    assert "learning" in victim.stderr.readline()
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=60)
    again = command(tiny, tmp_path)
    assert json.loads(again.communicate(timeout=60)[0])["train_tokens"] > 0


def test_a_full_disk_while_packing_is_one_sentence(tiny, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "train.bin")

    monkeypatch.setattr(prepare, "replace_text", full)
    with pytest.raises(prepare.Refusal, match=r"train.bin: .*: the disk is full; free some space or set AUTO"):
        prepare.prepare_dataset(tiny, tmp_path / "cache")


def test_a_run_that_is_not_shown_the_tokenizer_is_told_why(ready):
    place = ready.folder / prepare.TOKENIZER
    place.unlink()
    place.symlink_to("/dev/null")  # a sandbox binds it there
    with pytest.raises(prepare.Refusal, match="the tokenizer is not shown to a run of a campaign"):
        ready.tokenizer()
