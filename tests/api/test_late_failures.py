"""No answer that failed on its way ends as if it were whole.

Kills the server while it sends an export, cancels a statement and drops a field in the middle of
one; reads what came by every form of answer, with `end=record` and without. The SDK must raise, for
a connection that broke and for an answer whose end is missing although nobody told.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import create_deployment, create_source, create_table, stream
from bitbrook.client import AnswerCut, Client, ConnectionFailed, Retries
from server_process import EMAIL, PASSWORD, ServerProcess

RECORDS = 60_000
ENDS = {"ndjson": b'{"_end":{"records":%d}}\n', "csv": b"#end,%d\n"}
FORMS = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}


@pytest.fixture(scope="module")
def full(api: httpx.Client) -> tuple[str, str, str]:
    """A deployment, a table with records of a hundred bytes and more, and its source."""
    deployment_id = create_deployment(api)
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    fill(api, source_id)
    return deployment_id, table, source_id


def fill(api: httpx.Client, source_id: str) -> None:
    for start in range(0, RECORDS, 5_000):
        numbers = range(start, start + 5_000)
        stream(api, source_id, [{"id": n, "tags": [f"{n:0100d}"]} for n in numbers])


@pytest.mark.parametrize("form", FORMS)
def test_an_end_is_told_where_it_is_asked_for(
    api: httpx.Client, full: tuple[str, str, str], form: str
) -> None:
    deployment_id, table, _ = full
    path = f"/v1/tables/{deployment_id}/{table}/export"
    plain = api.get(path, params={"format": form}).content
    ended = api.get(path, params={"format": form, "end": "record"}).content
    line = ENDS[form] % RECORDS if form in ENDS else b""
    if form in ENDS:
        assert ended == plain + line
    query = f"/v1/deployments/{deployment_id}/query"
    for limit in (3, RECORDS):
        statement = f"select _id, tags from {table} limit {limit}"
        body = {"language": "sql", "statement": statement}
        options: dict[str, Any] = {"json": body, "headers": {"Accept": FORMS[form]}}
        answer = api.post(query, **options)
        with_end = api.post(f"{query}?end=record", **options)
        if form in ENDS:
            assert with_end.content == answer.content + ENDS[form] % limit
        else:
            assert with_end.content == answer.content
    wrong = api.get(path, params={"format": form, "end": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "end")


def read_some(answer: httpx.Response) -> Iterator[bytes]:
    pieces = answer.iter_raw(chunk_size=1 << 16)
    next(pieces)
    return pieces


def read_on(pieces: Iterator[bytes], got: bytearray) -> None:
    for piece in pieces:
        got += piece


def test_a_field_that_goes_cuts_an_export(api: httpx.Client) -> None:
    deployment_id = create_deployment(api)
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    fill(api, source_id)
    path = f"/v1/tables/{deployment_id}/{table}/export?format=ndjson&end=record"
    got = bytearray()
    with api.stream("GET", path) as answer:
        assert answer.status_code == 200
        pieces = read_some(answer)
        api.delete(f"/v1/sinks/{source_id}")
        while api.get(f"/v1/sinks/{source_id}").status_code != 404:
            pass
        dropped = api.delete(f"/v1/tables/{deployment_id}/{table}/fields/tags")
        assert dropped.status_code < 300, dropped.text
        with pytest.raises(httpx.RemoteProtocolError):
            read_on(pieces, got)
    assert b"_end" not in got
    assert b"error" not in got


def test_a_cancelled_statement_is_cut(api: httpx.Client, full: tuple[str, str, str]) -> None:
    deployment_id, table, _ = full
    body = {"language": "sql", "statement": f"select _id, tags from {table} order by _id"}
    path = f"/v1/deployments/{deployment_id}/query?end=record"
    got = bytearray()
    with api.stream("POST", path, json=body, headers={"Accept": FORMS["ndjson"]}) as answer:
        pieces = read_some(answer)
        query_id = answer.headers["x-query-id"]
        assert api.delete(f"/v1/queries/{query_id}").status_code == 202
        with pytest.raises(httpx.RemoteProtocolError):
            read_on(pieces, got)
    assert b"_end" not in got


def test_a_killed_server_cuts_and_the_sdk_raises(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with server.client(server.token()) as api:
            deployment_id = create_deployment(api)
            table = create_table(api, deployment_id)
            fill(api, create_source(api, deployment_id, table))
            path = f"/v1/tables/{deployment_id}/{table}/export"
            with api.stream("GET", path, params={"format": "arrow"}) as answer:
                pieces = read_some(answer)
                server.process.kill()
                with pytest.raises(httpx.RemoteProtocolError):
                    read_on(pieces, bytearray())
        retries = Retries(for_s=0)
        client = Client(server.url, token="x", retries=retries)
        with client, pytest.raises(ConnectionFailed):
            client.tables.export(deployment_id, table, tmp_path / "all.arrow")


class Cutting(BaseHTTPRequestHandler):
    """A proxy that ends an answer in good order whose other side has died in the middle."""

    target = ""
    keep = 0.5

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        names = ("authorization", "content-type", "accept")
        headers = {name: self.headers[name] for name in names if self.headers[name]}
        answer = httpx.request(
            self.command, self.target + self.path, content=body, headers=headers, timeout=60
        )
        kept = answer.content
        if "IdToken" not in answer.text[:100]:
            kept = kept[: int(len(kept) * self.keep)]
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(kept)))
        self.end_headers()
        self.wfile.write(kept)

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def cut(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client whose answers are cut, and nobody tells."""
    monkeypatch.setattr(Cutting, "target", server.url)
    with ThreadingHTTPServer(("127.0.0.1", 0), Cutting) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        with Client(url, token=server.token(EMAIL, PASSWORD)) as client:
            yield client
        proxy.shutdown()
        thread.join()


@pytest.mark.parametrize("form", FORMS)
def test_the_sdk_finds_an_end_that_is_missing(
    cut: Client, full: tuple[str, str, str], tmp_path: Path, form: str, monkeypatch: Any
) -> None:
    deployment_id, table, _ = full
    with pytest.raises(AnswerCut):
        cut.tables.export(deployment_id, table, tmp_path / f"some.{form}")
    with pytest.raises(AnswerCut):
        cut.deployments.sql(deployment_id, f"select _id from {table}", format="arrow")
    monkeypatch.setattr(Cutting, "keep", 1)
    whole = cut.tables.export(deployment_id, table, tmp_path / f"all.{form}")
    path = f"{Cutting.target}/v1/tables/{deployment_id}/{table}/export?format={form}"
    plain = httpx.get(path, headers=cut._link.session._authorisation.headers, timeout=60)
    if form != "parquet":
        assert whole.read_bytes() == plain.content
