"""The files and URLs that BULK INSERT may open: those of the operator, and nothing around them.

A file is opened by walking down from its directory without following a link, so that no path, link
or renaming in between leads elsewhere. A URL's content is copied into a file without a name first;
redirects are not followed, as they would leave the prefix that allows it.
"""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from bitbrook.algebra.budget import Budget
from bitbrook.errors import BitbrookError, InvalidStatement, LimitExceeded
from bitbrook.query.database import BulkPlaces
from bitbrook.query.sql.positions import StatementText

FETCHED_BYTES_MAX = 4 << 30
"""Bytes of a URL's content."""

FETCH_STEP_BYTES = 1 << 20
FETCH_TIMEOUT_S = 30.0
"""Seconds in which a server must go on sending."""


def open_upload(
    name: str, uploads: Mapping[str, IO[bytes]], offset: int, text: StatementText
) -> IO[bytes]:
    """Return a file that came with the statement, opened a time of its own.

    Raises:
        InvalidStatement: none of that name came.
    """
    if name not in uploads:
        came = f"came: {', '.join(sorted(uploads))}" if uploads else "none came"
        raise text.error(
            f"no file '{name}' came with the statement ({came}); send it as a part of that name "
            "beside the part 'statement'",
            offset,
        )
    content = os.fdopen(os.dup(uploads[name].fileno()), "rb")
    content.seek(0)
    return content


def open_file(name: str, places: BulkPlaces, offset: int, text: StatementText) -> BinaryIO:
    """Return a file of the operator's, opened.

    Raises:
        NotSupported: there is no directory whose files may be read.
        InvalidStatement: the file lies outside them, or cannot be read.
    """
    if not places.directories:
        raise text.unsupported(
            "the server reads no files; name directories in its setting bulk_directories, or send "
            "the text with INPUT 'INLINE'",
            offset,
        )
    outside = text.error(
        f"file '{name}' is not below a directory of the setting bulk_directories", offset
    )
    if "\0" in name:
        raise outside
    fault: BitbrookError = outside
    for directory in places.directories:
        # Before the file system is asked: what lies outside is not even seen to exist.
        path = Path(os.path.normpath(directory / name))
        if not path.is_relative_to(directory):
            continue
        root, real = Path(os.path.realpath(directory)), Path(os.path.realpath(path))
        if not real.is_relative_to(root) or real == root:
            continue
        try:
            return _opened(root, real.relative_to(root).parts)
        except OSError as error:
            fault = text.error(f"file '{name}' cannot be read ({error.strerror})", offset)
    raise fault


def _opened(root: Path, parts: tuple[str, ...]) -> BinaryIO:
    """Return the regular file at the end of a path that has no links."""
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            # A pipe would keep the statement waiting for ever.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            below = os.open(part, flags, dir_fd=held)
            os.close(held)
            held = below
        if not stat.S_ISREG(os.fstat(held).st_mode):
            raise OSError(0, "it is no regular file")
        return os.fdopen(held, "rb")
    except OSError:
        os.close(held)
        raise


def open_url(
    url: str, places: BulkPlaces, offset: int, text: StatementText, budget: Budget
) -> IO[bytes]:
    """Return the content of a URL as a file at its beginning.

    Raises:
        NotSupported: there is no URL that may be read.
        InvalidStatement: the URL is not of those that may, or does not answer with content.
        LimitExceeded: the content is too large.
        TimedOut, Cancelled: the budget is spent.
    """
    if not places.url_prefixes:
        raise text.unsupported(
            "the server reads no URLs; name beginnings of them in its setting bulk_url_prefixes, "
            "or send the text with INPUT 'INLINE'",
            offset,
        )
    if not any(_is_below(url, prefix) for prefix in places.url_prefixes):
        raise text.error(f"URL '{url}' begins like none of the setting bulk_url_prefixes", offset)
    content = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        _fetch(url, content, budget)
    except httpx.HTTPError as error:
        content.close()
        reason = str(error) or type(error).__name__
        raise text.error(f"URL '{url}' cannot be read ({reason})", offset) from None
    except _NoContentError as error:
        content.close()
        raise text.error(f"URL '{url}' answers {error}", offset) from None
    except BaseException:
        content.close()
        raise
    content.seek(0)
    return content


class _NoContentError(Exception):
    """A server answered something else than the content."""


def _fetch(url: str, content: IO[bytes], budget: Budget) -> None:
    # No proxy, no .netrc: what may be read is what the operator named.
    with (
        httpx.Client(timeout=FETCH_TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", url) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise _NoContentError(f"{response.status_code} {response.reason_phrase}".strip())
        size_bytes = 0
        for step in response.iter_bytes(FETCH_STEP_BYTES):
            budget.check()
            size_bytes += len(step)
            if size_bytes > FETCHED_BYTES_MAX:
                raise LimitExceeded(
                    f"URL '{url}' has more than the {FETCHED_BYTES_MAX:,} bytes that are allowed"
                )
            content.write(step)


def _is_below(url: str, prefix: str) -> bool:
    """Whether a URL is of a prefix's server, and below its path."""
    try:
        asked, allowed = urlsplit(url), urlsplit(prefix)
        if _origin(asked) != _origin(allowed) or asked.username or asked.password:
            return False
    except ValueError:
        return False
    path = unquote(asked.path)
    if "\\" in path or ".." in path.split("/"):
        return False
    below = allowed.path if allowed.path.endswith("/") else allowed.path + "/"
    return path == allowed.path or path.startswith(below)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise ValueError
    return scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[scheme]


def unreadable(error: Exception) -> InvalidStatement:
    """Return the refusal of a content that is not of its format."""
    reason = str(error).split("\n", maxsplit=1)[0][:200]
    return InvalidStatement(f"[1:1] the content cannot be read ({reason})")
