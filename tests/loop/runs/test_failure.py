"""A log tells why a run failed, and what is shown of it is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.runs.failure import clean, failure_in

TORCH = """Traceback (most recent call last):
  File "/home/me/my campaign/train.py", line 214, in <module>
    main()
  File "/home/me/my campaign/train.py", line 180, in main
    loss = model(x)
  File "/opt/venv/lib/python3.12/site-packages/torch/nn/modules/module.py", line 1751, in _call_impl
    return forward_call(*args, **kwargs)
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. See https://pytorch.org/docs/stable/notes/cuda.html
"""
CHAINED = """Traceback (most recent call last):
  File "/s/a.py", line 1, in <module>
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/me/my campaign/train.py", line 9, in <module>
    x
RuntimeError: [enforce fail at alloc_cpu.cpp:126] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to
[W1 something printed later]
"""


@pytest.mark.parametrize(
    ("log", "kind", "line", "message"),
    [
        pytest.param(
            TORCH, "out_of_memory", 180, "OutOfMemoryError at train.py:180: CUDA out of memory", id="in a library"
        ),
        pytest.param(
            CHAINED, "out_of_memory", 9, "RuntimeError at train.py:9: [enforce fail", id="the last of a chain"
        ),
        pytest.param("terminate called\n what():  std::bad_alloc", "out_of_memory", 0, "out of memory", id="C++"),
        pytest.param("", "other", 0, "no traceback", id="nothing"),
    ],
)
def test_what_a_log_tells_of_a_failure(log: str, kind: str, line: int, message: str) -> None:
    found = failure_in(clean(log, Path("/home/me/my campaign")), "train.py")
    assert (found.kind, found.line) == (kind, line)
    assert found.message.startswith(message)
    assert "/home" not in found.traceback and "/opt" not in found.traceback


def test_a_long_traceback_is_trimmed() -> None:
    frames = "".join(f'  File "train.py", line {n}, in f\n    f()\n' for n in range(1, 500))
    found = failure_in(f"Traceback (most recent call last):\n{frames}RecursionError: too deep", "train.py")
    assert (len(found.traceback.splitlines()), found.line) == (30, 499)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("a\x1b[31mred\x1b[0m\x07\x00b", "aredb", id="control characters"),
        pytest.param("title\x1b]0;evil\x07 end", "title end", id="terminal title"),
        pytest.param("user\u202etxt.exe", "usertxt.exe", id="reversed text"),
        pytest.param("10%\r20%\r\n", "10%\n20%\n\n", id="carriage returns"),
        pytest.param("/slot a/train.py:3: in /usr/lib/x.py", "train.py:3: in x.py", id="absolute paths"),
        pytest.param(
            "see https://a.org/b/c and 1 / 2 and a/b/c", "see https://a.org/b/c and 1 / 2 and a/b/c", id="no paths"
        ),
        pytest.param(
            ' File "/v/lib/python3.11/site-packages/torch/x.py"', ' File "site-packages/torch/x.py"', id="library paths"
        ),
    ],
)
def test_what_is_shown_is_clean(text: str, cleaned: str) -> None:
    assert clean(text, Path("/slot a")) == cleaned
