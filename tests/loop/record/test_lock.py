"""Liveness: who holds the lock, whom it serves, and since when it has shown no life."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from loop.record import lock
from loop.record.home import Home
from loop.record.lock import SILENT_S, beat, holding, is_alive, served, silent_s


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "autoresearch").mkdir()
    return Home(tmp_path / "autoresearch")


@pytest.mark.parametrize(
    ("first", "second", "free"),
    [
        pytest.param(False, False, False, id="two alone"),
        pytest.param(True, True, True, id="two that share"),
        pytest.param(True, False, False, id="one alone beside one that shares"),
        pytest.param(False, True, False, id="one that shares beside one alone"),
    ],
)
def test_a_lock_is_held_by_one_alone_or_by_several_that_share_it(
    home: Home, first: bool, second: bool, free: bool
) -> None:
    with holding(home.lock, shared=first) as held, holding(home.lock, shared=second) as too:
        assert (held, too) == (True, free)
    with holding(home.lock) as again:
        assert again, "it is free once nobody holds it"


def test_a_lock_is_waited_for_as_long_as_asked(home: Home) -> None:
    with ExitStack() as first:
        assert first.enter_context(holding(home.lock))
        freed = threading.Timer(0.05, first.close)
        freed.start()
        with holding(home.lock, patience_s=60.0) as held:
            assert held
        freed.join()


def test_many_who_ask_see_the_daemon_and_never_each_other(home: Home) -> None:
    assert not is_alive(home) and not home.lock.exists(), "who asks makes no lock"
    with holding(home.lock):
        assert is_alive(home)
    with holding(home.lock, shared=True):  # another one asks at this very moment
        assert not is_alive(home)


def test_the_campaign_that_is_served_is_read_from_the_lock_while_somebody_holds_it(home: Home) -> None:
    assert served(home) is None
    home.lock.write_text("night")
    assert served(home) is None, "a dead daemon left its name"
    with holding(home.lock):
        assert served(home) == "night"


def test_a_name_that_is_not_written_yet_is_waited_for_but_not_for_ever(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding(home.lock):
        monkeypatch.setattr(lock, "NAMED_S", 60.0)
        writing = threading.Timer(0.05, home.lock.write_text, ["night"])
        writing.start()
        assert served(home) == "night"
        writing.join()
        home.lock.write_text("")
        monkeypatch.setattr(lock, "NAMED_S", 0.0)
        assert served(home) == ""


@pytest.mark.parametrize(
    ("age_s", "silence_s"),
    [
        pytest.param(0.0, 0.0, id="now"),
        pytest.param(SILENT_S - 3.0, 0.0, id="a beat is late"),
        pytest.param(12.0, 10.0, id="in steps of 5 s"),
        pytest.param(610.0, 600.0, id="and later of a minute"),
        pytest.param(-3600.0, 0.0, id="a clock that was set back"),
    ],
)
def test_a_daemon_is_silent_since_its_last_beat(
    home: Home, monkeypatch: pytest.MonkeyPatch, age_s: float, silence_s: float
) -> None:
    now = time.time()
    monkeypatch.setattr(lock.time, "time", lambda: now)
    assert silent_s(home) == 0.0, "without a beat nothing is known"
    beat(home)
    os.utime(home.beat, (now - age_s, now - age_s))
    assert silent_s(home) == silence_s
