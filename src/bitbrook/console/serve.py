"""The console at `/`: its files, compressed once and named by what they hold.

The page is asked for anew each time; everything else lies under a path that has the digest of all
files in it, so that a browser keeps it for good and never mixes two releases. Nothing is asked of
any other host and no script stands in the page: the policy says so to the browser.
"""

import gzip
import hashlib
from pathlib import Path
from typing import NamedTuple

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import NotFoundException

_STATIC = Path(__file__).with_name("static")
_PAGE = "index.html"
_DIGEST_MARK = "{digest}"
_PRELOADS_MARK = "<!-- preloads -->"
_COMPRESSION = 9

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".csv": "text/csv",
}

_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'; img-src 'self' blob:"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class _File(NamedTuple):
    """A file as it is sent: plain, and compressed."""

    media_type: str
    plain: bytes
    compressed: bytes


def _file(media_type: str, plain: bytes) -> _File:
    return _File(media_type, plain, gzip.compress(plain, _COMPRESSION, mtime=0))


def _read() -> tuple[str, dict[str, _File]]:
    """Return the digest of all files, and each by its path below `static`."""
    found = {
        path.relative_to(_STATIC).as_posix(): path.read_bytes()
        for path in sorted(_STATIC.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }
    digest = hashlib.sha256()
    for name, plain in found.items():
        digest.update(name.encode() + b"\0" + plain + b"\0")
    shown = digest.hexdigest()[:16]
    found[_PAGE] = _page(found, shown)
    return shown, {name: _file(_TYPES[Path(name).suffix], plain) for name, plain in found.items()}


def _page(found: dict[str, bytes], digest: str) -> bytes:
    """Return the page, which asks for every module at once instead of one after the other."""
    preloads = "\n".join(
        f'<link rel="modulepreload" href="/console/{digest}/{name}">'
        for name in found
        if name.endswith(".js")
    )
    page = found[_PAGE].decode()
    return page.replace(_PRELOADS_MARK, preloads).replace(_DIGEST_MARK, digest).encode()


_DIGEST, _FILES = _read()


@get("/", opt={"is_open": True}, include_in_schema=False, sync_to_thread=False)
def console_page(request: Request[object, object, State]) -> Response[bytes]:
    """Show the console."""
    return _response(_FILES[_PAGE], request, "no-cache")


@get(
    "/console/{digest:str}/{path:path}",
    opt={"is_open": True},
    include_in_schema=False,
    sync_to_thread=False,
)
def console_file(
    request: Request[object, object, State], digest: str, path: str
) -> Response[bytes]:
    """Send one of the console's files, of this release only."""
    file = _FILES.get(str(path).lstrip("/"))
    if file is None or digest != _DIGEST:
        raise NotFoundException
    return _response(file, request, "public, max-age=31536000, immutable")


def _response(
    file: _File, request: Request[object, object, State], caching: str
) -> Response[bytes]:
    is_compressed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**_HEADERS, "cache-control": caching, "vary": "accept-encoding"}
    if is_compressed:
        headers["content-encoding"] = "gzip"
    content = file.compressed if is_compressed else file.plain
    return Response(content, media_type=file.media_type, headers=headers)


PAGES = (console_page, console_file)
