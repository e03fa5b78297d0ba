"""The canvas: what its text says about itself."""

from __future__ import annotations

import pytest

from loop.text.canvas import fingerprint, unusable


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        pytest.param("A = 1\n", "# why\nA  =  1  # so\n\n", True, id="comments and blanks"),
        pytest.param('"""Doc."""\nA = 1\n', "A = 1\n", True, id="a module's docstring"),
        pytest.param("def f():\n  '''x'''\n  return 1", "def f():\n    return 1\n", True, id="a function's docstring"),
        pytest.param("A = 1\r\n", "\ufeffA = 1\n", True, id="line ends and mark"),
        pytest.param("LR = 0.001\n", "LR = 1e-3\n", True, id="another way to write a number"),
        pytest.param("A = 1\n", "A = 2\n", False, id="another number"),
        pytest.param("A = 1\n", "A = 1.0\n", False, id="another type"),
        pytest.param("x = 'a'\n", "x = 'a '\n", False, id="a string"),
        pytest.param("not python  at all", "not\npython at all\n", True, id="prose by its words"),
        pytest.param("not python", "python not", False, id="other words"),
    ],
)
def test_the_fingerprint_sees_what_runs(a: str, b: str, same: bool) -> None:
    assert (fingerprint(a) == fingerprint(b)) is same


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        pytest.param(b"LR = 1\n", "", id="Python"),
        pytest.param("\ufeffLR = 1\r\n".encode(), "", id="as an editor on Windows writes it"),
        pytest.param(b"LR = '\xff'\n", "train.py: not UTF-8 (byte 6); save it as UTF-8", id="another encoding"),
        pytest.param(b"LR = 1\nLR = = 2\n", "train.py, line 2: invalid syntax", id="a mistake"),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "train.py: this is a Git LFS pointer, not the file; run 'git lfs pull'",
            id="a pointer",
        ),
    ],
)
def test_a_file_that_cannot_be_a_canvas_is_told_with_the_reason(data: bytes, finding: str) -> None:
    found = unusable(data, "train.py")
    assert found.startswith(finding) and bool(found) == bool(finding)
