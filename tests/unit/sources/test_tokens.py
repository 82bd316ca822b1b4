"""A column of JSON values is one array of bytes with the bounds of each, whatever is in them.

Tried with escapes that stand for quotes, controls and the very separator between tokens.
"""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from bitbrook.sources.tokens import NULL, Tokens, token_of_text, tokens_of


def texts(tokens: Tokens) -> list[bytes]:
    octets = tokens.octets.tobytes()
    bounds = tokens.bounds.tolist()
    return [octets[a : b - 1] for a, b in itertools.pairwise(bounds)]


def test_values_stand_as_they_were_written() -> None:
    written = [b"1.50", b'"a"', b"null", b"{}", b'""', '"é"'.encode()]
    tokens = tokens_of([Raw(value) for value in written])
    assert texts(tokens) == written
    assert len(tokens) == 6
    assert tokens.are_null().tolist() == [False, False, True, False, False, False]
    assert tokens.are_texts().tolist() == [False, True, False, False, True, True]


def test_nothing_is_a_column_too() -> None:
    tokens = tokens_of([])
    assert len(tokens) == 0
    assert tokens.bounds.tolist() == [0]


def test_the_null_token_is_null() -> None:
    assert tokens_of([NULL]).are_null().tolist() == [True]


@pytest.mark.parametrize(
    ("written", "token"),
    [
        (rb'"\u0031"', b'"1"'),
        (rb'"\""', b'"""'),
        (rb'"\\"', b'"\\"'),
        (rb'"\n"', b'"\n"'),
        (rb'"\u001e"', b"{}"),  # the separator itself: no text that any kernel takes has it
        (rb'["\n"]', rb'["\n"]'),
        (rb'{"\u001e": 1}', rb'{"\u001e": 1}'),
    ],
)
def test_escapes_are_resolved(written: bytes, token: bytes) -> None:
    assert texts(tokens_of([Raw(b"5"), Raw(written), Raw(b"6")])) == [b"5", token, b"6"]


@given(st.lists(st.text()), st.booleans())
def test_any_texts_keep_their_number_and_content(values: list[str], is_ascii: bool) -> None:
    values = [value.encode(errors="replace").decode() for value in values]
    written = [json.dumps(value, ensure_ascii=is_ascii) for value in values]
    tokens = texts(tokens_of([Raw(text) for text in written]))
    expected = [f'"{value}"'.encode() if "\x1e" not in value else b"{}" for value in values]
    assert tokens == expected


def test_a_text_becomes_a_token() -> None:
    assert bytes(token_of_text('a"é')) == '"a\\"é"'.encode()
