"""Compressed bodies are decoded within the bound, and whole, or refused.

Tried with streams cut at every byte, bombs, several members in a row, rubbish behind, and headers
in every form.
"""

import gzip

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.sources.compression import decompress

BODY = b'{"records": [{"value": {"id": 1}}]}' * 40


def zstd(body: bytes) -> bytes:
    compressed: bytes = pa.Codec("zstd").compress(body, asbytes=True)
    return compressed


ENCODERS = {"gzip": gzip.compress, "zstd": zstd}
each_encoding = pytest.mark.parametrize("encoding", sorted(ENCODERS))


@given(st.binary(max_size=5000), st.sampled_from(sorted(ENCODERS)))
def test_what_was_encoded_comes_back(body: bytes, encoding: str) -> None:
    assert decompress(ENCODERS[encoding](body), encoding) == body


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_body_may_come_as_it_is(encoding: str) -> None:
    assert decompress(BODY, encoding) == BODY
    assert decompress(b"", encoding) == b""


@pytest.mark.parametrize("encoding", ["GZIP", "x-gzip", " gzip"])
def test_names_are_read_leniently(encoding: str) -> None:
    assert decompress(gzip.compress(BODY), encoding) == BODY


@each_encoding
def test_the_bound_is_exact(encoding: str) -> None:
    encoded = ENCODERS[encoding](BODY)
    assert decompress(encoded, encoding, len(BODY)) == BODY
    with pytest.raises(LimitExceeded, match="1,399 bytes"):
        decompress(encoded, encoding, len(BODY) - 1)
    with pytest.raises(LimitExceeded):
        decompress(BODY, "", len(BODY) - 1)


@each_encoding
def test_a_bomb_costs_no_more_than_the_bound(encoding: str) -> None:
    bomb = ENCODERS[encoding](bytes(200 << 20))
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(LimitExceeded):
        decompress(bomb, encoding, 4 << 20)
    assert pa.default_memory_pool().max_memory() - before < 16 << 20


@each_encoding
def test_half_a_stream_is_refused(encoding: str) -> None:
    encoded = ENCODERS[encoding](BODY)
    for length in range(len(encoded)):
        with pytest.raises(InvalidBody, match="not a whole"):
            decompress(encoded[:length], encoding)


@each_encoding
def test_several_streams_in_a_row_are_one_body(encoding: str) -> None:
    encode = ENCODERS[encoding]
    assert decompress(encode(b"a") + encode(b"") + encode(b"b"), encoding) == b"ab"
    with pytest.raises(LimitExceeded):
        decompress(encode(b"a" * 10) * 10, encoding, 99)
    assert decompress(encode(b"") * 1000, encoding) == b""


@each_encoding
@pytest.mark.parametrize("wrong", [b"plain text", b"\x00" * 20, BODY])
def test_what_is_no_stream_is_refused(encoding: str, wrong: bytes) -> None:
    with pytest.raises(InvalidBody):
        decompress(wrong, encoding)
    with pytest.raises(InvalidBody):
        decompress(ENCODERS[encoding](BODY) + wrong, encoding)


@given(st.sampled_from(sorted(ENCODERS)), st.integers(0, 60), st.integers(1, 255))
def test_damage_is_a_documented_error_or_another_body(encoding: str, at: int, flip: int) -> None:
    encoded = bytearray(ENCODERS[encoding](BODY))
    encoded[at % len(encoded)] ^= flip
    try:
        decoded = decompress(bytes(encoded), encoding)
    except (InvalidBody, LimitExceeded):
        return
    # zstd without a checksum cannot tell; gzip has one, but not over its header.
    assert encoding == "zstd" or decoded == BODY


def test_unknown_encodings_are_named() -> None:
    with pytest.raises(InvalidBody, match=r"'br' is unknown; send one of identity, gzip, zstd"):
        decompress(BODY, "br")
