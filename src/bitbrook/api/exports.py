"""Whole tables out: `GET /v1/tables/<deployment>/<table>/export`, streamed."""

import enum
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import anyio.to_thread
import pyarrow as pa
from litestar import get
from litestar.params import Parameter
from litestar.response import Stream

from bitbrook.api.bodies import text_header
from bitbrook.api.formats import Format, asked_format, asks_end, end_line
from bitbrook.api.paths import AnyRequest, versioned
from bitbrook.api.permissions import needs
from bitbrook.auth.policy import Caller, Right
from bitbrook.control.exports import Export
from bitbrook.control.service import Service
from bitbrook.errors import InvalidValue
from bitbrook.query.results.streams import arrow_pieces, csv_pieces, ndjson_pieces, parquet_pieces

TAGS = ["tables"]

_END = "record: NDJSON and CSV end with a line that says how many records there are"


class _Name(enum.StrEnum):
    """A form of export, by what `?format=` and files are called."""

    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


_MEDIA_TYPES = {
    _Name.NDJSON: Format.LINES,
    _Name.CSV: Format.CSV,
    _Name.ARROW: Format.ARROW,
    _Name.PARQUET: Format.PARQUET,
}
_NAMES = {media_type: name for name, media_type in _MEDIA_TYPES.items()}
_PIECES: dict[_Name, Callable[[Iterator[pa.Table]], Iterator[bytes]]] = {
    _Name.NDJSON: ndjson_pieces,
    _Name.CSV: csv_pieces,
    _Name.ARROW: arrow_pieces,
    _Name.PARQUET: parquet_pieces,
}


@get(versioned("/tables/{deployment_id:str}/{table:str}/export"), opt=needs(Right.QUERY), tags=TAGS)
async def export_table(
    request: AnyRequest,
    deployment_id: str,
    table: str,
    *,
    caller: Caller,
    service: Service,
    form: Annotated[str | None, Parameter(query="format")] = None,
    end: Annotated[str | None, Parameter(description=_END)] = None,
) -> Stream:
    """Stream a whole table, as NDJSON, CSV, Arrow or Parquet by `format` or Accept."""
    name = _asked_name(form, text_header(request.scope, b"accept"))
    is_ended = asks_end(f"end={end}" if end is not None else "")

    def begin() -> tuple[bytes | None, Iterator[bytes]]:
        database = service.queries.database(caller, deployment_id)
        export = Export(database, database.table(table), service.queries)
        pages = _Pages(export.pages())
        pieces = _PIECES[name](pages)
        if is_ended:
            pieces = _ended(pieces, pages, _MEDIA_TYPES[name])
        # What fails, fails here and is answered as an error, before anything is sent.
        return next(pieces, None), pieces

    first, pieces = await anyio.to_thread.run_sync(begin)
    return Stream(
        _on_threads(first, pieces),
        media_type=_MEDIA_TYPES[name],
        headers={"content-disposition": f'attachment; filename="{table}.{name}"'},
    )


class _Pages(Iterator[pa.Table]):
    """Pages on their way, counted. `records`: how many those had that were given."""

    def __init__(self, pages: Iterator[pa.Table]) -> None:
        self.records = 0
        self._pages = pages

    def __next__(self) -> pa.Table:
        page = next(self._pages)
        self.records += page.num_rows
        return page


def _ended(pieces: Iterator[bytes], pages: _Pages, form: Format) -> Iterator[bytes]:
    """Give the pieces, and at their end the line that ends the form."""
    yield from pieces
    yield end_line(form, pages.records)


async def _on_threads(first: bytes | None, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces, each made on a thread when it is wanted."""
    piece = first
    while piece is not None:
        if piece:
            yield piece
        piece = await anyio.to_thread.run_sync(_next, pieces)


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


def _asked_name(form: str | None, accept: str) -> _Name:
    if form is None:
        return _NAMES.get(asked_format(accept), _Name.NDJSON)
    try:
        return _Name(form.lower())
    except ValueError:
        known = ", ".join(_Name)
        raise InvalidValue(
            f"format {form[:40]!r} is unknown; give one of {known}", field="format"
        ) from None


ROUTES: tuple[Any, ...] = (export_table,)
