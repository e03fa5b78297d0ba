"""Every source gives the same documents in the same order, and a bad corpus is refused by name."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

import prepare

from .conftest import ROOT, prose


def write_parquet(path: Path, texts: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path)
    return path


def test_every_twentieth_document_is_held_out_and_no_other(corpus):
    opened = prepare.open_corpus(str(corpus), corpus)
    train, held_out = list(opened.train()), list(opened.held_out())
    assert len(held_out) == 3
    assert set(train).isdisjoint(held_out)
    assert sorted(train + held_out) == sorted(path.read_text() for path in corpus.iterdir())
    assert train == list(opened.train())


def test_the_standard_library_is_a_source_without_its_tests():
    files = prepare.local_files("python")
    assert len(files) > 300
    assert {path.suffix for path in files} == {".py"}
    assert not any("/test/" in path.as_posix() or "site-packages" in path.parts for path in files)


def test_a_copy_of_a_document_is_read_once(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("one text")
    assert list(prepare._distinct_documents(prepare.local_files(str(tmp_path)))) == ["one text"]


def test_one_long_text_is_cut_so_that_some_of_it_can_be_held_out(tmp_path):
    text = prose(1, 50_000)
    (tmp_path / "book.txt").write_text(text)
    opened = prepare.open_corpus(str(tmp_path / "book.txt"), tmp_path)
    held_out = sum(map(len, opened.held_out()))
    assert held_out + sum(map(len, opened.train())) == len(text)
    assert 0.04 < held_out / len(text) < 0.07


def test_jsonl_and_parquet_give_their_text_fields(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n\n{"text": ""}\n{"text": "half a pair: \\ud800"}\n')
    write_parquet(tmp_path / "b.parquet", ["two", "", "three"])
    found = [list(prepare.read_documents(tmp_path / name)) for name in ("a.jsonl", "b.parquet")]
    assert found == [["one", "half a pair: ?"], ["two", "three"]]


def test_python_source_is_read_in_the_encoding_it_declares(tmp_path):
    (tmp_path / "old.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    assert "é" in next(prepare.read_documents(tmp_path / "old.py"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("a.txt", b"", "the corpus is empty", id="empty"),
        pytest.param("a.bin", b"text", "the corpus is empty", id="nothing of a known kind"),
        pytest.param("a.txt", b"ab\xffcd", r"a.txt is not UTF-8 \(byte 2: 0xff\)", id="not UTF-8"),
        pytest.param("a.py", b"x = '\xff'", "a.py is not UTF-8", id="source code, not UTF-8"),
        pytest.param("a.jsonl", b'{"text": "ok"}\n{"txt": 1}\n', "a.jsonl line 2", id="jsonl without text"),
        pytest.param("a.jsonl", b"[1\n", "a.jsonl line 1", id="not JSON"),
        pytest.param("a.parquet", b"PAR1", "a.parquet is no parquet file with a column text", id="broken parquet"),
        pytest.param("a.txt", b"too small " * 30, "the corpus is too small", id="less than one row"),
    ],
)
def test_a_bad_corpus_is_refused(tiny, tmp_path, name, content, sentence):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(prepare.Refusal, match=sentence):
        prepare.prepare_dataset(replace(tiny, source=str(folder)), tmp_path / "cache")


@pytest.mark.parametrize("source", ["no/such/folder", "climbmix:0", "climbmix:many", "pyhton"])
def test_an_unknown_source_is_refused_with_the_known_ones(tmp_path, source):
    with pytest.raises(prepare.Refusal, match=r"neither python, climbmix\[:shards\], tinystories nor"):
        prepare.open_corpus(source, tmp_path)


def test_shards_the_original_downloaded_are_used_where_they_lie(tmp_path):
    for shard in (0, 1, 6542):
        write_parquet(tmp_path / "data" / f"shard_{shard:05d}.parquet", [f"text {shard}"])
    opened = prepare.open_corpus("climbmix:2", tmp_path)
    assert list(opened.train()) == ["text 0", "text 1"]
    assert list(opened.held_out()) == ["text 6542"]
    assert opened.sealed == (tmp_path / "data" / "shard_06542.parquet",)


@pytest.mark.parametrize(
    ("names", "read", "sealed"),
    [
        (["a.txt", "c.jsonl"], ["a.txt", "c.jsonl"], True),
        (["a.txt", "b.py", "c.jsonl"], ["a.txt", "b.py"], False),
        (["a.txt", ".hidden.txt", "picture.png"], ["a.txt"], True),
    ],
    ids=["data", "a folder of source code is read as such and may be what runs", "other files"],
)
def test_what_a_folder_gives_and_what_of_it_is_sealed(tmp_path, names, read, sealed):
    for name in names:
        (tmp_path / name).write_text(json.dumps({"text": prose(1, 2000)}))
    assert [path.name for path in prepare.local_files(str(tmp_path))] == read
    assert prepare.open_corpus(str(tmp_path), tmp_path).sealed == ((tmp_path,) if sealed else ())


def test_what_is_held_out_of_the_standard_library_is_needed_by_no_run():
    opened = prepare.open_corpus("python", Path())
    needs = (
        "import torch, torch._dynamo, torch._inductor.compile_fx, torch.utils.checkpoint, torch.utils.data, torch.ao\n"
    )
    needs += "import numpy, tiktoken, rustbpe, prepare, train, asyncio, unittest.mock, pdb, logging.config, pyarrow\n"
    needs += "import sys, json; print(json.dumps([getattr(m, '__file__', None) or '' for m in sys.modules.values()]))"
    done = subprocess.run([sys.executable, "-c", needs], capture_output=True, text=True, cwd=ROOT, check=True)
    used = {Path(name) for name in json.loads(done.stdout.splitlines()[-1])}
    assert len(used) > 1000
    assert not [path for path in used if any(path.is_relative_to(sealed) for sealed in opened.sealed)]


def test_a_twentieth_of_the_standard_library_is_held_out_and_sealed_with_its_compiled_copies():
    opened = prepare.open_corpus("python", Path())
    train, held_out = list(opened.train()), list(opened.held_out())
    share = sum(map(len, held_out)) / sum(map(len, train + held_out))
    assert 0.045 < share < 0.15
    assert set(train).isdisjoint(held_out)
    assert held_out == list(opened.held_out())
    texts = {text for path in opened.sealed for file in sources(path) for text in prepare.read_documents(file)}
    assert set(held_out) == texts
    modules = [path for path in opened.sealed if path.suffix == ".py"]
    tag = sys.implementation.cache_tag
    assert all(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc" in opened.sealed for path in modules)


def sources(path):
    files = path.rglob("*.py") if path.is_dir() else [path]
    return [file for file in files if file.suffix == ".py" and "idle_test" not in file.parts]


def test_of_a_folder_with_code_the_held_out_files_are_sealed_but_not_the_folder(tiny, tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    for number in range(80):
        (folder / f"m{number:02}.py").write_text(prose(number, 2000))
    opened = prepare.open_corpus(str(folder), tmp_path)
    assert [path.read_text() for path in opened.files] == list(opened.held_out())
    data = prepare.prepare_dataset(replace(tiny, source=str(folder)), tmp_path / "cache")
    assert data.manifest["sealed_sources"] == [str(folder / f"m{n:02}.py") for n in (0, 20)]  # enough to score
