"""Links that keep the blocks of a directory while somebody reads them beside its server.

A link is as good as the file, whatever the server removes meanwhile. The links of one reader are in
a directory of their own, locked by the operating system, so that those of a reader that died are
known for what they are and go with the next look. Knows nothing of why somebody reads.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from bitbrook.errors import Overloaded

PINS = "pins"
"""Directory, beside that of the blocks, of the links to blocks that somebody reads."""


class LocalPins:
    """The links of one reader, in `directory`; a context manager that removes them."""

    def __init__(self, blocks: Path) -> None:
        """Make an empty directory for links to what is below `blocks`.

        Raises:
            Overloaded: there it cannot be made, or not by this user.
        """
        self._blocks = blocks
        home = blocks.with_name(PINS)
        _check_owner(home.parent)
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(home, fcntl.LOCK_EX):
                _remove_abandoned(home)
                self.directory = Path(tempfile.mkdtemp(dir=home))
                self._descriptor = os.open(self.directory, os.O_RDONLY)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise Overloaded(
                f"{home} cannot be written ({error.strerror}); a backup and a check keep links "
                "there: run them as the user that the server runs as"
            ) from error

    def link(self, partition: str, names: Sequence[str]) -> list[str]:
        """Link these blocks of a partition; return the names of those that are not there.

        Raises:
            Overloaded: links cannot be made there.
        """
        missing = []
        (self.directory / partition).mkdir(exist_ok=True)
        for name in names:
            block = self._blocks / partition / name
            try:
                os.link(block, self.directory / partition / name)
            except FileExistsError:
                continue
            except FileNotFoundError:
                missing.append(name)
            except OSError as error:
                raise Overloaded(
                    f"{block} cannot be linked ({os.strerror(error.errno or errno.EIO)}); a backup "
                    "needs a data directory that it may write to, on a file system with links"
                ) from error
        return missing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._descriptor)


def _check_owner(directory: Path) -> None:
    """Return if what this process makes in a directory is of use to the directory's owner."""
    owner = directory.stat().st_uid if directory.exists() else os.geteuid()
    if os.geteuid() != owner:
        # What this process makes there, SQLite's files too, the server could not use.
        raise Overloaded(
            f"{directory} belongs to the user {owner} and this process to {os.geteuid()}; "
            "run it as the user that the server runs as"
        )


def _remove_abandoned(home: Path) -> None:
    """Remove the links of processes that have died: they keep what they link from going."""
    for pins in home.iterdir():
        try:
            with _locked(pins, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(pins, ignore_errors=True)
        except BlockingIOError:
            continue


@contextmanager
def _locked(directory: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)
