"""What is seen of records becomes a schema that a source can have, and that fits them.

Tried with each kind of column, names that fields may not have, digits and times in many forms, and
records that nothing identifies. Every schema is checked as the server checks it.
"""

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from bitbrook.cli.infer_schema import infer_schema
from bitbrook.cli.input_files import UnreadableFile, open_file
from bitbrook.sources.schema import SourceSchema, check_schema


def inferred(path: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """The entries of a file's schema by name, which has passed the server's checks."""
    file = open_file(path)
    schema = infer_schema(file.sample(), file.sample_texts(), **options)
    check_schema(msgspec.convert(schema, SourceSchema))
    return {entry["name"]: entry for entry in schema["definition"]}


@pytest.mark.parametrize(
    ("values", "type_", "config"),
    [
        (["1", "-2", ""], "int", None),
        (["1.5", "20.25", "3"], "decimal", {"Scale": 2}),
        (["1e-3", "5.0"], "decimal", {"Scale": 3}),
        (["123456789012.5", "0.1234567890123"], "decimal", {"Scale": 6}),
        (["true", "false"], "bool", None),
        (["TRUE", "False"], "string", {"Mutex": True}),
        (["red", "", "1"], "string", {"Mutex": True}),
        (["", ""], "string", {"Mutex": True}),
        (["2024-02-29T10:00:00Z", "2024-02-29T10:00:00+02:00"], "timestamp", None),
        (["2024-02-29 10:00:00"], "timestamp", {"Layout": "2006-01-02 15:04:05"}),
        (["2024-02-29T10:00:00"], "timestamp", {"Layout": "2006-01-02T15:04:05"}),
        (["2024-02-29"], "timestamp", {"Layout": "2006-01-02"}),
        (["10:30:00"], "string", {"Mutex": True}),
    ],
)
def test_types_of_csv(
    tmp_path: Path, values: list[str], type_: str, config: dict[str, Any] | None
) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id,v\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values)))
    entry = inferred(path)["v"]
    assert (entry["type"], entry.get("config")) == (type_, config)


def test_types_of_nested_lines(tmp_path: Path) -> None:
    path = tmp_path / "f.ndjson"
    path.write_text(
        '{"_id": "a", "n": 1, "x": 1.25, "at": "2024-02-29 10:00:00", "ids": [1], "tags": ["a"],'
        ' "who": {"Name": "ada", "at": {"day": "2024-02-29T10:00:00Z"}}}\n'
        '{"_id": "b", "ok": true, "when": null}\n'
    )
    entries = inferred(path)
    assert {name: entry["type"] for name, entry in entries.items()} == {
        "_id": "string", "n": "int", "x": "decimal", "at": "timestamp", "ids": "ids",
        "tags": "strings", "who_name": "string", "who_at_day": "timestamp", "ok": "bool",
        "when": "string",
    }  # fmt: skip
    assert entries["who_at_day"]["path"] == ["who", "at", "day"]
    assert entries["at"]["config"] == {"Layout": "2006-01-02 15:04:05"}
    assert entries["x"]["config"] == {"Scale": 2}


def test_names_become_names_of_fields() -> None:
    columns = ["id", "Sepal Length", "sepal_length", "9th", "Größe", "__", "a.b"]
    schema = infer_schema(pa.table({name: [1] for name in columns}))
    check_schema(msgspec.convert(schema, SourceSchema))
    assert [entry["name"] for entry in schema["definition"]] == [
        "id", "sepal_length", "sepal_length_2", "f_9th", "gr_e", "f_", "a_b",
    ]  # fmt: skip
    assert [entry["path"] for entry in schema["definition"]] == [[name] for name in columns]


def test_what_identifies_records() -> None:
    records = pa.table({"ID": [1, 2], "a": ["x", "y"], "b": [-1, 5]})
    assert infer_schema(records)["id_field"] == "id"
    assert infer_schema(records)["definition"][0]["type"] == "id"
    by_text = infer_schema(records, id_field="a")
    assert (by_text["id_field"], by_text["definition"][1]["type"]) == ("a", "string")
    assert infer_schema(records, id_field="b")["definition"][2]["type"] == "string"
    joined = infer_schema(records, primary_key=["a", "ID"])
    assert joined["primary_key_fields"] == ["a", "id"]
    assert "id_field" not in joined
    with pytest.raises(UnreadableFile, match="there is no column 'c'; there are ID, a, b"):
        infer_schema(records, primary_key=["a", "c"])
    with pytest.raises(UnreadableFile, match="--id-field or --primary-key of a, b"):
        infer_schema(records.drop_columns("ID"))
