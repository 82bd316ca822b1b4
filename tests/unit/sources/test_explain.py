"""Messages name the field, the value cut short, and the mend.

Tried with nested paths, long values and texts that are not plain.
"""

import pytest
from msgspec import Raw

from bitbrook.sources.explain import (
    describe_missing,
    describe_value,
    excerpt_of,
    explain_record,
    explain_value,
)
from bitbrook.sources.values import Leaf, LeafKind

PLAIN = Leaf("age", ("age",), LeafKind.TOKEN)
NESTED = Leaf("age", ("who", "a"), LeafKind.TOKEN)


def test_values_are_named_with_their_path() -> None:
    assert describe_value(PLAIN, Raw(b'"x"'), "is not 5") == "field 'age': \"x\" is not 5"
    assert (
        describe_value(NESTED, [Raw(b"1")], "is wrong") == "field 'age' (path who.a): [1] is wrong"
    )
    assert describe_value(PLAIN, "é\n", "is wrong") == "field 'age': \"é\\n\" is wrong"


def test_missing_fields_have_two_mends() -> None:
    assert "allow_missing_fields" in describe_missing(PLAIN, is_identity=False)
    assert "it identifies the record" in describe_missing(NESTED, is_identity=True)


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
