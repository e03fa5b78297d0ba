"""How much a run may have, and where a cgroup for it can be made; the bombs themselves are in tests/attacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loop.trust import limits
from loop.trust.bounds import Bound, Bounds, number_in
from loop.trust.limits import Limits, own_groups
from tests.loop import macos

V1 = "9:name=systemd:/\n8:pids:/p\n4:memory:/m/own\n1:cpu,cpuacct:/\n0::/\n"
V2 = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n"


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        pytest.param(V2, [("", V2.strip().removeprefix("0::"))], id="version 2"),
        pytest.param(V1, [("memory", "/m/own"), ("pids", "/p")], id="version 1"),
        pytest.param("", [], id="none"),
    ],
)
def test_the_cgroups_of_a_process_are_known(text: str, groups: list[tuple[str, str]]) -> None:
    assert own_groups(text) == groups


def test_the_first_place_upwards_that_works_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "/user.slice/app.slice/x.scope"
    (tmp_path / own[1:]).mkdir(parents=True)
    tried: list[Path] = []
    monkeypatch.setattr(limits, "_works", lambda place, kind: tried.append(place) or place.name == "app.slice")
    assert limits.places.__wrapped__(tmp_path, (("", own),)) == (tmp_path / "user.slice/app.slice",)
    assert tried == [tmp_path / own[1:], tmp_path / "user.slice/app.slice"]
    assert limits.places.__wrapped__(tmp_path / "nowhere", (("", own),)) == ()


def test_a_folder_that_is_no_cgroup_does_not_work(tmp_path: Path) -> None:
    assert not limits._works(tmp_path, "") and not limits._works(tmp_path, "memory")
    assert os.listdir(tmp_path) == []


def test_a_group_that_cannot_be_bounded_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "places", lambda: (tmp_path, tmp_path / "gone"))
    assert limits.make_group(Limits(1, 1, 1)) == [] and os.listdir(tmp_path) == []


def test_the_group_of_a_daemon_that_was_killed_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f"autoresearch-{ended.pid}-1").mkdir()
    monkeypatch.setattr(limits, "places", lambda: (tmp_path,))
    (made,) = limits.make_group(Limits(1, 1, 1))
    assert os.listdir(tmp_path) == [Path(made).name]


def test_a_machines_limits_leave_room_for_it_and_for_honest_work() -> None:
    found, total = limits.machine(), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < found.memory <= 0.9 * total and found.processes >= 1024 and 3 * found.tmpfs <= found.memory


@pytest.mark.parametrize("system", ["linux", "macos"])
@pytest.mark.parametrize(
    ("memory", "processes", "passed"),
    [(None, 3, Bound.PROCESSES), (1 << 20, None, Bound.MEMORY), (None, None, None), (1 << 40, 99, None)],
)
def test_a_look_at_a_tree_counts_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    memory: int | None,
    processes: int | None,
    passed: Bound | None,
    system: str,
) -> None:
    if system == "macos":
        macos.pretend(monkeypatch, tmp_path)
    code = "import sys; kept = b'x' * (8 << 20); print('ready', flush=True); sys.stdin.read()"
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    for child in children:
        assert child.stdout and child.stdout.readline() == b"ready\n"
    found = Bounds([], memory, processes).passed()
    for child in children:
        child.communicate()
    assert found is passed


def test_the_events_of_a_group_are_read(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert Bounds([str(tmp_path)], 1, 1).passed() is Bound.MEMORY
    (tmp_path / "memory.events").write_text("oom_kill 0\n")
    (tmp_path / "pids.events").write_text("max 1\n")
    assert Bounds([str(tmp_path)], 1, 1).passed() is Bound.PROCESSES
    assert number_in(str(tmp_path / "none"), "max") == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max"), ["900", "0", "1", "7"], id="version 2"
        ),
        pytest.param(
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max"), ["900", "900", "7"], id="version 1"
        ),
        pytest.param(("memory.max", "pids.max"), ["900", "7"], id="a kernel that counts no swap"),
    ],
)
def test_a_cgroup_bounds_memory_swap_and_processes(tmp_path: Path, files: tuple[str, ...], expected: list[str]) -> None:
    for name in files:
        (tmp_path / name).touch()
    limits._bound(tmp_path, Limits(900, 7, 1))
    assert [(tmp_path / name).read_text() for name in files] == expected
    assert {path.name for path in tmp_path.iterdir()} == set(files)


def test_a_container_has_less_memory_than_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_memory", lambda: 100 << 30)
    monkeypatch.setattr(limits, "_container", lambda: 10 << 30)
    assert limits.machine.__wrapped__().memory == int(0.9 * (10 << 30))


def test_the_least_limit_on_the_way_up_is_the_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slice" / "scope").mkdir(parents=True)
    (tmp_path / "slice" / "memory.max").write_text("1000\n")
    (tmp_path / "slice" / "scope" / "memory.max").write_text("max\n")
    monkeypatch.setattr(limits, "CGROUPS", tmp_path)
    monkeypatch.setattr(limits, "own_groups", lambda: [("", "/slice/scope")])
    assert limits._container() == 1000
