"""README's table of accelerators names the devices that program.md takes, all of them, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loop.settings import devices

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## Accelerators\n")[2].partition("\n## ")[0]
LINES = [line for line in SECTION.splitlines() if line.startswith("| ")]
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in LINES[1:]]
NAMES = sorted({name for row in ROWS for name in re.findall(r"`([^`]+)`", row[1])})
KINDS = {name.partition(":")[0] for name in devices.SUGGESTED} - {devices.AUTO}
ASKED = (
    "CPU, x86", "NVIDIA, data center", "NVIDIA, consumer", "AMD, ROCm", "Apple, MPS", "Apple, MLX", "Intel, XPU",
    "WSL 2",
)  # fmt: skip


def test_each_accelerator_has_a_row_whose_cells_are_filled() -> None:
    assert len(ROWS) == len(ASKED)
    assert [name for name, row in zip(ASKED, ROWS, strict=True) if not row[0].startswith(name)] == []
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_device_of_the_table_is_one_that_the_settings_accept(name: str) -> None:
    assert devices.read(name) == name


def test_every_device_that_the_settings_suggest_is_in_the_table() -> None:
    assert len(KINDS) > 2 and set(NAMES) >= KINDS
