"""Files are cut into chunks that hold every record once, as exactly as the file has it.

Tried with every type of column, reading from every position, chunks that end at every place, values
over several lines, blank and misshapen lines, and columns that cannot be sent.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from bitbrook.cli import input_files
from bitbrook.cli.input_files import UnreadableFile, open_file


def values_of(path: Path, start: int = 0) -> list[Any]:
    values: list[Any] = []
    position = start
    for chunk in open_file(path).chunks(start):
        assert chunk.start >= position
        assert chunk.end > chunk.start
        position = chunk.end
        lines = chunk.lines.decode().split("\n")
        assert lines.pop() == ""
        assert len(lines) == chunk.record_count
        values += map(json.loads, lines)
    return values


def test_columns_of_every_type(tmp_path: Path) -> None:
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
    table = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "large": pa.array([2**64 - 1, 0], pa.uint64()),
            "half": pa.array([0.1, float("nan")], pa.float32()),
            "exact": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "coded": pa.array(["a", "b"]).dictionary_encode(),
            "wide": pa.array(["é\n", None], pa.large_string()),
            "day": pa.array([date(2024, 2, 29), None], pa.date32()),
            "moment": pa.array([noon, None], pa.timestamp("us", "+02:00")),
            "plain": pa.array([noon.replace(tzinfo=None), None], pa.timestamp("ms")),
            "flag": pa.array([True, None]),
            "ids": pa.array([[1, 2], None], pa.list_(pa.int32())),
            "tags": pa.array([["x"], []], pa.large_list(pa.string())),
            "who": pa.array([{"name": "ada", "at": {"x": 1}}, None]),
            "none": pa.nulls(2),
        }
    )  # fmt: skip
    parquet.write_table(table, tmp_path / "f.parquet")
    first, second = values_of(tmp_path / "f.parquet")
    assert first == {
        "small": 1, "large": 2**64 - 1, "half": "0.1", "exact": "1.50", "coded": "a",
        "wide": "é\n", "day": "2024-02-29T00:00:00Z", "moment": "2024-02-29T12:00:00Z",
        "plain": "2024-02-29T12:00:00Z", "flag": True, "ids": [1, 2], "tags": ["x"],
        "who.name": "ada", "who.at.x": 1, "none": None,
    }  # fmt: skip
    assert {name for name, value in second.items() if value is not None} == {
        "large", "coded", "tags",
    }  # fmt: skip


@pytest.mark.parametrize("kind", [pa.binary(), pa.map_(pa.string(), pa.string()), pa.time64("us")])
def test_columns_that_cannot_be_sent_are_named(tmp_path: Path, kind: pa.DataType) -> None:
    parquet.write_table(pa.table({"id": [1], "odd": pa.nulls(1, kind)}), tmp_path / "f.parquet")
    with pytest.raises(UnreadableFile, match="column 'odd' is of type"):
        values_of(tmp_path / "f.parquet")


@pytest.mark.parametrize("chunk_bytes", [1, 3, 10, 64, 1 << 20])
@pytest.mark.parametrize("chunk_records", [1, 3, 1_000])
@pytest.mark.parametrize("name", ["f.ndjson", "f.csv", "f.parquet"])
def test_chunks_of_any_size_from_any_position(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    chunk_bytes: int,
    chunk_records: int,
) -> None:
    monkeypatch.setattr(input_files, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(input_files, "CHUNK_RECORDS", chunk_records)
    path = tmp_path / name
    ids = [str(number) for number in range(23)]
    if name == "f.ndjson":
        lines = [f'{{"id": "{each}"}}' for each in ids]
        path.write_text("\r\n\n".join(lines))
    elif name == "f.csv":
        if chunk_bytes < 64:
            monkeypatch.setattr(input_files, "CHUNK_BYTES", 64)  # a block holds a line
        path.write_text("id\n" + "\n".join(ids))
    else:
        parquet.write_table(pa.table({"id": ids}), path, row_group_size=7)
    assert [value["id"] for value in values_of(path)] == ids
    ends = [chunk.end for chunk in open_file(path).chunks()]
    for index, end in enumerate(ends):
        done = sum(chunk.record_count for chunk in list(open_file(path).chunks())[: index + 1])
        assert [value["id"] for value in values_of(path, end)] == ids[done:]


def test_csv_values_stay_text_and_misshapen_lines_are_told(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text('id,a b\n001,"x\ny, ""z"""\n2,\n3,""\n4,5,6\n7\n1e3,true\n')
    file = open_file(path)
    values = [json.loads(line) for chunk in file.chunks() for line in chunk.lines.splitlines()]
    assert values == [
        {"id": "001", "a b": 'x\ny, "z"'},
        {"id": "2", "a b": None},
        {"id": "3", "a b": ""},
        {"id": "1e3", "a b": "true"},
    ]
    assert file.misshapen == ["4,5,6", "7"]
