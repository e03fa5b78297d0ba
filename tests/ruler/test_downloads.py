"""A download survives bad servers, resumes, and never leaves a wrong file under the right name."""

from dataclasses import replace

import pytest

import prepare

BODY = b"PAR1" + bytes(range(256)) * 4000 + b"PAR1"


def fetch(server, target):
    return prepare.fetch(f"{server.url}/file", target, pause=lambda seconds: None)


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(["well"], id="a good server"),
        pytest.param(["cuts", "cuts", "well"], id="the connection is cut twice"),
        pytest.param(["500", "429", "503", "well"], id="the server is busy three times"),
        pytest.param(["cuts", "ignores ranges"], id="the server knows no ranges"),
        pytest.param(["cuts"] * 9 + ["well"], id="slow progress is progress"),
    ],
)
def test_a_download_arrives_whole(serve, tmp_path, manners):
    server = serve(BODY, manners)
    assert fetch(server, tmp_path / "new" / "file").read_bytes() == BODY
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_second_start_goes_on_where_the_first_was_killed(serve, tmp_path):
    (tmp_path / "file.part").write_bytes(BODY[:1000])
    server = serve(BODY, ["well"])
    assert fetch(server, tmp_path / "file").read_bytes() == BODY
    assert server.ranges == ["bytes=1000-"]


def test_a_complete_partial_file_is_only_renamed(serve, tmp_path):
    (tmp_path / "file.part").write_bytes(BODY)
    assert fetch(serve(BODY, ["well"]), tmp_path / "file").read_bytes() == BODY


def test_a_partial_file_that_is_too_long_is_begun_again(serve, tmp_path):
    (tmp_path / "file.part").write_bytes(BODY + b"more")
    assert fetch(serve(BODY, ["well"]), tmp_path / "file").read_bytes() == BODY


def test_a_file_that_is_there_is_not_asked_for(serve, tmp_path):
    (tmp_path / "file").write_bytes(BODY)
    server = serve(BODY, ["500"])
    fetch(server, tmp_path / "file")
    assert server.ranges == []


@pytest.mark.parametrize(
    ("body", "manners", "sentence"),
    [
        pytest.param(BODY, ["404"], "404.* offline: copy the file to .*file by hand, or use --source", id="not found"),
        pytest.param(BODY, ["500"], "500.* offline: copy", id="always busy"),
        pytest.param(BODY, ["wrong hash"], "do not match the server's sha256", id="other bytes than the hash says"),
        pytest.param(b"<html>log in first</html>", ["well"], "not a whole parquet file", id="a page instead of data"),
    ],
)
def test_a_bad_download_is_refused_and_not_kept(serve, tmp_path, body, manners, sentence):
    with pytest.raises(prepare.Refusal, match=sentence):
        fetch(serve(body, manners), tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_without_a_network_the_refusal_says_what_to_do(tmp_path):
    with pytest.raises(prepare.Refusal, match=r"offline: copy the file to .*/file by hand"):
        prepare.fetch("http://127.0.0.1:9/file", tmp_path / "file", pause=lambda seconds: None)


def test_a_full_disk_is_told_before_the_download(serve, tiny, tmp_path, monkeypatch):
    server = serve(BODY, ["well"])
    monkeypatch.setenv("AUTORESEARCH_CLIMBMIX_URL", server.url)
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: prepare.shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(prepare.Refusal, match=r"needs 1 MB more: the disk is full; .*AUTORESEARCH_CACHE"):
        prepare.prepare_dataset(replace(tiny, source="climbmix:1"), tmp_path / "cache")
