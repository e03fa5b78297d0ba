"""What this system cannot have is named, with what it lacks; a test that needs it says so."""

from __future__ import annotations

import pytest

import tests.conftest
from loop.system import host, packages
from tests.conftest import lacking

MAC = "MLX needs Apple silicon and macOS 14 or newer, and this Mac has"


@pytest.mark.parametrize(
    ("mac", "machine", "version", "said"),
    [
        (False, "x86_64", ("glibc", "2.36"), ""),
        (False, "x86_64", ("glibc", "2.35"), ""),
        (False, "aarch64", ("glibc", "2.100"), ""),
        (False, "x86_64", ("glibc", "2.34"), "MLX needs glibc 2.35 or newer on Linux, and this system has glibc 2.34"),
        (False, "x86_64", ("", ""), "MLX needs glibc 2.35 or newer on Linux, and this system has another C library"),
        (True, "arm64", ("", "14.0"), ""),
        (True, "arm64", ("", "26.1.2"), ""),
        (True, "arm64", ("", "13.7"), f"{MAC} macOS 13.7 on arm64"),
        (True, "x86_64", ("", "15.1"), f"{MAC} macOS 15.1 on x86_64"),
    ],
)
def test_where_mlx_cannot_be_installed_what_it_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, mac: bool, machine: str, version: tuple[str, str], said: str
) -> None:
    monkeypatch.setattr(host, "MACOS", mac)
    monkeypatch.setattr(packages.platform, "machine", lambda: machine)
    monkeypatch.setattr(packages.platform, "libc_ver", lambda: version)
    monkeypatch.setattr(packages.platform, "mac_ver", lambda: (version[1], ("", "", ""), machine))
    assert packages.no_mlx() == said


def test_a_test_that_needs_a_package_says_why_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking("pytest") == ""
    assert lacking("no_such_package") == "no_such_package is not installed; make test installs it"
    monkeypatch.setattr(tests.conftest, "find_spec", lambda name: None)
    monkeypatch.setattr(tests.conftest, "no_mlx", lambda: "MLX needs glibc 2.35")
    assert lacking("mlx") == "mlx is not installed; MLX needs glibc 2.35"


@pytest.mark.parametrize(("name", "refused"), [("CI", pytest.fail.Exception), ("LAPTOP", pytest.skip.Exception)])
def test_in_ci_such_a_test_fails_and_elsewhere_it_is_skipped(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, name: str, refused: type[BaseException]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(name, "true")
    monkeypatch.setattr(tests.conftest, "lacking", lambda package: "mlx is not installed")
    request.node.add_marker(pytest.mark.needs("mlx"))
    with pytest.raises(refused, match="mlx is not installed"):
        tests.conftest.pytest_runtest_setup(request.node)
