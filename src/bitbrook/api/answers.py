"""An answer on its way out: small ones whole, large ones in pieces made from pages of their rows.

What can be told to stay within the limit is sent while it is written, a page at a time; of what
cannot, the pieces are kept until it is known to fit, since an answer that has begun cannot be
refused any more. Either way no more than the rows and one text of them is held.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import pyarrow as pa

from bitbrook.api.formats import Format, encode_answer
from bitbrook.errors import LimitExceeded
from bitbrook.query.results import sizes
from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.results.sql_json import check_size, json_pieces
from bitbrook.query.results.streams import arrow_pieces, csv_pieces, ndjson_pieces, parquet_pieces

WHOLE_BYTES_MAX = 1 << 20
"""Bytes of rows in memory up to which an answer is written at once."""

PAGE_BYTES = 1 << 20
PAGE_RECORDS_MAX = 65_536

_PIECES: dict[Format, Callable[[Iterator[pa.Table]], Iterator[bytes]]] = {
    Format.LINES: ndjson_pieces,
    Format.CSV: csv_pieces,
    Format.ARROW: arrow_pieces,
    Format.PARQUET: parquet_pieces,
}


class Body(NamedTuple):
    """A body: its first piece and the others, and its size if that is known beforehand."""

    first: bytes
    others: Iterator[bytes]
    size_bytes: int | None


def ended(body: Body, line: bytes) -> Body:
    """Return a body with a line more at its end."""
    first, others, size_bytes = body
    if size_bytes == len(first):
        return whole(first + line)
    size_bytes = None if size_bytes is None else size_bytes + len(line)
    return Body(first, chain(others, [line]), size_bytes)


def whole(encoded: bytes) -> Body:
    """Return a body of one piece."""
    return Body(encoded, iter(()), len(encoded))


def form_body(answer: SqlAnswer, form: Format, execution_us: int, *, bytes_max: int) -> Body:
    """Return an answer in a form.

    Raises:
        LimitExceeded: it has more than `bytes_max` bytes.
    """
    if answer.table.nbytes <= WHOLE_BYTES_MAX:
        encoded = encode_answer(answer, form, execution_us)
        check_size(len(encoded), bytes_max)
        return whole(encoded)
    named = answer.named_table()
    starts = _page_starts(named)
    if form is Format.JSON:
        pieces = json_pieces(answer, _pages(answer.table, starts), execution_us)
    else:
        pieces = _PIECES[form](_pages(named, starts))
    bound = _bytes_max(answer, named, form, len(starts))
    if bound is not None and bound <= bytes_max:
        return Body(next(pieces), pieces, None)
    kept = _kept(pieces, bytes_max)
    return Body(b"", _taken(kept), sum(map(len, kept)))


def _bytes_max(answer: SqlAnswer, named: pa.Table, form: Format, page_count: int) -> int | None:
    """Return a bound of an answer's size, None if there is none worth having."""
    match form:
        case Format.JSON:
            return sizes.json_bytes_max(named) + len(encode_answer(_empty(answer), form, 0)) + 20
        case Format.LINES:
            return sizes.ndjson_bytes_max(named)
        case Format.CSV:
            return sizes.csv_bytes_max(named)
        case Format.ARROW:
            return sizes.arrow_bytes_max(named, batch_count=page_count)
        case Format.PARQUET:
            return None


def _empty(answer: SqlAnswer) -> SqlAnswer:
    return SqlAnswer(answer.fields, answer.table.slice(0, 0), answer.warnings)


def _page_starts(table: pa.Table) -> range:
    """Return where pages begin that have about PAGE_BYTES each."""
    fitting = PAGE_BYTES * table.num_rows // max(table.nbytes, 1)
    return range(0, table.num_rows, max(1, min(fitting, PAGE_RECORDS_MAX)))


def _pages(table: pa.Table, starts: range) -> Iterator[pa.Table]:
    """Give the pages of a table, each of one batch, however it came out of the shards."""
    return (table.slice(start, starts.step).combine_chunks() for start in starts)


def _kept(pieces: Iterator[bytes], bytes_max: int) -> list[bytes]:
    kept: list[bytes] = []
    size_bytes = 0
    for piece in pieces:
        size_bytes += len(piece)
        if size_bytes > bytes_max:
            raise LimitExceeded(
                f"the answer has more than the {bytes_max:,} bytes that are allowed; select fewer "
                "columns or records with WHERE or LIMIT, or raise answer_bytes_max"
            )
        kept.append(piece)
    return kept


def _taken(kept: list[bytes]) -> Iterator[bytes]:
    """Give the pieces, each of which is let go once it is given."""
    kept.reverse()
    while kept:
        yield kept.pop()
