"""Object storage by URL: S3, Google's, Azure's, and whatever speaks like one of them.

Requests have a deadline and are repeated for a few seconds; what still fails is said to be out of
reach and is tried again by whoever asked. Large objects come and go in portions, several at a time.
Credentials come from the environment, under the names that each provider's own tools use. Knows
nothing of what objects mean.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from bitbrook.errors import Conflict, InvalidValue, NotFound, Overloaded

PORTION_BYTES = 8 << 20
PORTIONS_AT_ONCE = 4
FETCHED_AT_ONCE = 16
CREATED_WHOLE_BYTES_MAX = 16 << 20
"""Longer objects are sent in parts, which no provider makes conditional in the same way."""

REQUEST_TIMEOUT = timedelta(seconds=20)
CONNECT_TIMEOUT = timedelta(seconds=3)
RETRY_TIMEOUT = timedelta(seconds=5)
"""A question that waits for a part holds up writes to its table, so it rather fails."""

Bytes = bytes | memoryview


class ObjectStorage:
    """The objects below a URL. `place`: what it is called in messages."""

    def __init__(self, url: str, *, setting: str = "storage") -> None:
        """Take a URL (`s3://bucket/prefix`, `gs://`, `az://`, `file:///directory`).

        Raises:
            InvalidValue: nothing here understands it, or the extra is missing.
        """
        try:
            import obstore  # noqa: PLC0415
            from obstore.store import from_url  # noqa: PLC0415
        except ImportError:
            raise InvalidValue(
                f"{url}: object storage needs an extra: pip install 'bitbrook[s3]'", field=setting
            ) from None
        self.place = url.rstrip("/")
        self._obstore: Any = obstore
        self._fetching = ThreadPoolExecutor(FETCHED_AT_ONCE, "objects")
        options: dict[str, Any] = {
            "client_options": {
                "timeout": REQUEST_TIMEOUT,
                "connect_timeout": CONNECT_TIMEOUT,
                "allow_http": _allows_http(),
            },
            "retry_config": {
                "max_retries": 10,
                "retry_timeout": RETRY_TIMEOUT,
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2,
                },
            },
        }
        if url.startswith("file://"):
            options = {"mkdir": True}
        try:
            self._store: Any = from_url(url, **options)
        except Exception as error:
            raise InvalidValue(f"{url} cannot be used: {error}", field=setting) from error

    def put(self, name: str, body: BinaryIO | bytes) -> None:
        """Store an object, in place of one of that name."""
        with self._naming_faults(name):
            self._obstore.put(self._store, name, body, chunk_size=PORTION_BYTES)

    def create(self, name: str, path: Path) -> None:
        """Store a file's bytes as an object that is not there yet, or is the same already.

        Raises:
            Conflict: there is another one of that name.
        """
        size_bytes = path.stat().st_size
        with self._naming_faults(name):
            if size_bytes <= CREATED_WHOLE_BYTES_MAX and self._create_whole(name, path):
                return
        # What was sent twice because the first answer went astray is there, and is ours.
        if self._is_there(name):
            if not self._is_same(name, path):
                raise Conflict(f"{self.place}/{name} is there already, with other contents")
            return
        with self._naming_faults(name):
            self._obstore.put(
                self._store,
                name,
                path,
                chunk_size=PORTION_BYTES,
                max_concurrency=PORTIONS_AT_ONCE,
            )

    def size_bytes(self, name: str) -> int:
        """Return how many bytes an object has.

        Raises:
            NotFound: there is none of that name.
        """
        with self._naming_faults(name):
            return int(self._obstore.head(self._store, name)["size"])

    def ranges(self, name: str, starts: Sequence[int], stops: Sequence[int]) -> list[memoryview]:
        """Return parts of an object, fetched at once; fewer bytes where the object ends.

        Raises:
            NotFound: there is none of that name.
        """
        if len(starts) == 1:
            return [self._range(name, starts[0], stops[0])]
        # Not by obstore's own `get_ranges`, which gives up the process where the object ends early.
        return list(
            self._fetching.map(
                lambda each: self._range(name, *each), zip(starts, stops, strict=True)
            )
        )

    def portions(self, name: str, start: int, stop: int) -> Iterator[memoryview]:
        """Give an object's bytes from `start` to `stop`, in order, a few portions at a time.

        Raises:
            NotFound: there is none of that name.
        """
        stride = PORTION_BYTES * PORTIONS_AT_ONCE
        for first in range(start, stop, stride):
            starts = range(first, min(first + stride, stop), PORTION_BYTES)
            yield from self.ranges(name, starts, [min(s + PORTION_BYTES, stop) for s in starts])

    def read(self, name: str) -> Iterator[memoryview]:
        """Give all of an object's bytes in portions.

        Raises:
            NotFound: there is none of that name.
        """
        return self.portions(name, 0, self.size_bytes(name))

    def names(self, prefix: str) -> set[str]:
        """Return the names of all objects that begin with `prefix` and a `/`."""
        return set(self.listed(prefix))

    def listed(self, prefix: str) -> dict[str, datetime]:
        """Return when each object was written whose name begins with `prefix` and a `/`."""
        with self._naming_faults(prefix):
            portions = self._obstore.list(self._store, prefix=prefix)
            return {each["path"]: each["last_modified"] for some in portions for each in some}

    def folders(self, prefix: str) -> set[str]:
        """Return what follows `prefix` and a `/` in names, up to the next `/`."""
        with self._naming_faults(prefix):
            found = self._obstore.list_with_delimiter(self._store, prefix=prefix)
            return {each.rpartition("/")[2] for each in found["common_prefixes"]}

    def delete(self, names: Collection[str]) -> None:
        """Remove objects; those that are not there are no error."""
        if not names:
            return
        with self._naming_faults(next(iter(names))):
            try:
                self._obstore.delete(self._store, list(names))
            except FileNotFoundError:
                # A directory stops at the first one that is not there.
                for name in names:
                    with suppress(FileNotFoundError):
                        self._obstore.delete(self._store, name)

    def _range(self, name: str, start: int, stop: int) -> memoryview:
        with self._naming_faults(name):
            return memoryview(self._obstore.get_range(self._store, name, start=start, end=stop))

    def _create_whole(self, name: str, path: Path) -> bool:
        """Store a file if no object has its name, in one request; return whether that was so."""
        try:
            self._obstore.put(self._store, name, path, mode="create", use_multipart=False)
        except (
            self._obstore.exceptions.AlreadyExistsError,
            self._obstore.exceptions.NotSupportedError,
        ):
            return False
        return True

    def _is_there(self, name: str) -> bool:
        try:
            self.size_bytes(name)
        except NotFound:
            return False
        return True

    def _is_same(self, name: str, path: Path) -> bool:
        if self.size_bytes(name) != path.stat().st_size:
            return False
        with path.open("rb") as file:
            return all(file.read(len(portion)) == portion for portion in self.read(name))

    @contextmanager
    def _naming_faults(self, name: str) -> Iterator[None]:
        exceptions = self._obstore.exceptions
        try:
            yield
        except FileNotFoundError:
            raise NotFound(f"{self.place}/{name} is missing") from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise Overloaded(
                f"{self.place} does not let this server in ({_first_line(error)}); "
                "mend its credentials in the environment"
            ) from error
        except (OSError, exceptions.BaseError) as error:
            raise Overloaded(
                f"{self.place}/{name} cannot be reached ({_first_line(error)}); try again"
            ) from error


def _first_line(error: Exception) -> str:
    """Return what an error says without the traces that follow."""
    return str(error).strip().partition("\n")[0]


def _allows_http() -> bool:
    """Return whether the environment lets a storage be asked without TLS."""
    # Options that are given take the place of all that the environment says of them.
    names = ("AWS_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP", "AZURE_ALLOW_HTTP")
    return any(os.environ.get(name, "").lower() in {"1", "true"} for name in names)
