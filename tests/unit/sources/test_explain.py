"""Messages name the field, the value cut short, and the mend.

Tried with nested paths, long values and texts that are not plain.
"""

import json

import pytest
from msgspec import Raw

from bitbrook.sources.advice import Advice
from bitbrook.sources.explain import (
    excerpt_of,
    explain_field,
    explain_missing,
    explain_record,
    explain_unreadable,
    explain_value,
    value_of_record,
)
from bitbrook.sources.values import Leaf, LeafKind

PLAIN = Leaf("age", ("age",), LeafKind.TOKEN)
NESTED = Leaf("age", ("who", "a"), LeafKind.TOKEN)


ADVICE = Advice("is not 5", "five", "send 5")


def test_values_are_named_with_their_path() -> None:
    error = explain_field(3, "InvalidValue", PLAIN, Raw(b'"x"'), ADVICE, excerpt="{}")
    assert error.message == "field 'age': \"x\" is not 5; send 5"
    assert (error.index, error.field, error.value) == (3, "age", '"x"')
    assert (error.expected, error.mend, error.excerpt) == ("five", "send 5", "{}")
    error = explain_field(0, "InvalidValue", NESTED, [Raw(b"1")], ADVICE, excerpt="")
    assert error.message == "field 'age' (path who.a): [1] is not 5; send 5"
    assert error.value == "[1]"


def test_a_long_value_is_a_text_of_its_beginning() -> None:
    value = explain_field(
        0, "TooLong", PLAIN, Raw(b"[" + b"1," * 99 + b"1]"), ADVICE, excerpt=""
    ).value
    assert json.loads(value) == "[" + "1," * 28 + "..."


def test_missing_fields_have_two_mends() -> None:
    plain = explain_missing(0, "MissingField", PLAIN, "", is_identity=False)
    assert "allow_missing_fields" in plain.message
    assert "allow_missing_fields" in plain.mend
    nested = explain_missing(0, "MissingField", NESTED, "", is_identity=True)
    assert "it identifies the record" in nested.message


def test_what_is_no_json_is_told_as_text() -> None:
    error = explain_unreadable(2, b"{not", "the line is not JSON", "write one value a line")
    assert (error.code, error.excerpt) == ("InvalidBody", "{not")
    assert json.loads(error.value) == "{not"


def test_the_value_of_a_record_is_as_it_was_written() -> None:
    assert value_of_record(Raw(b'{"value": {"a": 1.50 }}')) == b'{"a": 1.50 }'
    assert value_of_record(Raw(b"[1]")) == value_of_record(Raw(b"{}")) == b""


@pytest.mark.parametrize("length", [59, 60, 61, 10_000])
def test_long_values_are_cut(length: int) -> None:
    excerpt = excerpt_of("x" * (length - 2), 60)
    assert len(excerpt) == min(length, 60)
    assert excerpt.endswith("...") == (length > 60)


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("character", ["é", "€", "𝄞"])
def test_no_character_is_cut_through(character: str, shift: int) -> None:
    record = {"text": "x" * shift + character * 1_000}
    excerpt = excerpt_of(record)
    size_bytes = len(excerpt.encode())
    assert 1_024 - len(character.encode()) < size_bytes <= 1_024
    assert excerpt.endswith(character + "...")


def test_the_first_wrong_object_on_a_path_is_told() -> None:
    leaves = [PLAIN, NESTED, Leaf("deep", ("who", "b", "c"), LeafKind.TOKEN)]
    error = explain_value(3, Raw(b'{"who": {"b": 7}}'), leaves)
    assert (error.index, error.code) == (3, "InvalidValue")
    assert (
        error.message
        == "field 'deep' (path who.b.c): 7 is not an object, and 'who.b' should be one"
    )
    assert explain_value(0, Raw(b"[]"), leaves).message == (
        "the record's value is [] and not an object of fields"
    )
    record = explain_record(1, Raw(b'{"value": {"who": null, "who": 1}}'), leaves)
    assert "field 'age' (path who.a): 1 is not an object" in record.message
