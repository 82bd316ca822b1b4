"""Each type of a source takes the JSON that the reference says and stores what it says.

Tried type by type with good, bad and edge values; with missing fields, nested paths, keys given
twice, several threads; and by applying the batches to the table they were made for.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from bitbrook.engine.batch import decode_batch, encode_batch
from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.schema.limits import RECORDS_PER_BODY_MAX, ROW_KEY_BYTES_MAX
from bitbrook.sources import bodies

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1

GOOD: list[tuple[str, dict[str, Any], bytes, Any]] = [
    ("id", {}, b"10", [10]),
    ("id", {}, b'"10"', [10]),
    ("id", {"Mutex": True}, b"18446744073709551615", UINT64_MAX),
    ("id", {"QUANTUM": "Y"}, b"0", [0]),
    ("ids", {}, b"[1,2,3]", [1, 2, 3]),
    ("ids", {}, b'["18446744073709551615"]', [UINT64_MAX]),
    ("ids", {}, b"[]", []),
    ("string", {}, b'"example"', ["example"]),
    ("string", {"mutex": "true"}, b'"caf\\u00e9 \\ud83d\\ude00"', "caf\u00e9 \U0001f600"),
    ("string", {"Mutex": True}, b'""', ""),
    ("string", {"Mutex": True}, b'"half \\ud83d of \\\\ud83d"', "half \ufffd of \\ud83d"),
    ("strings", {}, b'["a","b"]', ["a", "b"]),
    ("strings", {}, b'["",""]', ["", ""]),
    ("bool", {}, b"true", True),
    ("bool", {}, b'"false"', False),
    ("bool", {}, b"1", True),
    ("int", {}, b"-12", -12),
    ("int", {}, b'"10"', 10),
    ("int", {}, b"1.5e1", 15),
    ("int", {}, str(INT64_MAX).encode(), INT64_MAX),
    ("int", {"Min": -5, "Max": 5}, b"-5", -5),
    ("int", {"ForeignIndex": "others"}, b"7", 7),
    ("decimal", {"Scale": 2}, b"10.9", 1090),
    ("decimal", {"Scale": 2}, b'"10.9"', 1090),
    ("decimal", {"scale": 18}, b"0.1", 10**17),
    ("decimal", {"Scale": 1}, b"10.9000", 109),
    ("signedIntBoolKey", {}, b"10", [10]),
    ("dateInt", {"Unit": "d"}, b'"1970-01-11T12:00:00Z"', 10),
    ("dateInt", {"Unit": "c", "CustomUnit": "6h"}, b'"1970-01-02T00:00:00Z"', 4),
    ("dateInt", {"Unit": "h", "Epoch": "1970-01-02", "Layout": "2006-01-02"}, b'"1970-01-03"', 24),
    ("dateInt", {}, b"12", 12),
    ("timestamp", {}, b'"1970-01-01T00:00:01.999Z"', 1),
    ("timestamp", {"Granularity": "ms"}, b'"1970-01-01T01:00:01.999+01:00"', 1999),
    ("timestamp", {"Granularity": "ms", "Unit": "ms"}, b"1999", 1999),
    ("timestamp", {"Granularity": "ns", "Unit": "us"}, b'"1.5"', 1500),
    (
        "timestamp",
        {"Layout": "Jan 2, 2006 at 3:04pm (MST)"},
        b'"Feb 3, 2013 at 7:54pm (PST)"',
        1_359_921_240,
    ),
]

BAD: list[tuple[str, dict[str, Any], bytes, str, str]] = [
    ("id", {}, b"-1", "OutOfRange", "-1 is not in 0 to 18446744073709551615"),
    ("id", {}, b"18446744073709551616", "OutOfRange", "the range of ids"),
    ("id", {}, b"1.5", "InvalidValue", "1.5 is not an id; ids are whole numbers"),
    ("id", {}, b'"x"', "InvalidValue", '"x" is not an id; send a whole number'),
    ("ids", {}, b"1", "InvalidValue", "1 is not a list of ids; send whole numbers, such as [1, 2]"),
    ("ids", {}, b"[1,null]", "InvalidValue", "is not a list of ids"),
    ("ids", {}, b"[1,-1]", "OutOfRange", "[1,-1] has an id that is not in 0 to"),
    ("ids", {}, b"[-1,1.5]", "InvalidValue", "ids are whole numbers"),
    ("string", {}, b"7", "InvalidValue", "7 is not text; send it in quotes"),
    ("string", {}, b'["a"]', "InvalidValue", "is not text"),
    ("strings", {}, b'"a"', "InvalidValue", "is not a list of texts; send quoted texts"),
    ("strings", {}, b'["a",1]', "InvalidValue", "is not a list of texts"),
    ("strings", {}, b'["a",null]', "InvalidValue", "is not a list of texts"),
    ("bool", {}, b"2", "InvalidValue", "2 is not a boolean; send true, false"),
    ("bool", {}, b'"yes"', "InvalidValue", "is not a boolean"),
    ("int", {}, b"10.5", "InvalidValue", "10.5 is not a whole number; round it"),
    ("int", {}, b'"ten"', "InvalidValue", "send digits"),
    ("int", {}, b"9223372036854775808", "OutOfRange", "to 9223372036854775807"),
    (
        "int",
        {"Min": -5, "Max": 5},
        b"6",
        "OutOfRange",
        "6 is not in -5 to 5, the range of the field",
    ),
    ("int", {}, b"1e999", "OutOfRange", "1e999"),
    ("int", {"ForeignIndex": "others"}, b'"key"', "InvalidValue", "'others' have integer ids"),
    (
        "decimal",
        {"Scale": 2},
        b"10.901",
        "InvalidValue",
        "more than 2 digits after the point; round it",
    ),
    ("decimal", {"Scale": 18}, b"10", "OutOfRange", "to 9.223372036854775807, the range"),
    ("decimal", {}, b'"1,5"', "InvalidValue", "is not a number; send digits"),
    ("signedIntBoolKey", {}, b"1.5", "InvalidValue", "ids are whole numbers"),
    ("signedIntBoolKey", {}, b"9223372036854775808", "OutOfRange", "the range of signed ids"),
    (
        "dateInt",
        {},
        b'"1970"',
        "InvalidValue",
        "send text in the layout '2006-01-02T15:04:05Z07:00'",
    ),
    ("timestamp", {}, b"1e15", "OutOfRange", "0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z"),
    ("timestamp", {}, b"true", "InvalidValue", "is not a time"),
    ("recordTime", {}, b'"now"', "InvalidValue", "is not a time"),
]


@pytest.mark.parametrize(("type_", "config", "written", "stored"), GOOD)
def test_good_values(
    source_of: Callable[..., Any], type_: str, config: dict[str, Any], written: bytes, stored: Any
) -> None:
    source = source_of({"name": "f", "type": type_, "config": config})
    rows = source.rows(b'{"id": 1, "f": %s}' % written, b'{"f": %s, "id": "2"}' % written)
    assert rows == [{"_id": 1, "f": stored}, {"_id": 2, "f": stored}]


@pytest.mark.parametrize("case", BAD)
def test_bad_values(
    source_of: Callable[..., Any], case: tuple[str, dict[str, Any], bytes, str, str]
) -> None:
    type_, config, written, code, words = case
    source = source_of({"name": "f", "path": ["o", "f"], "type": type_, "config": config})
    found, message = source.error(b'{"id": 1, "o": {"f": %s}}' % written)
    assert found == code
    assert message.startswith(f"field 'f' (path o.f): {written.decode()[:50]}")
    assert words in message


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_never_stops_the_good_ones(
    source_of: Callable[..., Any], case: tuple[str, dict[str, Any], bytes, str, str]
) -> None:
    type_, config, written, code, _ = case
    source = source_of({"name": "f", "type": type_, "config": config}, allow_missing_fields=True)
    wrong = b'{"id": 2, "f": %s}' % written
    batch, outcomes, rejected = source.decode_values({"id": 1}, wrong, {"id": 3})
    assert rejected == [wrong]
    assert [(error.index, error.code) for error in outcomes.errors] == [(1, code)]
    assert outcomes.success_count == 2
    assert batch.operations[0].records.column("_id").to_pylist() == [1, 3]


@pytest.mark.parametrize(
    "written", [b"-1", b"1.5", b'"x"', b"18446744073709551616", b"true", b"[]"]
)
def test_bad_ids_have_their_own_code(source_of: Callable[..., Any], written: bytes) -> None:
    code, message = source_of().error(b'{"id": %s}' % written)
    assert code == "InvalidId"
    assert message.startswith(f"field 'id': {written.decode()} is not")


def test_ids_are_unsigned_64_bits(source_of: Callable[..., Any]) -> None:
    assert source_of().rows({"id": UINT64_MAX}, {"id": str(UINT64_MAX)}, {"id": 0}) == [
        {"_id": UINT64_MAX},
        {"_id": UINT64_MAX},
        {"_id": 0},
    ]


@pytest.mark.parametrize("value", [b"{}", b'{"f": null}', b'{"o": null, "f": null}'])
def test_missing_fields_are_errors_unless_allowed(
    source_of: Callable[..., Any], value: bytes
) -> None:
    value = value.replace(b"{", b'{"id": 1, ', 1).replace(b", }", b"}")
    fields = [
        {"name": "f", "type": "int"},
        {"name": "g", "path": ["o", "p", "g"], "type": "string"},
    ]
    assert source_of(*fields).error(value) == (
        "MissingField",
        "field 'f' is missing or null; send it, or allow_missing_fields in the source's schema",
    )
    lenient = source_of(*fields, allow_missing_fields=True)
    assert lenient.rows(value) == [{"_id": 1, "f": None, "g": None}]


def test_paths_lead_into_objects(source_of: Callable[..., Any]) -> None:
    fields = [
        {"name": "c", "path": ["a", "b", "c"], "type": "int"},
        {"name": "same", "path": ["a", "b", "c"], "type": "string"},
        {"name": "d", "path": ["a", "d e"], "type": "bool"},
    ]
    source = source_of(*fields, allow_missing_fields=True)
    assert source.rows(
        {"id": 1, "a": {"b": {"c": "5", "x": [{}]}, "d e": True}},
        {"id": 2, "a": {"b": None}},
        {"id": 3, "a": {"b": {}}},
    ) == [
        {"_id": 1, "c": 5, "same": ["5"], "d": True},
        {"_id": 2, "c": None, "same": None, "d": None},
        {"_id": 3, "c": None, "same": None, "d": None},
    ]
    code, message = source.error({"id": 1, "a": {"b": 5}})
    assert code == "InvalidValue"
    assert message == ("field 'c' (path a.b.c): 5 is not an object, and 'a.b' should be one")


def test_record_times_go_with_every_time_field(source_of: Callable[..., Any]) -> None:
    source = source_of(
        {"name": "a", "type": "id", "config": {"Quantum": "YMDH", "TTL": "720h"}},
        {"name": "b", "type": "strings", "config": {"Quantum": "M"}},
        {"name": "c", "type": "id"},
        {"name": "at", "type": "recordTime", "config": {"Unit": "ms"}},
        allow_missing_fields=True,
    )
    assert source.rows(
        {"id": 1, "a": 5, "b": ["x"], "c": 1, "at": 1999},
        {"id": 2, "a": 5, "at": "1970-01-01T00:00:05Z"},
        {"id": 3, "b": []},
    ) == [
        {"_id": 1, "a": [5], "a@time": 1, "b": ["x"], "b@time": 1, "c": [1]},
        {"_id": 2, "a": [5], "a@time": 5, "b": None, "b@time": 5, "c": None},
        {"_id": 3, "a": None, "a@time": None, "b": [], "b@time": None, "c": None},
    ]


def test_a_record_time_may_be_part_of_the_key(source_of: Callable[..., Any]) -> None:
    """To the nanosecond in the key, so that events of one second stay apart; seconds beside it."""
    source = source_of(
        {"name": "at", "type": "recordTime"},
        {"name": "a", "type": "id", "config": {"Quantum": "Y"}},
        primary_key_fields=["at"],
    )
    times = ["1969-12-31T23:59:59.5Z", "1970-01-01T00:00:01.5Z"]
    assert source.rows(*({"at": at, "a": 1} for at in times)) == [
        {"_id": "-500000000", "a": [1], "a@time": -1},
        {"_id": "1500000000", "a": [1], "a@time": 1},
    ]


def test_without_a_record_time_there_are_no_times(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "id", "config": {"Quantum": "Y"}})
    assert source.rows({"id": 1, "a": 5}) == [{"_id": 1, "a": [5]}]


def test_records_keep_their_order_and_repetitions(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "int"})
    values = [{"id": 1, "a": 1}, {"id": 2, "a": 2}, {"id": 1, "a": 3}]
    assert source.rows(*values) == [{"_id": v["id"], "a": v["a"]} for v in values]


def test_of_a_key_given_twice_the_last_counts(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "string", "config": {"Mutex": True}})
    assert source.rows(b'{"id": 1, "a": 5, "id": 2, "a": "x"}') == [{"_id": 2, "a": "x"}]


def test_the_first_field_at_fault_is_told(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "int"}, {"name": "b", "type": "int"})
    assert source.error({"id": 1, "a": "x", "b": "y"})[1].startswith("field 'a'")
    assert source.error({"id": 1, "a": 1, "b": "y"})[1].startswith("field 'b'")
    batch, outcomes, _ = source.decode_values({"id": -1, "a": 1, "b": 1}, 7, {"id": 1, "a": []})
    assert batch is None
    assert [error.index for error in outcomes.errors] == [0, 1, 2]


def test_values_are_cut_short(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "int"})
    _, outcomes, _ = source.decode_values({"id": 1, "a": "x" * 10_000})
    (error,) = outcomes.errors
    assert len(error.message) < 200
    assert "xxx... is not a whole number" in error.message
    assert len(error.excerpt) == 1_024
    assert error.excerpt.startswith('{"id":1,"a":"xxx')


def test_a_row_key_has_a_longest_length(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "string"}, {"name": "b", "type": "strings"})
    long = "x" * (ROW_KEY_BYTES_MAX + 1)
    batch, outcomes, _ = source.decode_values(
        {"id": 1, "a": long, "b": []},
        {"id": 2, "a": "", "b": ["y", long]},
        {"id": 3, "a": long[1:], "b": ["z"]},
    )
    assert [(e.index, e.code) for e in outcomes.errors] == [(0, "TooLong"), (1, "TooLong")]
    assert "has a text longer than 16,777,216 bytes" in outcomes.errors[1].message
    assert batch.operations[0].records.column("_id").to_pylist() == [3]


def test_nothing_decodes_to_nothing(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "int"})
    batch, outcomes, _ = source.decode(b'{"records": []}')
    assert (batch, outcomes.count, outcomes.errors) == (None, 0, ())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"   ", "not JSON"),
        (b"{", "not JSON"),
        (b'{"records": [{"value": {"id": 1}}]', "not JSON"),
        (b'{"records": [{"value": {"id": NaN}}]}', "not JSON"),
        (b'{"records": [{"value": {"id": 1}}]} x', "not JSON"),
        (b'{"records": [{"value": 5}, {"value": {"id": 01}}]}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff", "not UTF-8 text: byte 0"),
        (b"[]", "no list of records"),
        (b"null", "no list of records"),
        (b"{}", "no list of records"),
        (b'{"records": null}', "no list of records"),
        (b'{"records": {"value": {}}}', "no list of records"),
        (b'{"records": [' + b"[" * 5000, "nested too deeply"),
        (b'{"records": [{"value": 5}, ' + b"[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_body_is_refused_as_a_whole(
    source_of: Callable[..., Any], body: bytes, words: str
) -> None:
    with pytest.raises(InvalidBody, match=words):
        source_of().decode(body)


def test_a_body_has_so_many_records_at_most(
    source_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of()
    monkeypatch.setattr(bodies, "RECORDS_PER_BODY_MAX", 2)
    for values in ([{"id": 1}] * 3, [5] * 3):
        with pytest.raises(LimitExceeded, match="has 3 records and 2 are allowed"):
            source.decode_values(*values)
    with pytest.raises(LimitExceeded):
        source.decode(b'{"id": 1}\n' * 3, is_lines=True)
    assert source.decode(b'{"id": 1}\n' * 2, is_lines=True).outcomes.success_count == 2
    assert RECORDS_PER_BODY_MAX == 200_000


def test_the_batch_survives_the_log(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "signedIntBoolKey"}, {"name": "b", "type": "ids"})
    batch, *_ = source.decode_values({"id": 1, "a": -1, "b": [1]}, {"id": 2, "a": 1, "b": []}, 5)
    logged = decode_batch(encode_batch(batch, source.table), source.table, where="here")
    assert [op.records for op in logged.operations] == [op.records for op in batch.operations]


def test_one_decoder_serves_several_threads(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "decimal", "config": {"Scale": 1}})
    requests = [
        [{"id": k, "a": f"{k}.{n % 10}" if n % 7 else "x"} for n in range(200)] for k in range(8)
    ]

    def decode(values: list[Any]) -> tuple[pa.Array, int]:
        batch, outcomes, _ = source.decode_values(*values)
        return batch.operations[0].records.column("a"), len(outcomes.errors)

    expected = [decode(values) for values in requests]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(decode, requests)) == expected


def test_many_records_are_as_one(source_of: Callable[..., Any]) -> None:
    source = source_of({"name": "a", "type": "int"}, {"name": "s", "type": "string"})
    values = [{"id": n, "a": str(n - 500), "s": f"k{n % 3}"} for n in range(1000)]
    body = msgspec.json.encode({"records": [{"value": value} for value in values]})
    batch, outcomes, _ = source.decode(body)
    assert outcomes.success_count == 1000
    assert batch.operations[0].records.to_pylist() == [
        {"_id": n, "a": n - 500, "s": [f"k{n % 3}"]} for n in range(1000)
    ]
