"""A long stream over HTTP of which every hundredth record is bad, checked to the last value.

Clients post bodies of 1,000 records and compare every outcome with what they sent; then the whole
table is exported, and each record and each value of it compared with what ought to be there: the
good records, none twice, none of the bad ones. Ends with an assertion or with the figures.

    RECORDS=1e7 CLIENTS=3 .venv/bin/python -m benchmarks.stream
"""

import http.client
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from benchmarks.records import COUNTRIES, SPECIES
from benchmarks.server import Server

RECORDS = int(float(os.environ.get("RECORDS", "1e7")))
CLIENTS = int(os.environ.get("CLIENTS", "3"))
BODY_RECORDS = 1_000
BAD_EVERY, BAD_AT = 100, 50
BAD = (
    ("amount", '"12,5"', "InvalidValue"),
    ("amount", "1.234", "InvalidValue"),
    ("amount", "1e30", "OutOfRange"),
    ("species", "7", "InvalidValue"),
    ("country", '["a"]', "InvalidValue"),
    ("age", "1.5", "InvalidValue"),
    ("active", '"perhaps"', "InvalidValue"),
    ("id", "-1", "InvalidId"),
    ("id", "null", "MissingField"),
    ("age", "null", "MissingField"),
)
"""A field, what it is sent as, and the code of that error."""


class Outcome(msgspec.Struct):
    """One entry of an answer."""

    status: str
    error_code: str = ""


class Answer(msgspec.Struct):
    """The answer to one body."""

    success_count: int
    error_count: int
    records: list[Outcome]


class Sent(NamedTuple):
    """What one client sent and was answered."""

    good: int
    bad: int
    bytes: int


def value_of(number: int) -> str:
    """Return a record as JSON: a good one, or at every hundredth place one of the bad kinds."""
    parts = {
        "id": str(number),
        "species": f'"{SPECIES[number % len(SPECIES)]}"',
        "country": f'"{COUNTRIES[number * 7 % len(COUNTRIES)]}"',
        "age": str(number * 7_919 % 10_007),
        "amount": f'"{number * 31 % 1_000_000 / 100:.2f}"',
        "active": "true" if number % 2 else "false",
    }
    if number % BAD_EVERY == BAD_AT:
        field, text, _ = bad_kind(number)
        parts[field] = text
    return "{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}"


def bad_kind(number: int) -> tuple[str, str, str]:
    """Return how a bad record is bad."""
    return BAD[number // BAD_EVERY % len(BAD)]


def send(port: int, token: str, path: str, client: int) -> Sent:
    """Send every `CLIENTS`-th body and hold each outcome against what was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    decoder = msgspec.json.Decoder(Answer)
    headers = {"Authorization": token}
    good = bad = size_bytes = 0
    for start in range(client * BODY_RECORDS, RECORDS, CLIENTS * BODY_RECORDS):
        numbers = range(start, min(start + BODY_RECORDS, RECORDS))
        values = '},{"value":'.join(map(value_of, numbers))
        body = f'{{"records":[{{"value":{values}}}]}}'.encode()
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content[:500]
        answer = decoder.decode(content)
        found = [(at, each.error_code) for at, each in enumerate(answer.records) if each.error_code]
        expected = [(number - start, bad_kind(number)[2]) for number in numbers[BAD_AT::BAD_EVERY]]
        assert found == expected, (start, found, expected)
        assert answer.success_count == len(numbers) - len(expected)
        good += answer.success_count
        bad += answer.error_count
        size_bytes += len(body)
    return Sent(good, bad, size_bytes)


def exported(server: Server) -> Iterator[pa.RecordBatch]:
    """Give the whole table, as the server streams it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    path = f"/v1/tables/{server.deployment_id}/events/export?format=arrow"
    connection.request("GET", path, headers={"Authorization": server.token})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    yield from pa.ipc.open_stream(response)


def cents_of(amounts: pa.Array) -> np.ndarray:
    """Return decimals of scale 2 as integers: of 128 bits each, the lower 64."""
    assert amounts.type.scale == 2
    words = np.frombuffer(amounts.buffers()[1], dtype=np.int64)[::2]
    return words[amounts.offset : amounts.offset + len(amounts)]


def check_table(server: Server) -> int:
    """Return how many records the table has, after looking at each of them."""
    seen = np.zeros(RECORDS, dtype=bool)
    for batch in exported(server):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        numbers = columns["_id"].to_numpy().astype(np.int64)
        assert not seen[numbers].any(), "a record is there twice"
        seen[numbers] = True
        assert (columns["age"].to_numpy() == numbers * 7_919 % 10_007).all()
        assert (cents_of(columns["amount"]) == numbers * 31 % 1_000_000).all()
        active = columns["active"].to_numpy(zero_copy_only=False).astype(bool)
        assert (active == (numbers % 2 == 1)).all()
        for name, words, places in (
            ("species", SPECIES, numbers % len(SPECIES)),
            ("country", COUNTRIES, numbers * 7 % len(COUNTRIES)),
        ):
            expected = pa.array(words).take(pa.array(places))
            assert columns[name].cast(pa.string()).equals(expected), name
    expected = np.arange(RECORDS) % BAD_EVERY != BAD_AT
    assert (seen == expected).all(), "the records are not exactly the good ones"
    return int(seen.sum())


def check_answers(server: Server) -> None:
    """Ask what the bitmaps count, against sums over what was sent."""
    numbers = np.arange(RECORDS, dtype=np.int64)
    good = numbers[numbers % BAD_EVERY != BAD_AT]
    (row,) = server.query("sql", "select count(*), sum(age), sum(amount) from events")["data"]
    assert row[0] == len(good)
    assert row[1] == int((good * 7_919 % 10_007).sum())
    assert round(float(row[2]) * 100) == int((good * 31 % 1_000_000).sum())
    counts = server.query("sql", "select country, count(*) from events group by country")["data"]
    expected = np.bincount(good * 7 % len(COUNTRIES), minlength=len(COUNTRIES))
    told = zip(COUNTRIES, expected.tolist(), strict=True)
    assert dict(map(tuple, counts)) == {country: count for country, count in told if count}


def check_metrics(server: Server, bad: int) -> dict[str, int]:
    """Return the errors of the source by code, as its metrics and its list of errors show them."""
    path = f"/v1/sinks/{server.source_id}"
    minutes: list[dict[str, Any]] = server.call("GET", f"{path}/metrics")["metrics"]
    codes: dict[str, int] = {}
    for minute in minutes:
        for code, count in minute["error_codes"].items():
            codes[code] = codes.get(code, 0) + count
    expected: dict[str, int] = {}
    for number in range(BAD_AT, RECORDS, BAD_EVERY):
        code = bad_kind(number)[2]
        expected[code] = expected.get(code, 0) + 1
    assert codes == expected
    assert sum(codes.values()) == bad == sum(minute["errors"] for minute in minutes)
    shown = server.call("GET", f"{path}/errors")["errors"]
    assert len(shown) == min(1_000, bad)
    return codes


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "data")
        try:
            path = f"/v1/sinks/{server.source_id}"
            started_s = time.monotonic()
            with multiprocessing.Pool(CLIENTS) as pool:
                tasks = [(server.port, server.token, path, client) for client in range(CLIENTS)]
                sent = pool.starmap(send, tasks)
            seconds = time.monotonic() - started_s
            good, bad, size_bytes = (sum(column) for column in zip(*sent, strict=True))
            assert good + bad == RECORDS
            check_answers(server)
            assert check_table(server) == good
            codes = check_metrics(server, bad)
        finally:
            server.close()
    shown = {
        "records": RECORDS,
        "good": good,
        "bad": bad,
        "error_codes": codes,
        "seconds": round(seconds, 1),
        "records_per_s": round(RECORDS / seconds),
        "megabytes_per_s": round(size_bytes / seconds / 1e6, 1),
    }
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
