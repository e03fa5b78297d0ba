"""How the processes of a campaign's runs are confined: what each of them sees of the data and of the repository."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from loop.runs.conditions import Conditions
from loop.runs.ruler import Ruler
from loop.trust.sandbox import Sandbox, cache


@dataclass(frozen=True)
class Confinement:
    """The sandbox of one campaign's runs; `top` is its repository. A process is given no more than these say."""

    conditions: Conditions
    sandbox: Sandbox
    top: Path

    def training(self, slot: Path, run_dir: Path) -> tuple[str, ...]:
        """Return the sandbox's command: no home, no repository, and where the score is sealed no network, no rows."""
        ruler, folder = self.conditions.ruler, slot / self.conditions.folder
        # A script that measures itself brings its own habits: the original one fetches a kernel when it starts.
        own = self.conditions.own_data
        brought = [cache(), Path.home() / ".cache" / "huggingface" / "hub", *([own] if own else [])]
        return self.sandbox.wrap(
            slot=slot,
            run_dir=run_dir,
            top=self.top,
            python=self.conditions.python,
            readable=ruler.read_paths if ruler else brought,
            protect=[folder / "prepare.py", folder / self.conditions.canvas],
            hidden=self._everywhere(untold(ruler), slot) if ruler else [],
            mounts=ruler.mounts if ruler else (),
            network=ruler is None,
            system_only=ruler is not None,
        )

    def scoring(self, ruler: Ruler, slot: Path, run_dir: Path) -> tuple[str, ...]:
        """Return the sandbox of the scorer's model processes: nothing can be written there, no text be read."""
        folder = slot / self.conditions.folder
        return self.sandbox.wrap(
            slot=slot,
            run_dir=run_dir,
            top=self.top,
            python=self.conditions.python,
            protect=[folder / "prepare.py", folder / self.conditions.canvas],
            hidden=self._everywhere((*ruler.sealed_paths, *ruler.text_paths), slot),
            mounts=ruler.mounts,
            read_only=True,
        )

    def _everywhere(self, paths: Collection[Path], slot: Path) -> list[Path]:
        """Return paths and, of those in the repository, their copies in the slot, but nothing that is run there."""
        top, folder = self.top.resolve(), slot / self.conditions.folder
        run = [folder / "prepare.py", folder / self.conditions.canvas]
        copies = [slot / path.resolve().relative_to(top) for path in paths if path.resolve().is_relative_to(top)]
        return [*paths, *(copy for copy in copies if not any(file.is_relative_to(copy) for file in run))]


def untold(ruler: Ruler) -> list[Path]:
    """Return what training must not see: held-out rows, and text that its ruler has not handed out.

    The rows it trains on come through the channel. What it needs of the data, the manifest, stays.
    """
    text = [place for place in ruler.text_paths if not any(need.is_relative_to(place) for need in ruler.read_paths)]
    return [*ruler.sealed_paths, *text, *filter(None, [ruler.training_file])]
