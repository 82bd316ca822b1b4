"""Different values never make one key, and equal ones always do.

Tried with the separator and the escape inside values, empty texts and lists, one key made of a
single value of each type, and random tuples of texts.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.schema.limits import RECORD_KEY_BYTES_MAX

PARTS = st.lists(st.text("a|\\,", max_size=4), min_size=2, max_size=2)
LISTS = st.lists(st.text("a|\\,", max_size=2), max_size=3)


def keys(source: Any, *values: dict[str, Any]) -> list[str]:
    return [row["_id"] for row in source.rows(*values)]


def test_one_text_is_its_own_key(source_of: Callable[..., Any]) -> None:
    for options in ({"id_field": "a"}, {"primary_key_fields": ["a"]}):
        source = source_of({"name": "a", "type": "string"}, **options)
        texts = ["x", "a|b", "a\\b", "", "é"]
        assert keys(source, *({"a": text} for text in texts)) == texts


def test_keys_keep_the_order_of_the_key_fields(source_of: Callable[..., Any]) -> None:
    entries = [{"name": name, "type": "string"} for name in "ab"]
    source = source_of(*entries, primary_key_fields=["b", "a"])
    assert keys(source, {"a": "1", "b": "2"}) == ["2|1"]
    values = [{"b": "a|b", "a": "c"}, {"b": "a", "a": "b|c"}, {"b": "a\\", "a": "|b"}]
    assert keys(source, *values) == ["a\\|b|c", "a|b\\|c", "a\\\\|\\|b"]


def test_texts_join_unambiguously(source_of: Callable[..., Any]) -> None:
    source = source_of(
        *({"name": n, "type": "string"} for n in "ab"), primary_key_fields=["a", "b"]
    )

    @given(st.lists(PARTS, max_size=8))
    def check(tuples: list[list[str]]) -> None:
        if tuples:
            found = keys(source, *({"a": a, "b": b} for a, b in tuples))
            assert len(set(found)) == len({tuple(parts) for parts in tuples})

    check()


def test_lists_join_unambiguously(source_of: Callable[..., Any]) -> None:
    source = source_of(
        *({"name": n, "type": "strings"} for n in "ab"), primary_key_fields=["a", "b"]
    )

    @given(st.lists(st.tuples(LISTS, LISTS), max_size=8))
    def check(pairs: list[tuple[list[str], list[str]]]) -> None:
        if pairs:
            found = keys(source, *({"a": a, "b": b} for a, b in pairs))
            assert len(set(found)) == len({(tuple(a), tuple(b)) for a, b in pairs})

    check()


@pytest.mark.parametrize(
    ("entry", "written", "key"),
    [
        ({"type": "id"}, b'"18446744073709551615"', "18446744073709551615"),
        ({"type": "ids"}, b'[1, "2"]', "1,2,"),
        ({"type": "ids"}, b"[]", ""),
        ({"type": "strings"}, b'["a,b", ""]', "a\\,b,,"),
        ({"type": "bool"}, b"1", "true"),
        ({"type": "int"}, b"-1e2", "-100"),
        ({"type": "signedIntBoolKey"}, b"-5", "-5"),
        ({"type": "decimal", "config": {"Scale": 2}}, b'"10.90"', "10.9"),
        ({"type": "decimal", "config": {"Scale": 2}}, b"-0.05", "-0.05"),
        ({"type": "decimal", "config": {"Scale": 2}}, b"100", "100"),
        ({"type": "decimal"}, b"100", "100"),
        (
            {"type": "decimal", "config": {"Scale": 18}},
            b"-9.223372036854775808",
            "-9.223372036854775808",
        ),
        ({"type": "decimal", "config": {"Scale": 18}}, b"1e-18", "0.000000000000000001"),
        ({"type": "timestamp", "config": {"Granularity": "ms"}}, b'"1970-01-01T00:00:01Z"', "1000"),
        ({"type": "dateInt", "config": {"Unit": "d"}}, b'"1970-01-03T00:00:00Z"', "2"),
        ({"type": "recordTime"}, b'"1970-01-01T00:00:00.000000001Z"', "1"),
    ],
)
def test_any_type_makes_a_key(
    source_of: Callable[..., Any], entry: dict[str, Any], written: bytes, key: str
) -> None:
    source = source_of({"name": "k", **entry}, primary_key_fields=["k"])
    assert keys(source, b'{"k": %s}' % written) == [key]


def test_a_key_has_a_longest_length(source_of: Callable[..., Any]) -> None:
    single = source_of({"name": "a", "type": "string"}, id_field="a")
    longest = "é" * (RECORD_KEY_BYTES_MAX // 2)
    assert keys(single, {"a": longest}) == [longest]
    code, message = single.error({"a": longest + "x"})
    assert code == "TooLong"
    assert message.startswith("field 'a': \"éééé")
    assert "65,536 bytes; shorten it" in message
    entries = [{"name": name, "type": "string"} for name in "ab"]
    joined = source_of(*entries, primary_key_fields=["a", "b"])
    half = "x" * (RECORD_KEY_BYTES_MAX // 2)
    code, message = joined.error({"a": half, "b": half})
    assert code == "TooLong"
    assert "the key made of 'a', 'b' is longer than 65,536 bytes" in message
    assert keys(joined, {"a": half, "b": half[1:]}) == [f"{half}|{half[1:]}"]


def test_every_part_of_a_key_is_needed(source_of: Callable[..., Any]) -> None:
    entries = [{"name": name, "type": "string"} for name in "ab"]
    source = source_of(*entries, primary_key_fields=["a", "b"], allow_missing_fields=True)
    code, message = source.error({"a": "x", "b": None})
    assert code == "MissingField"
    assert message == "field 'b' is missing or null; it identifies the record, so send it"
