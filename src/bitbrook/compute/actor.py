"""What owners and replicas have in common: they begin by themselves and may be called at once.

An actor tries to begin until it can, and then sees again and again to what it has; whatever keeps
it from that may be over the next time. Nothing here knows Ray: it is an object whose methods are
called from several threads.
"""

import os
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.errors import BitbrookError
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.snapshots import SnapshotStore
from bitbrook.telemetry.logs import configure_logging, get_logger

LOGGER = get_logger(__name__)

AGAIN_AFTER_S = 0.5
BEGIN_WAIT_S = 5.0


@dataclass(slots=True, frozen=True)
class OwnerSettings:
    """What every owner of an installation, and every replica, is told.

    Places as in the settings of a server.
    """

    log_database: str
    storage: str
    cache_directory: str
    cache_bytes_max: int
    lease_s: float
    upkeep_policy: UpkeepPolicy
    log_level: str = "info"


class Running(Protocol):
    """What an actor is made of once it has begun. `process`: its name, of this process alone."""

    process: str

    def close(self) -> None:
        """Finish what was begun and hold nothing any more."""
        ...


RunningT = TypeVar("RunningT", bound=Running)


class Actor(ABC, Generic[RunningT]):
    """The actor of a name, in this process. `kind`: what it is called in the logs."""

    kind = "actor"

    def __init__(self, name: str, settings: OwnerSettings) -> None:
        configure_logging(settings.log_level)
        self.name = name
        self._settings = settings
        self._running: RunningT | None = None
        self._is_closing = threading.Event()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.kind, daemon=True)
        self._thread.start()

    def ping(self) -> str:
        """Return the name of the process once it has opened what is assigned to it, else ""."""
        self._has_begun.wait(BEGIN_WAIT_S)
        return self._running.process if self._running and self._has_begun.is_set() else ""

    def process_id(self) -> int:
        """Return the operating system's number of the process."""
        return os.getpid()

    def close(self) -> None:
        """Finish what was submitted and hold nothing any more."""
        self._is_closing.set()
        self._thread.join()
        running, self._running = self._running, None
        if running is not None:
            running.close()

    @abstractmethod
    def _begin(self) -> RunningT:
        """Return what it is made of, begun now."""

    @abstractmethod
    def _tend(self, running: RunningT) -> float | None:
        """Have open what is assigned; return after how many seconds again, None for never."""

    def _run(self) -> None:
        while not self._is_closing.is_set():
            wait_s: float | None = AGAIN_AFTER_S
            try:
                if self._running is None:
                    self._running = self._begin()
                    process = self._running.process
                    LOGGER.info("begun", actor=self.name, kind=self.kind, process=process)
                wait_s = self._tend(self._running)
                if wait_s is None:
                    return
                self._has_begun.set()
            except BitbrookError as error:
                LOGGER.warning(
                    "cannot go on yet", actor=self.name, kind=self.kind, reason=error.message
                )
            except Exception:
                # The edge of this thread: what cannot be done now may be later.
                LOGGER.exception("cannot go on yet", actor=self.name, kind=self.kind)
            self._is_closing.wait(wait_s)


def open_store(
    settings: OwnerSettings, name: str, names: Collection[str], *, home: str = "owners"
) -> SnapshotStore:
    """Return the snapshot store of an installation, with a cache for one process alone.

    `names`: of those that there are in its `home`; the caches of others, which were replaced, go.
    """
    caches = Path(settings.cache_directory) / home
    if caches.is_dir():
        for directory in caches.iterdir():
            if directory.name not in names:
                shutil.rmtree(directory, ignore_errors=True)
    return open_snapshots(settings.storage, caches / name, cache_bytes=settings.cache_bytes_max)
