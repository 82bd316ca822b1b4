"""Where backups lie: a directory, or object storage by URL, as objects by name.

An object is there wholly or not at all. Names are paths with `/`. Knows nothing of what objects
contain.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from bitbrook.errors import Conflict, Damaged, NotFound, Overloaded
from bitbrook.stores.object_storage import ObjectStorage

PORTION_BYTES = 1 << 20
LOCK_NAME = "lock"


class Objects(Protocol):
    """A home of objects. `place`: what it is called in messages."""

    place: str

    def write(self, name: str, body: BinaryIO) -> None:
        """Store an object, in place of one of that name."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """Give an object's bytes in portions.

        Raises:
            NotFound: there is none of that name.
        """
        ...

    def names(self, prefix: str) -> set[str]:
        """Return the names of all objects that begin with `prefix` and a `/`."""
        ...

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...

    def changing(self) -> Any:
        """Give, as a context manager, the right to add and remove objects, alone if possible."""
        ...


def open_objects(place: str) -> Objects:
    """Return the home of objects that a path or a URL (`s3://`, `gs://`, `az://`...) names.

    Raises:
        InvalidValue: it is a URL that nothing here understands.
    """
    if "://" not in place:
        return DirectoryObjects(Path(place))
    return UrlObjects(place)


class DirectoryObjects:
    """Objects as files."""

    def __init__(self, directory: Path) -> None:
        self.place = str(directory)
        self._directory = directory

    def write(self, name: str, body: BinaryIO) -> None:
        """Store an object, in place of one of that name; it is durable then."""
        path = self._directory / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    shutil.copyfileobj(body, file, PORTION_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
                Path(unfinished).rename(path)
            except BaseException:
                Path(unfinished).unlink(missing_ok=True)
                raise
            sync_directory(path.parent)
        except OSError as error:
            raise Overloaded(
                f"{path} cannot be written ({error.strerror}); make room or make it writable"
            ) from error

    def read(self, name: str) -> Iterator[bytes]:
        """Give an object's bytes in portions.

        Raises:
            NotFound: there is none of that name.
            Damaged: the disk does not give it.
        """
        path = self._directory / name
        try:
            with path.open("rb") as file:
                while portion := file.read(PORTION_BYTES):
                    yield portion
        except FileNotFoundError:
            raise NotFound(f"{path} is missing") from None
        except OSError as error:
            raise Damaged(f"{path} cannot be read ({error.strerror})") from error

    def names(self, prefix: str) -> set[str]:
        """Return the names of all objects that begin with `prefix` and a `/`."""
        return {
            path.relative_to(self._directory).as_posix()
            for path in (self._directory / prefix).rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        (self._directory / name).unlink(missing_ok=True)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Give the right to add and remove objects, which one process has at a time.

        Raises:
            Conflict: another process has it.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Overloaded(f"{self.place} cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Conflict(
                f"{self.place}: another backup is being written there; try again when it is done"
            ) from None
        finally:
            os.close(descriptor)


class UrlObjects:
    """Objects in object storage; credentials come from the environment.

    Nothing there can be locked: whoever has several hosts write to one place takes care that they
    do so one after another.
    """

    def __init__(self, url: str) -> None:
        self._storage = ObjectStorage(url, setting="repository")
        self.place = self._storage.place

    def write(self, name: str, body: BinaryIO) -> None:
        """Store an object, in place of one of that name."""
        self._storage.put(name, body)

    def read(self, name: str) -> Iterator[bytes]:
        """Give an object's bytes in portions.

        Raises:
            NotFound: there is none of that name.
        """
        for portion in self._storage.read(name):
            yield bytes(portion)

    def names(self, prefix: str) -> set[str]:
        """Return the names of all objects that begin with `prefix` and a `/`."""
        return self._storage.names(prefix)

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._storage.delete([name])

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Give the right to add and remove objects."""
        yield


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
