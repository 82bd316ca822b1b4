"""Leases that keep the blocks of an object storage while somebody reads them.

A reader writes an object below `pins/` before it asks which blocks there are, and writes it again
as long as it reads; whoever removes blocks looks for such objects first. A block that a reader was
told of was published when its lease stood, so it is removed after that look or not at all. The
lease of a reader that died ends by itself. Knows nothing of why somebody reads.
"""

import secrets
import socket
import threading
from contextlib import suppress
from typing import Self

from bitbrook.clock import SYSTEM_CLOCK
from bitbrook.errors import BitbrookError
from bitbrook.stores.object_storage import ObjectStorage

PINS = "pins"
LEASE_S = 900.0
"""Beyond what the clocks of a machine and of the storage may differ by."""

RENEWALS_PER_LEASE = 5


class ObjectPins:
    """The lease of one reader; a context manager that ends it."""

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
        self._name = f"{PINS}/{secrets.token_hex(8)}"
        self._is_over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="pins", daemon=True)

    def __enter__(self) -> Self:
        self._write()
        self._renewing.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._renewing.join()
        # What is not removed ends by itself.
        with suppress(BitbrookError):
            self._storage.delete([self._name])

    def _write(self) -> None:
        self._storage.put(self._name, socket.gethostname().encode())

    def _renew(self) -> None:
        while not self._is_over.wait(LEASE_S / RENEWALS_PER_LEASE):
            with suppress(BitbrookError):
                self._write()


def is_pinned(storage: ObjectStorage) -> bool:
    """Return whether somebody reads blocks that must not go."""
    now_s = SYSTEM_CLOCK.now_s()
    written = storage.listed(PINS).values()
    return any(now_s - each.timestamp() < LEASE_S for each in written)
