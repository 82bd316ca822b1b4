"""The start page at `/`: what runs here and where to read on. Files only."""

from pathlib import Path

from litestar import Response, get

_STATIC = Path(__file__).with_name("static")

# No script and no other host: what little the page shows, it carries.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


@get("/", opt={"is_open": True}, include_in_schema=False, sync_to_thread=False)
def start_page() -> Response[bytes]:
    """Show the start page."""
    return Response(
        _PAGE,
        media_type="text/html",
        headers={"content-security-policy": _POLICY, "x-content-type-options": "nosniff"},
    )


_PAGE = (_STATIC / "index.html").read_bytes()

PAGES = (start_page,)
