"""The data directory is one process's: a file in it, locked by the operating system.

The lock goes with the process, however it ends, so nothing is ever left to clean up. The file says
whose it is, for the message to whoever comes second.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from bitbrook.errors import AlreadyRunning, Damaged

FILE_NAME = "lock"


class DirectoryLock:
    """The lock of a data directory, which is made if need be. Held from construction to `close`."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            AlreadyRunning: another process has it; names the directory and the process.
            Damaged: the directory cannot be made or written.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(
                directory / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise Damaged(
                f"{directory}: the data directory cannot be used ({error.strerror}); "
                "make it writable or name another one with --data"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"{directory}: another server (process {owner or 'unknown'}) uses this data "
                "directory; stop it or name another one with --data"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the next process have the directory."""
        os.close(self._descriptor)
