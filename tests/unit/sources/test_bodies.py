"""Bodies are cut into their records, and what is no record is told so in its place.

Tried with records of every wrong kind between good ones, lines that are blank, broken, joined or
spread, keys given twice, and escapes that are half a character.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bitbrook.errors import InvalidBody
from bitbrook.sources.bodies import BodyReader, Reading
from bitbrook.sources.values import Leaf, LeafKind

READER = BodyReader(
    [
        Leaf("id", ("id",), LeafKind.TOKEN),
        Leaf("name", ("name",), LeafKind.TEXT),
        Leaf("tags", ("o", "tags"), LeafKind.TEXTS),
    ]
)


def ids(reading: Reading) -> list[bytes]:
    return [bytes(leaf) for leaf in reading.shape.columns(reading.values)[0]]


def test_good_records_are_read_strictly() -> None:
    reading = READER.read(b'{"records": [{"value": {"id": 1}}, {"value": {"id": "2", "x": {}}}]}')
    assert (reading.count, list(reading.indexes), reading.errors) == (2, [0, 1], [])
    assert ids(reading) == [b"1", b'"2"']
    assert reading.shape.kinds == (LeafKind.TOKEN, LeafKind.TEXT, LeafKind.TEXTS)


def test_a_wrong_kind_makes_the_reading_lenient() -> None:
    reading = READER.read(
        b'{"records": [{"value": {"id": 1, "name": 5}}, {"value": 3}, {"value": {"id": 2}}, {}]}'
    )
    assert list(reading.indexes) == [0, 2]
    assert reading.count == 4
    assert ids(reading) == [b"1", b"2"]
    assert set(reading.shape.kinds) == {LeafKind.TOKEN}
    assert [(error.index, error.code) for error in reading.errors] == [
        (1, "InvalidBody"),
        (3, "InvalidBody"),
    ]
    assert 'send {"value": {"<field>": ...}}' in reading.errors[0].message


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"7", "the record 7 is not an object"),
        (b"null", "the record null is not an object"),
        (b"[1]", "the record [1] is not an object"),
        (b"{}", 'the record has no "value"'),
        (b'{"VALUE": {}}', 'the record has no "value"'),
        (b'{"value": null}', 'the record\'s "value" is null and not an object'),
        (b'{"value": "x"}', 'the record\'s "value" is "x" and not an object'),
        (b'{"value": {"o": []}}', "field 'tags' (path o.tags): [] is not an object"),
        (b'{"value": {"o": 5, "o": {}}}', "has a key twice"),
        (b'{"value": 5, "value": {}}', "has a key twice"),
    ],
)
def test_what_is_no_record_is_told_why(record: bytes, words: str) -> None:
    reading = READER.read(b'{"records": [%s, {"value": {"id": 1}}]}' % record)
    assert list(reading.indexes) == [1]
    (error,) = reading.errors
    assert error.index == 0
    assert words in error.message
    assert error.excerpt


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d", "\ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\uD83Dx\uDE00", "\ufffdx\ufffd"),
        (rb"\\ud83d\ud83d", "\\ud83d\ufffd"),
        (rb"\\\ud83d\n", "\\\ufffd\n"),
        (rb"\\\\ud83d\"\udc00", '\\\\ud83d"\ufffd'),
    ],
)
def test_half_a_surrogate_pair_is_read_as_go_does(written: bytes, read: str) -> None:
    value = b'{"name": "%s"}' % written
    for reading in (
        READER.read(b'{"records": [{"value": %s}]}' % value),
        READER.read_lines(b"%s\n" % value),
    ):
        (leaf,) = reading.shape.columns(reading.values)[1]
        assert (msgspec.json.decode(leaf) if isinstance(leaf, msgspec.Raw) else leaf) == read
    # Behind a record that makes the reading lenient, too, and beside a broken line.
    lenient = READER.read(b'{"records": [{"value": 1}, {"value": %s}]}' % value)
    assert (list(lenient.indexes), len(lenient.errors)) == ([1], 1)
    apart = READER.read_lines(b"{\n%s" % value)
    assert (list(apart.indexes), len(apart.errors)) == ([1], 1)


LINES: list[tuple[bytes, list[bytes], list[int]]] = [
    (b"", [], []),
    (b"\n \r\n\t", [], []),
    (b'{"id": 1}', [b"1"], []),
    (b'{"id": 1}\n{"id": 2}\n', [b"1", b"2"], []),
    (b'\n\n{"id": 1}\r\n \n{"id": 2}', [b"1", b"2"], []),
    (b'{"id": 1}\n{\n{"id": 3}', [b"1", b"3"], [1]),
    (b'{"id": 1}\n5\nnull\n{"id": 3}', [b"1", b"3"], [1, 2]),
    (b'{"id": 1} {"id": 2}\n{"id": 3}', [b"3"], [0]),
    (b'{"id":\n1}\n{"id": 3}', [b"3"], [0, 1]),
    (b'{"id": 1},\n{"id": 3}', [b"3"], [0]),
    (b'{"id": 1, "name": 5, "x": }\n{"id": 3}', [b"3"], [0]),
    (b"[" * 5000 + b'\n{"id": 3}', [b"3"], [0]),
    (b'{"id": ' + b"[" * 5000 + b'\n{"id": 3}', [b"3"], [0]),
]


@pytest.mark.parametrize(("body", "good", "bad"), LINES)
def test_lines_stand_for_themselves(body: bytes, good: list[bytes], bad: list[int]) -> None:
    reading = READER.read_lines(body)
    assert ids(reading) == good
    assert [error.index for error in reading.errors] == bad
    assert reading.count == len(good) + len(bad)
    assert {error.code for error in reading.errors} <= {"InvalidBody"}


def test_lines_must_be_text() -> None:
    with pytest.raises(InvalidBody, match="byte 9 cannot be"):
        READER.read_lines(b'{"id": "\xc3"}'.replace(b"\xc3", b"a\xc3"))


def test_records_nested_close_to_the_bound_are_good_or_refused(
    source_of: Callable[..., Any],
) -> None:
    """The parser's bound on nesting depends on the caller's depth; no depth escapes as itself."""
    source = source_of({"name": "a", "type": "strings"}, allow_missing_fields=True)
    for depth in range(900, 1010):
        nested = b"[" * depth + b"]" * depth
        values = (b'{"id": 1, "a": %s}' % nested, b'{"id": 2, "a": 1}', b'{"id": 3}')
        try:
            decoded = source.decode_values(*values)
        except InvalidBody as refusal:
            assert "nested too deeply" in refusal.message  # noqa: PT017 - either end is right
        else:
            assert [error.index for error in decoded.outcomes.errors] == [0, 1]
