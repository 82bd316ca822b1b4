"""Files that come with a statement: a multipart body, read into files without a name on the disk.

The part `statement` is the SQL; every other part is a file that `FROM '<its name>'` with `INPUT
'UPLOAD'` reads. A file never is in memory as a whole, what was sent is gone with the request, and
as the files have no names a killed server leaves none. Knows nothing of what is in them.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any

from litestar.types import Receive, Scope
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from bitbrook.api.bodies import HeldBody, decode_text, text_header
from bitbrook.errors import InvalidBody, LimitExceeded, Overloaded

STATEMENT_PART = "statement"
MEDIA_TYPE = "multipart/form-data"

FILES_MAX = 16
"""Files that may come with one statement."""

UPLOADS_MAX = 8
"""Requests with files that may be under way at a time: each may fill as much of the disk."""

PART_BYTES = 1 << 20
"""Bytes that are read before they are written: the most of a file that is in memory."""


@dataclass(slots=True)
class Upload:
    """A statement and the files that came with it, by name, each at its beginning."""

    statement: str = ""
    files: dict[str, IO[bytes]] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of the files, which is their end."""
        for file in self.files.values():
            file.close()


class Uploads:
    """Where files of requests go, and how large they may be together."""

    def __init__(self, directory: Path, *, bytes_max: int, statement_bytes_max: int) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._statement_bytes_max = statement_bytes_max
        self._count = 0

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold room for one request more; on the event loop.

        Raises:
            Overloaded: as many are under way as may be.
        """
        if self._count >= UPLOADS_MAX:
            raise Overloaded(
                f"{self._count} requests with files are under way and {UPLOADS_MAX} may be; "
                "nothing was applied; try again later"
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def read(self, scope: Scope, receive: Receive, held: HeldBody) -> Upload:
        """Return what a multipart body holds; its reader closes it.

        Raises:
            InvalidBody: it is no such body, or has no part `statement`.
            LimitExceeded: it is too long.
            TooSlow, Overloaded, Cancelled: as `HeldBody.read_part` does.
        """
        if text_header(scope, b"content-encoding") not in {"", "identity"}:
            raise InvalidBody(f"a {MEDIA_TYPE} body comes as it is; leave Content-Encoding out")
        reading = _Reading(scope, self._directory, self._statement_bytes_max)
        try:
            while not held.is_whole:
                part = await held.read_part(
                    scope, receive, bytes_max=self._bytes_max, part_bytes=PART_BYTES
                )
                await asyncio.to_thread(reading.take, part)
                held.recount(-len(part))
            return reading.finish()
        except LimitExceeded:
            reading.upload.close()
            raise LimitExceeded(
                f"the files have more than {self._bytes_max:,} bytes with all that is sent with "
                "them, and no more are allowed; send them in several statements or raise "
                "upload_bytes_max"
            ) from None
        except BaseException:
            reading.upload.close()
            raise


def is_multipart(scope: Scope) -> bool:
    """Return whether a request's body is made of parts."""
    return text_header(scope, b"content-type").lower().startswith(MEDIA_TYPE)


class _Reading:
    """A body on its way into files."""

    def __init__(self, scope: Scope, directory: Path, statement_bytes_max: int) -> None:
        self.upload = Upload()
        self._directory = directory
        self._statement_bytes_max = statement_bytes_max
        self._statement: bytearray | None = None
        self._open: IO[bytes] | bytearray | None = None
        try:
            self._parser = PushMultipartParser(_boundary(scope))
        except MultipartError as fault:
            raise _unreadable(fault) from None

    def take(self, part: bytes) -> None:
        """Take what came of the body; on a worker thread."""
        if not part:
            return
        try:
            for event in self._parser.parse(part):
                self._note(event)
        except MultipartError as fault:
            raise _unreadable(fault) from None

    def _note(self, event: Any) -> None:
        match event:
            case MultipartSegment():
                self._begin(event.name)
            case None:
                self._open = None
            case _ if isinstance(self._open, bytearray):
                self._open += event
                if len(self._open) > self._statement_bytes_max:
                    raise InvalidBody(
                        f"the part {STATEMENT_PART!r} has more than {self._statement_bytes_max:,} "
                        "bytes; send records in the file"
                    )
            case _:
                assert self._open is not None, "a part begins before it has content"
                self._open.write(event)

    def _begin(self, name: str) -> None:
        if name in self.upload.files or (name == STATEMENT_PART and self._statement is not None):
            raise InvalidBody(f"there are two parts {name!r}; give each a name of its own")
        if name == STATEMENT_PART:
            self._statement = self._open = bytearray()
            return
        if len(self.upload.files) == FILES_MAX:
            raise InvalidBody(f"more than {FILES_MAX} files; send them in several statements")
        file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - the upload's own
        self._open = self.upload.files[name] = file

    def finish(self) -> Upload:
        """Return what came, files at their beginnings.

        Raises:
            InvalidBody: the body ends before its end, or there is no statement.
        """
        try:
            self._parser.close()
        except MultipartError as fault:
            raise _unreadable(fault) from None
        if self._statement is None:
            raise InvalidBody(f"a part named {STATEMENT_PART!r} is missing; it is the SQL to run")
        self.upload.statement = decode_text(bytes(self._statement))
        for file in self.upload.files.values():
            file.seek(0)
        return self.upload


def _boundary(scope: Scope) -> str:
    """Return what parts a body, as its Content-Type says."""
    message = Message()
    message["content-type"] = text_header(scope, b"content-type")
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise InvalidBody(f"Content-Type {MEDIA_TYPE} says no boundary; let the client set it")
    return boundary


def _unreadable(fault: MultipartError) -> InvalidBody:
    return InvalidBody(f"the body is not {MEDIA_TYPE}: {fault}")
