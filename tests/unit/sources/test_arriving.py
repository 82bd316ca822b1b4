"""A body that arrives in parts becomes what it becomes as a whole, and nothing before its end.

Cuts bodies of good, bad and strange records at every place that hypothesis thinks of, in both forms
and in every encoding; breaks them near the end, cuts them short, and counts what is held meanwhile.
"""

import gzip
import itertools
import json
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.errors import BitbrookError, InvalidBody, LimitExceeded
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.sources import arriving
from bitbrook.sources.arriving import ArrivingBody
from bitbrook.sources.compression import Unfolding
from bitbrook.sources.cuts import RecordsCutter
from bitbrook.sources.decode import Decoded, Decoder
from bitbrook.sources.schema import SourceSchema

SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "type": "id"},
        {"name": "n", "type": "int"},
        {"name": "tags", "type": "strings"},
        {"name": "flags", "type": "signedIntBoolKey"},
    ],
}


TABLE = TableSchema(
    "t",
    "t",
    fields=(
        FieldSchema("n", FieldType.INT, 1),
        FieldSchema("tags", FieldType.SET, 2, is_keyed=True),
        FieldSchema("flags", FieldType.SET, 3),
    ),
)
DECODER = Decoder(msgspec.convert(SCHEMA, SourceSchema), TABLE)

values = st.fixed_dictionaries(
    {"id": st.one_of(st.integers(0, 50), st.sampled_from(["7", "x", None, -1]))},
    optional={
        "n": st.one_of(st.integers(), st.text(max_size=5), st.floats(allow_nan=False)),
        "tags": st.one_of(st.lists(st.text(max_size=6), max_size=3), st.just(5)),
        "flags": st.integers(-5, 5),
        "extra": st.recursive(st.text('\\"[]{},:é', max_size=9), lambda x: st.lists(x, max_size=2)),
    },
)
forms = st.sampled_from([True, False])


def body_of(
    records: list[Any], *, is_lines: bool, blank: str = "", ascii_only: bool = True
) -> bytes:
    texts = [json.dumps(each, ensure_ascii=ascii_only) for each in records]
    if is_lines:
        return "\n".join(texts).encode()
    joined = f"{blank},{blank}".join(f'{{"value":{text}}}' for text in texts)
    return f'{blank}{{{blank}"records"{blank}:{blank}[{blank}{joined}{blank}]{blank}}}'.encode()


def parts_of(body: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(places)]


def arrive(parts: list[bytes], *, is_lines: bool) -> Decoded:
    body = ArrivingBody(DECODER, is_lines=is_lines)
    for part in parts:
        body.feed(part)
    return body.finish()


def told(decoded: Decoded) -> tuple[int, list[tuple[int, str, str]]]:
    """Outcomes without excerpts, which show JSON with the blanks it had or without them."""
    errors = decoded.outcomes.errors
    return decoded.outcomes.count, [(each.index, each.code, each.message) for each in errors]


def final_state(decoded: Decoded) -> dict[int, dict[str, Any]]:
    """What a batch leaves of an empty table, told by a loop over its operations."""
    state: dict[int, dict[str, Any]] = {}
    for operation in decoded.batch.operations if decoded.batch else ():
        for row in operation.records.to_pylist():
            record = state.setdefault(row["_id"], {"n": None, "tags": set(), "flags": set()})
            if operation.kind.value == "upsert":
                record["n"] = record["n"] if row["n"] is None else row["n"]
                record["tags"] |= set(row["tags"] or ())
                record["flags"] |= set(row["flags"] or ())
            else:
                record["flags"] -= set(row["flags"] or ())
    return state


@given(
    st.lists(values, max_size=12),
    st.lists(st.integers(0, 900), max_size=8),
    forms,
    st.sampled_from(["", " ", "\n\t"]),
    st.booleans(),
)
def test_parts_make_what_the_whole_makes(
    records: list[Any], cuts: list[int], is_lines: bool, blank: str, ascii_only: bool
) -> None:
    body = body_of(records, is_lines=is_lines, blank=blank, ascii_only=ascii_only)
    whole = DECODER.decode(body, is_lines=is_lines)
    parts = arrive(parts_of(body, cuts), is_lines=is_lines)
    assert told(parts) == told(whole)
    assert final_state(parts) == final_state(whole)


@given(
    st.lists(values, min_size=1, max_size=6),
    st.lists(st.integers(0, 500), max_size=6),
    st.integers(0, 500),
    st.binary(max_size=3),
    st.integers(0, 4),
)
def test_what_is_no_body_is_none_in_parts(
    records: list[Any], cuts: list[int], at: int, put: bytes, taken: int
) -> None:
    """A body with bytes exchanged anywhere is taken or refused in parts as it is in one."""
    body = body_of(records, is_lines=False)
    at = min(at, len(body))
    body = body[:at] + put + body[at + taken :]
    try:
        whole: Any = told(DECODER.decode(body))
    except BitbrookError as error:
        whole = type(error)
    try:
        parts: Any = told(arrive(parts_of(body, cuts), is_lines=False))
    except BitbrookError as error:
        parts = type(error)
    assert parts == whole


@pytest.mark.parametrize(
    "body",
    [
        b'{"records":[{"value":{"id":1}},]}',
        b'{"records":[,{"value":{"id":1}}]}',
        b'{"records":[{"value":{"id":1}},,{"value":{"id":2}}]}',
        b'{"records":[{"value":{"id":1}}}',
        b'{"records":[{"value":{"id":1}}]',
        b'{"records":[{"value":{"id":1}}]}]',
        b'{"records":[{"value":{"id":1}}',
        b'{"records":[{"value":{"id":1}}],"records":[{"value":{"id":2}}]}',
        b'{"records":[{"value":{"id":1}}],"records":[]}',
        b'{"records":[{"value":{"id":"1}}]}',
        b'{"records":5}',
        b'{"other":[]}',
        b'[{"records":[]}]',
        b'{"records":[{"value":{"id":1,"extra":"\xff"}}]}',
        b"",
    ],
)
def test_bodies_that_are_none(body: bytes) -> None:
    for size in (1, 2, 7, 1_000):
        with pytest.raises(InvalidBody):
            arrive([body[at : at + size] for at in range(0, len(body), size)], is_lines=False)


def test_other_keys_may_stand_before_and_behind() -> None:
    record = b'{"value":{"id":1},"key":"]}"}'
    for body in (
        b'{"records":[%b,%b],"more":[{}]}' % (record, record),
        b'{"more":{"records":[1]},"records":[%b,%b]}' % (record, record),
    ):
        for size in (1, 10, 1_000):
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            assert arrive(parts, is_lines=False).outcomes.count == 2


def test_records_leave_as_soon_as_they_are_whole() -> None:
    """What is held is the record under way, however long the body is."""
    body = body_of([{"id": n, "extra": '[{"\\' * 20} for n in range(2_000)], is_lines=False)
    cutter = RecordsCutter()
    given_bytes = held_bytes = 0
    for at in range(0, len(body), 1_000):
        given_bytes += sum(len(piece) for piece in cutter.feed(body[at : at + 1_000]))
        held_bytes = max(held_bytes, cutter.held_bytes)
    given_bytes += sum(len(piece) for piece in cutter.finish())
    assert held_bytes < 1_500
    assert given_bytes >= len(body)


def test_columns_are_all_that_is_held() -> None:
    body = ArrivingBody(DECODER, is_lines=True)
    sent_bytes = 0
    for start in range(0, 50_000, 1_000):
        part = b"".join(b'{"id":%d,"n":%d}\n' % (n, n) for n in range(start, start + 1_000))
        sent_bytes += len(part)
        body.feed(part)
    assert 50_000 * 16 <= body.held_bytes < 50_000 * 48
    assert body.finish().outcomes.success_count == 50_000


def test_limits_hold_for_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b'{"id":1}\n' * 90_000
    with pytest.raises(LimitExceeded, match="270,000 records"):
        arrive([lines] * 3, is_lines=True)
    monkeypatch.setattr(arriving, "VALUES_PER_BODY_MAX", 500_000)
    with pytest.raises(LimitExceeded, match="500,000 values"):
        arrive([lines] * 2, is_lines=True)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_encoded_parts(encoding: str) -> None:
    plain = b"".join(b"%d\n" % n for n in range(400_000))
    half = len(plain) // 2
    packed = {
        "identity": bytes,
        # Two members, which are one body.
        "gzip": lambda body: gzip.compress(body[:half]) + gzip.compress(body[half:]),
        "zstd": lambda body: pa.Codec("zstd").compress(body, asbytes=True),
    }[encoding](plain)
    parts = [packed[at : at + 9_973] for at in range(0, len(packed), 9_973)]

    def unfold(parts: list[bytes], size_bytes_max: int = 1 << 24) -> bytes:
        unfolding = Unfolding(encoding, size_bytes_max)
        pieces = [piece for part in parts for piece in unfolding.feed(part)]
        pieces += unfolding.finish()
        assert max(map(len, pieces)) <= 1 << 20
        return b"".join(pieces)

    assert unfold(parts) == plain
    with pytest.raises(LimitExceeded):
        unfold(parts, len(plain) - 1)
    assert unfold(parts, len(plain)) == plain
    if encoding != "identity":
        for broken in (parts[:-1], [b"x", *parts]):
            with pytest.raises(InvalidBody, match=encoding):
                unfold(broken)


def test_an_empty_member_is_a_whole_stream() -> None:
    unfolding = Unfolding("gzip")
    assert list(unfolding.feed(gzip.compress(b""))) == []
    assert list(unfolding.finish()) == []
    with pytest.raises(InvalidBody, match="ends early"):
        list(Unfolding("gzip").finish())
