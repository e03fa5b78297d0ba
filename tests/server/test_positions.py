"""Columns in three encodings, and edits that the client applies itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as t

from loop.text.diff import split_lines
from server.convert import Encoding, path_of, uri_of
from server.documents import Document
from tests.server.editor import edited, units

LINE = 'name = "é漢😋x"\r\n'  # the letters are 1, 2, 3 and 4 bytes long, the last but one is two units in utf-16
ENCODINGS = ("utf-8", "utf-16", "utf-32")


def document(text: str, version: int = 1) -> Document:
    return Document("file:///train.py", Path("/train.py"), version, text)


@pytest.mark.parametrize(
    ("encoding", "columns"),
    [
        ("utf-8", {8: 8, 10: 9, 13: 10, 17: 11, 18: 12, 9: 8, 12: 9, 15: 10, 10**9: 13}),
        ("utf-16", {8: 8, 9: 9, 10: 10, 12: 11, 13: 12, 11: 10, 10**9: 13}),
        ("utf-32", {8: 8, 9: 9, 10: 10, 11: 11, 12: 12, 10**9: 13}),
    ],
)
def test_columns_count_what_was_agreed_on(encoding: str, columns: dict[int, int]) -> None:
    line = document(LINE).line(0)
    assert {column: Encoding(encoding).characters(line, column) for column in columns} == columns


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=st.text(alphabet="aé漢😋\t"))
def test_every_place_comes_back_from_the_client(encoding: str, line: str) -> None:
    ours = Encoding(encoding)
    for place in range(len(line) + 1):
        assert ours.width(line[:place]) == units(line[:place], encoding)
        assert ours.characters(line, ours.width(line[:place])) == place


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(old=st.text(alphabet="aé😋\r\n"), new=st.text(alphabet="aé😋\r\n"))
def test_edits_lead_to_the_very_text(encoding: str, old: str, new: str) -> None:
    if "\r" in old.replace("\r\n", ""):
        return  # the client of the test splits at \n only
    edits = Encoding(encoding).edits(document(old), split_lines(new))
    assert edited(old, edits, encoding) == new


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(
    text=st.text(alphabet="aé😋\r\n\x0c"),
    span=st.tuples(*[st.sampled_from([0, 1, 2, 3, 7, 2**31 - 1])] * 4),
    new=st.text(alphabet="bü😋\n", max_size=4),
)
def test_any_span_changes_only_what_is_inside(
    encoding: str, text: str, span: tuple[int, int, int, int], new: str
) -> None:
    after = document(text).changed(2, new, span, Encoding(encoding).characters)
    shared = len(text) - (len(text) + len(new) - len(after.text))
    assert after.version == 2 and shared >= 0
    assert any(
        after.text == text[:start] + new + text[end:]
        for start in range(len(text) + 1)
        for end in range(start, len(text) + 1)
    )


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a%20b/%C3%BC.py", "/a b/ü.py"),
        ("file://localhost/a", "/a"),
        ("untitled:1", None),
        ("file://host/a", None),
        ("file:///a%00b", None),
        ("file:///%ff", None),
        ("", None),
    ],
)
def test_only_a_file_has_a_path(uri: str, path: str | None) -> None:
    assert path_of(uri) == (Path(path) if path else None)
    if path and "localhost" not in uri:
        assert uri_of(Path(path)) == uri


def test_a_position_beyond_the_text_is_its_end() -> None:
    encoding = Encoding("utf-16")
    assert encoding.line_start(document("a\nb"), 9) == t.Position(1, 1)
    assert encoding.line_start(document("a\nb\n"), 9) == t.Position(2, 0)
    assert encoding.line_start(document(""), 9) == t.Position(0, 0)
