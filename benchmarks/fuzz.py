"""Bodies that nobody would send, over HTTP, each held against a model of what must come of it.

Clients over raw kept-alive connections send bodies that are generated in two ways: records of every
type with values good and bad, whose outcome a model knows; and such bodies with bytes exchanged,
cut, repeated or put in. No answer may be 5xx, none may stay away, and what a query then finds is
exactly what the outcomes say: every record that succeeded as it was sent, none of the others. Each
client has tables of its own, so that it knows what is in them. The seed of a run is printed, and
the body at fault.

    BODIES=1e6 CLIENTS=3 SEED=1 .venv/bin/python -m benchmarks.fuzz
"""

import gzip
import json
import multiprocessing
import os
import random
import secrets
import socket
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.server import Server

BODIES = int(float(os.environ.get("BODIES", "4e3")))
CLIENTS = int(os.environ.get("CLIENTS", "3"))
SEED = int(os.environ.get("SEED", "0")) or secrets.randbits(32)
IDS = 200
CHECK_EVERY = 500
HANG_S = 60.0
CODES = {"InvalidBody", "InvalidValue", "InvalidId", "OutOfRange", "MissingField", "TooLong"}
ANSWERS = {200, 400, 413}

SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "type": "id"},
        {"name": "n", "type": "int", "config": {"Min": -1000, "Max": 1000}},
        {"name": "d", "type": "decimal", "config": {"Scale": 2}},
        {"name": "s", "type": "string", "config": {"Mutex": True}},
        {"name": "tags", "path": ["deep", "tags"], "type": "strings"},
        {"name": "rows", "type": "ids"},
        {"name": "b", "type": "bool"},
        {"name": "at", "type": "timestamp"},
        {"name": "f", "type": "signedIntBoolKey"},
    ],
}
COLUMNS = ("n", "d", "s", "tags", "rows", "b", "at", "f")


class Entry(msgspec.Struct):
    """One entry of an answer."""

    status: str
    error_code: str = ""
    error_message: str = ""


class Answer(msgspec.Struct):
    """The answer to a body."""

    success_count: int
    error_count: int
    records: list[Entry]


class Tally(NamedTuple):
    """What a client sent and met."""

    bodies: int = 0
    stored: int = 0
    refused: int = 0
    refused_bodies: int = 0
    checks: int = 0


# Values as JSON with what they are stored as; None where the record is refused.
_TEXTS = ["", "a", "é", "x y", '"', "\\", "\n", "[]", "😀", "null", "0"]
_GOOD: dict[str, list[tuple[str, Any]]] = {
    "n": [(str(n), n) for n in (0, -1, 7, 1000, -1000)] + [('"12"', 12), ('"-3"', -3)],
    "d": [("1.25", 125), ('"1.5"', 150), ("-0.01", -1), ("3", 300), ("1e1", 1000), ('"0"', 0)],
    "s": [(json.dumps(text), text) for text in _TEXTS],
    "tags": [
        (json.dumps({"tags": texts}), frozenset(texts))
        for texts in (["a"], ["a", "b"], ["é", "é"], ["x y", "\\", "😀"])
    ],
    "rows": [("[1]", frozenset([1])), ('[3, "2"]', frozenset([2, 3])), ("[7,7]", frozenset([7]))],
    "b": [("true", True), ("false", False), ('"true"', True), ("0", False), ("1", True)],
    "at": [
        ('"2024-02-29T12:00:00Z"', "2024-02-29T12:00:00Z"),
        ('"2024-02-29T12:00:00+02:00"', "2024-02-29T10:00:00Z"),
    ],
    "f": [("5", 5), ("-5", -5), ("9", 9), ("-9", -9), ("0", 0)],
}
_BAD: dict[str, list[str]] = {
    "n": ["1001", "1.5", '"x"', "true", "[]", "{}", "1e3000", '""', "99999999999999999999"],
    "d": ["1.234", '"1,5"', "[1]", '"NaN"', "1e400", "false"],
    "s": ["1", "true", "[]", "{}"],
    "tags": ['{"tags":"a"}', '{"tags":[1]}', '{"tags":{}}', '{"tags":[null]}'],
    "rows": ["1", '["a"]', "[-1]", "[1.5]", '"[]"'],
    "b": ['"yes"', "2", "[]", "1.5"],
    "at": ['"yesterday"', '"2024-02-30T00:00:00Z"', "[]", "true"],
    "f": ['"x"', "1.5", "[]", "true"],
}
_BAD_IDS = ["-1", '"x"', "null", "1.5", "[]", "true", "99999999999999999999", '""']


class Model:
    """What the records of one client are."""

    def __init__(self, first_id: int) -> None:
        self.first_id = first_id
        self.records: dict[int, dict[str, Any]] = {}

    def apply(self, id_: int, given: dict[str, Any]) -> None:
        """Apply a record that was stored."""
        record = self.records.setdefault(id_, {})
        for name, value in given.items():
            if name in ("tags", "rows"):
                record[name] = record.get(name, frozenset()) | value
            elif name == "f":
                rows = record.get("f", frozenset())
                record["f"] = rows | {value} if value >= 0 else rows - {-value}
            else:
                record[name] = value

    def row(self, id_: int) -> list[Any]:
        """Return a record as a query shows it."""
        record = self.records[id_]
        shown: list[Any] = [id_]
        for name in COLUMNS:
            value = record.get(name)
            if isinstance(value, frozenset):
                value = sorted(value) or None
            shown.append(value)
        return shown


class Record(NamedTuple):
    """A record as JSON; `given`: what is stored of it, None if it must be refused."""

    text: str
    id: int
    given: dict[str, Any] | None


def make_record(chance: random.Random, model: Model) -> Record:
    """Return a record, good more often than not."""
    id_ = model.first_id + chance.randrange(IDS)
    parts = [("id", chance.choice((str(id_), f'"{id_}"')))]
    given: dict[str, Any] | None = {}
    for name in COLUMNS:
        luck = chance.random()
        key = "deep" if name == "tags" else name
        if luck < 0.45:
            text, value = chance.choice(_GOOD[name])
            parts.append((key, text))
            if given is not None:
                given[name] = value
        elif luck < 0.48:
            parts.append((key, chance.choice(_BAD[name])))
            given = None
        elif luck < 0.55:
            parts.append((key, "null"))
    if chance.random() < 0.05:
        parts[0] = ("id", chance.choice(_BAD_IDS))
        given = None
    if chance.random() < 0.2:
        parts.append(("extra", chance.choice(('{"a":[{}]}', '"]}"', "[[[]]]", "-0.0e-5"))))
    chance.shuffle(parts)
    blank = chance.choice(("", "", " ", "\t"))
    text = f"{blank},{blank}".join(f'"{name}"{blank}:{blank}{value}' for name, value in parts)
    return Record("{" + text + "}", id_, given)


def mangle(chance: random.Random, body: bytes) -> bytes:
    """Return a body with some of its bytes exchanged, cut out, put in or repeated."""
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(6):
            case 0:
                body = body[:at]
            case 1:
                body = body[:at] + chance.randbytes(chance.choice((1, 2, 9))) + body[at:]
            case 2:
                body = body[:at] + body[at + chance.choice((1, 1, 3, 40)) :]
            case 3:
                body = body[:at] + body[max(0, at - 30) :]
            case 4:
                token = chance.choice(
                    (b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\\ud800", b"1e9")
                )
                body = body[:at] + token + body[at:]
            case _:
                body = body[:at] + b"[" * chance.choice((1, 100, 3_000)) + body[at:]
    return body


class RawConnection:
    """One kept-alive connection, whose answers come in time."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=HANG_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._token = token
        self._rest = b""

    def post(
        self, path: str, body: bytes, headers: str = "", *, is_chunked: bool = False
    ) -> tuple[int, bytes]:
        """Return the status and the content of an answer."""
        if is_chunked:
            framing = "Transfer-Encoding: chunked"
            half = len(body) // 2
            parts = [part for part in (body[:half], body[half:]) if part]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        else:
            framing = f"Content-Length: {len(body)}"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: {self._token}\r\n{headers}{framing}"
        )
        self._socket.sendall(head.encode() + b"\r\n\r\n" + body)
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._receive()
        told = self._rest[:end].lower()
        length = int(told.partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(self._rest) < end + 4 + length:
            self._receive()
        content = self._rest[end + 4 : end + 4 + length]
        self._rest = self._rest[end + 4 + length :]
        return int(told[9:12]), content

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _receive(self) -> None:
        part = self._socket.recv(1 << 18)
        assert part, "the server closed a connection that is kept alive"
        self._rest += part


class Place(NamedTuple):
    """A table and a source of one client's own."""

    table: str
    source_id: str


class Client:
    """One connection, a table whose records are known and one of mangled bodies."""

    def __init__(
        self, port: int, token: str, deployment_id: str, number: int, places: tuple[Place, Place]
    ) -> None:
        self._chance = random.Random(f"{SEED} {number}")
        self._connection = RawConnection(port, token)
        self._query_path = f"/v1/deployments/{deployment_id}/query"
        self._known, self._mangled = places
        self._model = Model(0)
        self._mangled_ids: set[int] = set()
        self._decode = msgspec.json.Decoder(Answer).decode
        self.tally = Tally()

    def run(self, bodies: int) -> Tally:
        """Send so many bodies."""
        for number in range(bodies):
            if self._chance.random() < 0.5:
                self._send_known()
            else:
                self._send_mangled()
            if number % CHECK_EVERY == CHECK_EVERY - 1 or number == bodies - 1:
                self._check()
        self._connection.close()
        return self.tally

    def _send_known(self) -> None:
        chance = self._chance
        records = [make_record(chance, self._model) for _ in range(chance.choice((0, 1, 1, 3, 10)))]
        is_lines = chance.random() < 0.3
        body = as_body([record.text for record in records], is_lines=is_lines)
        answer = self._post(self._known, body, is_lines=is_lines)
        assert isinstance(answer, Answer), ("a body was refused", answer, body)
        expected = ["success" if record.given is not None else "error" for record in records]
        found = [each.status for each in answer.records]
        assert found == expected, (found, expected, body, answer)
        for record in records:
            if record.given is not None:
                self._model.apply(record.id, record.given)

    def _send_mangled(self) -> None:
        chance = self._chance
        texts = [make_record(chance, self._model).text for _ in range(chance.choice((1, 2, 5)))]
        is_lines = chance.random() < 0.3
        body = mangle(chance, as_body(texts, is_lines=is_lines))
        answer = self._post(self._mangled, body, is_lines=is_lines)
        if isinstance(answer, Answer) and answer.success_count:
            self._mangled_ids |= ids_of(body, answer, is_lines=is_lines)

    def _post(self, place: Place, body: bytes, *, is_lines: bool) -> Answer | str:
        """Return the answer, or why the body was refused as a whole."""
        chance = self._chance
        headers = "Content-Type: application/x-ndjson\r\n" if is_lines else ""
        sent = body
        if chance.random() < 0.1:
            sent = gzip.compress(body, 1)
            headers += "Content-Encoding: gzip\r\n"
        path = f"/v1/sinks/{place.source_id}"
        status, content = self._connection.post(
            path, sent, headers, is_chunked=chance.random() < 0.2
        )
        before = self.tally
        assert status in ANSWERS, (status, content, body)
        if status != 200:
            self.tally = before._replace(
                bodies=before.bodies + 1, refused_bodies=before.refused_bodies + 1
            )
            return content.decode()
        answer = self._decode(content)
        errors = [each for each in answer.records if each.status == "error"]
        assert answer.error_count == len(errors), (content, body)
        assert answer.success_count + len(errors) == len(answer.records), (content, body)
        assert all(each.error_code in CODES and each.error_message for each in errors), content
        self.tally = before._replace(
            bodies=before.bodies + 1,
            stored=before.stored + answer.success_count,
            refused=before.refused + len(errors),
        )
        return answer

    def _check(self) -> None:
        """Compare every record of this client with what queries find."""
        columns = ", ".join(COLUMNS)
        rows = self._ask(f"select _id, {columns} from {self._known.table}")
        found = {row[0]: [_plain(value) for value in row] for row in rows}
        expected = {id_: self._model.row(id_) for id_ in self._model.records}
        ids = expected.keys() | found.keys()
        different = [id_ for id_ in ids if expected.get(id_) != found.get(id_)]
        assert not different, [(expected.get(id_), found.get(id_)) for id_ in different[:3]]
        there = {row[0] for row in self._ask(f"select _id from {self._mangled.table}")}
        assert there == self._mangled_ids, there ^ self._mangled_ids
        self.tally = self.tally._replace(checks=self.tally.checks + 1)

    def _ask(self, statement: str) -> list[list[Any]]:
        body = json.dumps({"language": "sql", "statement": statement}).encode()
        status, content = self._connection.post(self._query_path, body)
        assert status == 200, content
        data: list[list[Any]] = json.loads(content, parse_float=Decimal)["data"]
        return data


def as_body(texts: list[str], *, is_lines: bool) -> bytes:
    """Return records as a body of either form."""
    if is_lines:
        return "\n".join(texts).encode()
    return ('{"records":[' + ",".join(f'{{"value":{text}}}' for text in texts) + "]}").encode()


def ids_of(body: bytes, answer: Answer, *, is_lines: bool) -> set[int]:
    """Return the ids of the records of a body that were stored, as another JSON reader sees."""
    if is_lines:
        values: list[Any] = list(filter(bytes.strip, body.split(b"\n")))
    else:
        values = json.loads(body, parse_float=Decimal)["records"]
    assert len(values) == len(answer.records), (body, answer)
    ids = set()
    for value, entry in zip(values, answer.records, strict=True):
        if entry.status == "success":
            read = json.loads(value, parse_float=Decimal) if is_lines else value["value"]
            ids.add(int(Decimal(read["id"])))
    return ids


def _plain(value: Any) -> Any:
    """Return a value as the model has it: decimals in hundredths, sets sorted."""
    if isinstance(value, Decimal):
        return int(value * 100)
    return sorted(value) if isinstance(value, list) else value


def fuzz(
    port: int, token: str, deployment_id: str, number: int, places: tuple[Place, Place]
) -> Tally:
    """Run one client."""
    client = Client(port, token, deployment_id, number, places)
    return client.run(BODIES // CLIENTS + (number < BODIES % CLIENTS))


def make_place(server: Server, name: str) -> Place:
    """Return a table of its own with its source."""
    server.call("POST", f"/v1/tables/{server.deployment_id}", {"name": name})
    details = {"deployment_id": server.deployment_id, "table": name}
    body = {"name": name, "sink_details": details, "schema": SCHEMA}
    source_id = server.call("POST", "/v1/sinks", body)["id"]
    while server.call("GET", f"/v1/sinks/{source_id}")["status"] != "RUNNING":
        time.sleep(0.05)
    return Place(name, source_id)


def run_against(server: Server) -> dict[str, Any]:
    """Return the figures of a run that found nothing."""
    started_s = time.monotonic()
    tasks = [
        (
            server.port,
            server.token,
            server.deployment_id,
            number,
            (make_place(server, f"known_{number}"), make_place(server, f"mangled_{number}")),
        )
        for number in range(CLIENTS)
    ]
    with multiprocessing.Pool(CLIENTS) as pool:
        tallies = pool.starmap(fuzz, tasks)
    seconds = time.monotonic() - started_s
    total = Tally(*map(sum, zip(*tallies, strict=True)))
    assert total.bodies == BODIES
    figures = {"seconds": round(seconds, 1), "bodies_per_s": round(BODIES / seconds)}
    return {"seed": SEED, **total._asdict(), **figures}


def main() -> None:
    print(json.dumps({"seed": SEED, "bodies": BODIES, "clients": CLIENTS}), flush=True)
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "data")
        try:
            print(json.dumps(run_against(server)))
        finally:
            server.close()


if __name__ == "__main__":
    main()
