"""File events of the system, for those that want to be woken by them. Some file systems offer none."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Set
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

log = logging.getLogger(__name__)

KINDS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent, DirCreatedEvent,
]  # fmt: skip
OURS = (".lock", ".log")  # written all the time, and of no interest


class Events(FileSystemEventHandler):
    """Calls `wake`, from a thread of its own, when something happens in the folders that are watched."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._watched: set[Path] = set()
        self._observer = Observer()
        self._observer.daemon = True
        with contextlib.suppress(OSError):
            self._observer.start()

    def watch(self, places: Set[Path], deep: bool = False) -> None:
        """Watch those of these folders that are there and are not watched yet, with all below them where `deep`."""
        for place in places - self._watched:
            if place.is_dir():
                self._watched.add(place)
                try:
                    self._observer.schedule(self, str(place), recursive=deep, event_filter=KINDS)
                except OSError as error:
                    log.info("%s is polled, not watched: %s", place, error)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if not str(event.src_path).endswith(OURS):
            self._wake()

    def close(self) -> None:
        self._observer.unschedule_all()
        self._observer.stop()
