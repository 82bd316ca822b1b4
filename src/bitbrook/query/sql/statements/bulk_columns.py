"""Parquet and ORC files of a BULK INSERT as typed columns, a batch at a time.

Columns are cast as a whole where that is exact; any other goes value by value through the same
conversions as JSON.
"""

from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from bitbrook.query.sql.plan.columns import arrow_type
from bitbrook.query.sql.statements.bulk_places import unreadable
from bitbrook.query.sql.statements.bulk_texts import (
    OF_JSON,
    Source,
    TextOptions,
    converted,
    empty_sets,
    refused,
)
from bitbrook.query.sql.types import Kind


def parquet_blocks(
    content: IO[bytes], sources: list[Source], options: TextOptions, block_records: int
) -> Iterator[list[pa.Array]]:
    """Give the columns of a Parquet file, a column a source, so many records at a time.

    Raises:
        InvalidStatement: it is none, a column is missing, or a value cannot be of its type.
    """
    try:
        file = pq.ParquetFile(content)
        names = _names(sources, file.schema_arrow.names, options)
        batches = file.iter_batches(batch_size=block_records, columns=list(dict.fromkeys(names)))
        yield from _blocks(batches, sources, options)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(error) from None


def orc_blocks(
    content: IO[bytes], sources: list[Source], options: TextOptions, block_records: int
) -> Iterator[list[pa.Array]]:
    """Give the columns of an ORC file, as `parquet_blocks` does.

    Raises:
        InvalidStatement: it is none, a column is missing, or a value cannot be of its type.
    """
    try:
        file = orc.ORCFile(content)
        names = list(dict.fromkeys(_names(sources, file.schema.names, options)))
        yield from _blocks(_stripes(file, names, block_records), sources, options)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(error) from None


def _stripes(file: Any, names: list[str], block_records: int) -> Iterator[pa.RecordBatch]:
    for number in range(file.nstripes):
        stripe = file.read_stripe(number, columns=names)
        for start in range(0, stripe.num_rows, block_records):
            yield stripe.slice(start, block_records)


def _names(sources: list[Source], known: list[str], options: TextOptions) -> list[str]:
    """Return the names of the columns to be read."""
    names = []
    for source in sources:
        if not isinstance(source.place, str):
            raise refused(f"MAP takes names of columns for this format, not {source.place}")
        if source.place in known:
            names.append(source.place)
        elif not options.allows_missing:
            raise refused(f"the file has no column '{source.place}'")
    return names


def _blocks(
    batches: Iterator[pa.RecordBatch], sources: list[Source], options: TextOptions
) -> Iterator[list[pa.Array]]:
    first_row = 1
    for batch in batches:
        columns = []
        for source in sources:
            if source.place in batch.schema.names:
                column = _column(batch.column(source.place), source, first_row)
            else:
                column = pa.nulls(batch.num_rows, arrow_type(source.type))
            columns.append(empty_sets(column, source) if options.null_is_empty_set else column)
        yield columns
        first_row += batch.num_rows


def _column(column: pa.Array, source: Source, first_row: int) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_exact(column.type, source.type.kind):
        try:
            # Times are cut to whole microseconds, as in INSERT.
            is_time = source.type.kind is Kind.TIMESTAMP
            return column.cast(arrow_type(source.type), safe=not is_time)
        except pa.ArrowInvalid:
            # One value does not fit; which one is found below.
            pass
    if pa.types.is_floating(column.type):
        # The shortest text that reads as the same number: 0.1 and not its binary neighbour.
        column = column.cast(pa.string())
    return converted(column.to_pylist(), source, OF_JSON[source.type.kind], first_row)


def _is_list(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in kinds)


def _is_exact(kind: pa.DataType, wanted: Kind) -> bool:
    """Whether a cast of whole columns refuses what it cannot hold, and changes nothing."""
    match wanted:
        case Kind.ID | Kind.INT:
            return bool(pa.types.is_integer(kind))
        case Kind.DECIMAL:
            return bool(pa.types.is_decimal(kind))
        case Kind.BOOL:
            return bool(pa.types.is_boolean(kind))
        case Kind.TIMESTAMP:
            return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))
        case Kind.STRING | Kind.VARCHAR:
            return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
        case Kind.VECTOR:
            # Numbers become the float32 next to them; a list of another length is refused.
            return _is_list(kind) and bool(pa.types.is_floating(kind.value_type))
        case _:
            return False
