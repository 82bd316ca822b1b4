"""Files of records, cut into chunks of JSON lines as a source takes them.

NDJSON goes through as it is written. The columns of CSV stay text, which sources read exactly;
those of Parquet and Arrow keep their types. A position says how much of a file is read (bytes of
NDJSON, records of the others), and reading can begin at one. Knows nothing of sources.

Everything is read on the calling thread: a command that ends at once would else meet Arrow's pool
while its threads are being started, and abort.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, json, parquet

from bitbrook.cli.file_kind import FileKind
from bitbrook.query.results.sql_answer import AnswerField, SqlAnswer
from bitbrook.query.results.tables import encode_ndjson

CHUNK_RECORDS = 10_000
CHUNK_BYTES = 4 << 20
SAMPLE_BYTES = 4 << 20


_SUFFIXES = {
    ".csv": FileKind.CSV,
    ".ndjson": FileKind.NDJSON,
    ".jsonl": FileKind.NDJSON,
    ".json": FileKind.NDJSON,
    ".parquet": FileKind.PARQUET,
    ".pq": FileKind.PARQUET,
    ".arrow": FileKind.ARROW,
    ".arrows": FileKind.ARROW,
    ".feather": FileKind.ARROW,
    ".ipc": FileKind.ARROW,
}
_COMPRESSED = frozenset({".gz", ".zst", ".bz2"})


class UnreadableFile(Exception):
    """A file, or a column of one, that cannot be loaded; the message says why and the mend."""


class Chunk(NamedTuple):
    """Some records, one JSON object a line, and the positions before and after them."""

    start: int
    end: int
    lines: bytes
    record_count: int


class InputFile(ABC):
    """A file to load. `total`: the position at its end, None if that is not known before.

    `misshapen`: lines met since somebody last emptied it that are no records at all.
    """

    total: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.misshapen: list[str] = []

    @abstractmethod
    def sample(self) -> pa.Table:
        """Return some of its first records, typed as well as they tell."""

    def sample_texts(self) -> pa.Table | None:
        """Return the same records as they are written, None if values are more than text."""
        return None

    @abstractmethod
    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        """Give its records from a position on."""


def open_file(path: Path, kind: FileKind | None = None) -> InputFile:
    """Return a file by its kind, which its name tells if nobody does.

    Raises:
        UnreadableFile: there is none, or its name does not tell its kind.
    """
    if not path.is_file():
        raise UnreadableFile(f"{path} is no file")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _COMPRESSED]
    known = kind or _SUFFIXES.get(suffixes[-1] if suffixes else "")
    match known:
        case FileKind.CSV:
            return _CsvFile(path)
        case FileKind.NDJSON:
            return _LinesFile(path)
        case FileKind.PARQUET:
            return _ParquetFile(path)
        case FileKind.ARROW:
            return _ArrowFile(path)
        case None:
            kinds = ", ".join(FileKind)
            raise UnreadableFile(f"{path}: its name tells no kind; give --format ({kinds})")


class _LinesFile(InputFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if path.suffix.lower() not in _COMPRESSED:
            self.total = path.stat().st_size

    def sample(self) -> pa.Table:
        return self._sample(json.ParseOptions())

    def sample_texts(self) -> pa.Table:
        fields = [pa.field(each.name, _untimed(each.type)) for each in self.sample().schema]
        return self._sample(json.ParseOptions(explicit_schema=pa.schema(fields)))

    def _sample(self, parsing: json.ParseOptions) -> pa.Table:
        text = _beginning(self.path)
        reading = json.ReadOptions(use_threads=False, block_size=max(len(text), 1))
        try:
            return json.read_json(pa.BufferReader(text), reading, parsing)
        except pa.ArrowInvalid as error:
            raise UnreadableFile(
                f"{self.path}: its types cannot be told ({error}); give --schema"
            ) from None

    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        with pa.input_stream(self.path, compression="detect") as stream:
            _skip(stream, start)
            position, rest = start, b""
            while True:
                piece = stream.read(CHUNK_BYTES)
                text = rest + piece
                cut = text.rfind(b"\n") + 1 if piece else len(text)
                rest = text[cut:]
                if cut:
                    yield from _cut(text[:cut], position)
                    position += cut
                if not piece:
                    return


def _beginning(path: Path) -> bytes:
    """Return the first lines of a file, whole ones."""
    with pa.input_stream(path, compression="detect") as stream:
        text: bytes = stream.read(SAMPLE_BYTES)
    return text if len(text) < SAMPLE_BYTES else text[: text.rfind(b"\n") + 1]


def _untimed(kind: pa.DataType) -> pa.DataType:
    """Return a type of JSON with texts where the reader takes them for times."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, _untimed(each.type)) for each in kind])
    if pa.types.is_list(kind):
        return pa.list_(_untimed(kind.value_type))
    return kind


def _skip(stream: pa.NativeFile, size_bytes: int) -> None:
    while size_bytes > 0:
        skipped = len(stream.read(min(size_bytes, CHUNK_BYTES)))
        if not skipped:
            return
        size_bytes -= skipped


def _cut(text: bytes, position: int) -> Iterator[Chunk]:
    """Give whole lines in chunks of no more records than a request shall have."""
    lines = text.split(b"\n")
    for first in range(0, len(lines), CHUNK_RECORDS):
        some = lines[first : first + CHUNK_RECORDS]
        is_last = first + CHUNK_RECORDS >= len(lines)
        size_bytes = sum(map(len, some)) + len(some) - is_last
        full = [line for line in some if line.strip()]
        if full:
            yield Chunk(position, position + size_bytes, b"\n".join(full) + b"\n", len(full))
        position += size_bytes


class _ColumnsFile(InputFile):
    """A file of columns, whose positions are records."""

    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        position = 0
        for batch in self._batches():
            if position + batch.num_rows <= start:
                position += batch.num_rows
                self.misshapen.clear()  # told when they were met first
                continue
            left = batch.slice(max(start - position, 0))
            position = max(position, start)
            for first in range(0, left.num_rows, CHUNK_RECORDS):
                for chunk in _encoded(left.slice(first, CHUNK_RECORDS), position):
                    yield chunk
                    position = chunk.end

    @abstractmethod
    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Give all records."""


class _CsvFile(_ColumnsFile):
    def sample(self) -> pa.Table:
        return self._sample(_reading())

    def sample_texts(self) -> pa.Table:
        return self._sample(_reading(self.sample().column_names))

    def _sample(self, reading: csv.ConvertOptions) -> pa.Table:
        text = _beginning(self.path)
        read = csv.ReadOptions(use_threads=False, block_size=max(len(text), 1))
        parsing = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda _: "skip")
        try:
            return csv.read_csv(pa.BufferReader(text), read, parsing, reading)
        except pa.ArrowInvalid as error:
            raise UnreadableFile(f"{self.path} is no CSV with a line of names: {error}") from None

    def _batches(self) -> Iterator[pa.RecordBatch]:
        parsing = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._skip_row)
        with (
            pa.input_stream(self.path, compression="detect") as stream,
            csv.open_csv(
                stream,
                csv.ReadOptions(use_threads=False, block_size=CHUNK_BYTES),
                parsing,
                _reading(self.sample().column_names),
            ) as batches,
        ):
            yield from batches

    def _skip_row(self, row: csv.InvalidRow) -> str:
        # Of too many or too few values nobody can say which is which.
        self.misshapen.append(row.text)
        return "skip"


def _reading(text_columns: list[str] | None = None) -> csv.ConvertOptions:
    """Return how CSV is read: what is empty without quotes is no value."""
    return csv.ConvertOptions(
        column_types=dict.fromkeys(text_columns or [], pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )


class _ParquetFile(_ColumnsFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with parquet.ParquetFile(path) as file:
                self.total = file.metadata.num_rows
        except pa.ArrowInvalid as error:
            raise UnreadableFile(f"{path} is no Parquet file: {error}") from None

    def sample(self) -> pa.Table:
        with parquet.ParquetFile(self.path) as file:
            first = next(file.iter_batches(CHUNK_RECORDS, use_threads=False), None)
            return file.schema_arrow.empty_table() if first is None else _flat(first)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with parquet.ParquetFile(self.path) as file:
            yield from file.iter_batches(CHUNK_RECORDS, use_threads=False)


class _ArrowFile(_ColumnsFile):
    def sample(self) -> pa.Table:
        for batch in self._batches():
            return _flat(batch.slice(0, CHUNK_RECORDS))
        raise UnreadableFile(f"{self.path} has no records")

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            file = pa.ipc.open_file(self.path)
        except pa.ArrowInvalid:
            yield from self._streamed()
            return
        for index in range(file.num_record_batches):
            yield file.get_batch(index)

    def _streamed(self) -> Iterator[pa.RecordBatch]:
        try:
            with pa.input_stream(self.path) as stream, pa.ipc.open_stream(stream) as batches:
                yield from batches
        except pa.ArrowInvalid as error:
            raise UnreadableFile(f"{self.path} is no Arrow file or stream: {error}") from None


def _encoded(batch: pa.RecordBatch, start: int) -> Iterator[Chunk]:
    """Give a batch's records as chunks of no more bytes than a request shall have, if they can."""
    table = _flat(batch)
    columns = [_plain(name, table.column(name)) for name in table.column_names]
    fields = [AnswerField(name, "", "") for name in table.column_names]
    named = pa.Table.from_arrays(columns, names=[f"c{index}" for index in range(len(columns))])
    text = encode_ndjson(SqlAnswer(fields, named))
    if len(text) <= CHUNK_BYTES:
        yield Chunk(start, start + batch.num_rows, text, batch.num_rows)
        return
    half = batch.num_rows // 2
    if half == 0:
        yield Chunk(start, start + 1, text, 1)
        return
    yield from _encoded(batch.slice(0, half), start)
    yield from _encoded(batch.slice(half), start + half)


def _flat(batch: pa.RecordBatch) -> pa.Table:
    """Return records with the members of structs as columns of their own: `a.b`."""
    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _plain(name: str, column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one of the types that `encode_ndjson` writes.

    Raises:
        UnreadableFile: a source takes nothing that it could be written as.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_floating(kind):
        # What is no number is, in files, a value that nobody had.
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    target = _plain_type(kind)
    if target is None:
        raise UnreadableFile(f"column {name!r} is of type {kind}, which no source takes; drop it")
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        # The moments are in UTC already; only the name of the zone goes.
        column = column.cast(pa.int64()).cast(target)
    plain = column if column.type == target else column.cast(target)
    return plain.combine_chunks() if plain.num_chunks != 1 else plain.chunk(0)


def _plain_type(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_unsigned_integer(kind):
        return pa.uint64()
    if pa.types.is_signed_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.string()
    if pa.types.is_date(kind):
        return pa.timestamp("s")
    if pa.types.is_timestamp(kind):
        return pa.timestamp(kind.unit)
    if pa.types.is_boolean(kind):
        return kind
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        member = _plain_type(kind.value_type)
        if member in {pa.uint64(), pa.int64(), pa.string()}:
            return pa.list_(member)
    return None
