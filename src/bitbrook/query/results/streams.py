"""A table's records in the formats of tables, page by page: no more than a page is held at once.

Each function turns pages, of which there is at least one and all have the same columns, into pieces
that make up one document. Values are written as `tables` writes them.
"""

import io
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet

from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer
from bitbrook.query.results.tables import encode_csv, encode_ndjson

Pages = Iterator[pa.Table]


def ndjson_pieces(pages: Pages) -> Iterator[bytes]:
    """Give one JSON object a line."""
    for page in pages:
        yield encode_ndjson(_as_answer(page))


def csv_pieces(pages: Pages) -> Iterator[bytes]:
    """Give a line of names, then a line a record."""
    for index, page in enumerate(pages):
        text = encode_csv(_as_answer(page))
        # Names may hold line ends, so that it takes a page without records to know their line.
        yield text if index == 0 else text[len(encode_csv(_as_answer(page.slice(0, 0)))) :]


def arrow_pieces(pages: Pages) -> Iterator[bytes]:
    """Give an Arrow IPC stream."""
    sink = _Sink()
    first = next(pages)
    with pa.ipc.new_stream(sink, first.schema) as stream:
        stream.write_table(first)
        yield sink.taken()
        for page in pages:
            stream.write_table(page)
            yield sink.taken()
    yield sink.taken()


def parquet_pieces(pages: Pages) -> Iterator[bytes]:
    """Give a Parquet file of one row group a page."""
    sink = _Sink()
    first = next(pages)
    with parquet.ParquetWriter(sink, first.schema) as file:
        file.write_table(first)
        yield sink.taken()
        for page in pages:
            file.write_table(page)
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that is taken away as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, piece: object) -> int:
        written = bytes(piece)  # type: ignore[call-overload]
        self._pieces.append(written)
        self._position += len(written)
        return len(written)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _as_answer(page: pa.Table) -> SqlAnswer:
    fields = [AnswerField(name, "", "") for name in page.column_names]
    return SqlAnswer(fields, page.rename_columns([f"c{i}" for i in range(len(fields))]))
