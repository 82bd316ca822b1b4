"""Several servers on one catalogue: each has in memory what the catalogue has, a moment late.

A server looks several times a second whether another one changed something, and at once when it
does not find what it is asked for; before it changes anything itself it looks again, under a lock
that one server has at a time. What somebody began and did not finish is begun again by whoever
notices: steps are finished one at a time over all servers, and each looks first whether there is
still something to do.
"""

import threading
from collections.abc import Callable, Sequence

from bitbrook.errors import BitbrookError
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.sharing import Changes, SharedLock
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

LOOK_EVERY_S = 0.25
RESUME_EVERY_S = 5.0


class Sharing:
    """What one server does for the sake of others. Begun by `start`, ended by `close`.

    `lock`: of whoever looks and then changes. `steps_lock`: of whoever finishes what was begun.
    """

    def __init__(self, catalogue: Catalogue, readers: Sequence[Callable[[], None]]) -> None:
        """Prepare. `readers`: read again what is kept in memory, in this order."""
        self._changes: Changes = catalogue.share()
        self._readers = readers
        self._seen = -1
        self._looking = threading.RLock()
        self.lock = catalogue.shared_lock("bitbrook: change", self.look)
        self.steps_lock: SharedLock = catalogue.shared_lock("bitbrook: finish", self.look)
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, resume: Callable[[], None]) -> None:
        """Look again and again, and now and then have what others left half done resumed."""
        self._thread = threading.Thread(
            target=self._run, args=(resume,), name="sharing", daemon=True
        )
        self._thread.start()

    def look(self) -> None:
        """Read again if another server changed something since; wait if that is under way.

        Raises:
            Overloaded: the catalogue cannot be reached.
        """
        number = self._changes.number()
        if number == self._seen:
            return
        with self._looking:
            if number == self._seen:
                return
            for read in self._readers:
                read()
            self._seen = number

    def close(self) -> None:
        """Look no more."""
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, resume: Callable[[], None]) -> None:
        looks = 0
        while not self._is_closing.wait(LOOK_EVERY_S):
            looks += 1
            try:
                self.look()
                if looks % round(RESUME_EVERY_S / LOOK_EVERY_S) == 0:
                    resume()
            except BitbrookError as error:
                LOGGER.warning("the catalogue is not looked at", reason=error.message)
            except Exception:
                # The edge of this thread: without it this server would never hear of others again.
                LOGGER.exception("the catalogue is not looked at")
