"""One thread that looks after all folders: woken by the system's file events, and four times a second anyway.

The events make it prompt, the polling makes it right: some file systems offer no events, some lose them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from server.snapshot import Snapshot

if TYPE_CHECKING:
    from server.events import Events
    from server.reader import Reader

log = logging.getLogger(__name__)

POLL_S = 0.25
SETTLE_S = 0.02  # one fact is several file events


class Watcher:
    """Follows folders and hands every new Snapshot to `publish`, which must be quick and safe to call from a thread."""

    def __init__(self, publish: Callable[[Snapshot], None]) -> None:
        self._publish = publish
        self._readers: dict[Path, Reader] = {}
        self._orders: list[Callable[[], object]] = []  # what the thread is to do before its next look
        self._wake = threading.Event()
        self._poked = threading.Event()
        self._stopped = False
        self._events: Events | None = None
        self._blind = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def follow(self, folder: Path) -> None:
        """Begin to look after a folder."""
        self._order(lambda: self._reader(folder))

    def forget(self, folder: Path) -> None:
        """Look after a folder no longer."""
        self._order(lambda: self._readers.pop(folder, None))

    def pick(self, folder: Path, campaign: str | None) -> None:
        """Show another campaign of a folder; None is its last."""
        self._order(lambda: self._reader(folder).pick(campaign))

    def poke(self) -> None:
        """Look now: what we did ourselves is one fact, and has happened."""
        self._poked.set()
        self._wake.set()

    def _order(self, order: Callable[[], object]) -> None:
        self._orders.append(order)
        self._wake.set()

    def _reader(self, folder: Path) -> Reader:
        from server.reader import Reader

        return self._readers.setdefault(folder, Reader(folder))

    def _run(self) -> None:
        while not self._stopped:
            while self._orders:
                self._orders.pop(0)()
            for reader in list(self._readers.values()):
                self._look(reader)
            try:
                if not self._blind:
                    self._observe()
            except Exception as error:  # the system has no more watches to give: polling continues
                self._blind = True
                log.info("no file events: %s", error)
            self._wake.wait(POLL_S)
            if self._wake.is_set():
                self._wake.clear()
                self._poked.wait(SETTLE_S)
                self._poked.clear()
        if self._events is not None:
            self._events.close()

    def _look(self, reader: Reader) -> None:
        snapshot = reader.poll()
        if snapshot is not None and not self._stopped:
            self._publish(snapshot)

    def _observe(self) -> None:
        """Ask the system for events in the folders, beside the journal and below git's refs."""
        if not self._readers:
            return
        from server.events import Events

        self._events = self._events or Events(self._wake.set)
        homes = [reader.home.root for reader in self._readers.values() if reader.home is not None]
        self._events.watch({*self._readers, *homes})
        self._events.watch({root.parent / "refs" / "autoresearch" for root in homes}, deep=True)
