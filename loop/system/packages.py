"""Which packages this system cannot have, because nobody builds them for it."""

from __future__ import annotations

import platform

from loop.system import host

# The oldest that its wheels take; there is no source distribution.
MLX_GLIBC = (2, 35)
MLX_MACOS = (14,)


def no_mlx() -> str:
    """Return why MLX cannot be installed here, "" where it can."""
    if host.MACOS:
        release, chip = platform.mac_ver()[0], platform.machine()
        if chip == "arm64" and _numbers(release) >= MLX_MACOS:
            return ""
        return f"MLX needs Apple silicon and macOS 14 or newer, and this Mac has macOS {release} on {chip}"
    library, version = platform.libc_ver()
    if library == "glibc" and _numbers(version) >= MLX_GLIBC:
        return ""
    found = f"{library} {version}".strip() or "another C library"
    return f"MLX needs glibc 2.35 or newer on Linux, and this system has {found}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
