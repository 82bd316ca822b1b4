"""An engineer who is woken at night finds what they expect: metrics, a view, logs and traces.

One real server is streamed into, asked, refused and checkpointed; then everything that shall be
counted must have been, every metric that the dashboard asks for must exist, `bitbrook top` must
show it, every line of the log must be JSON with the request's id, and spans must arrive, those of a
request's steps below its own. Another, whose tables are in object storage, is started again with
an empty disk, so that all its caches have to be filled.
"""

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api_client import ask_pql, ask_sql, create_deployment, create_source, create_table, stream
from bitbrook.telemetry.watched import FIGURES
from command import run
from s3_process import BUCKET, S3Process
from server_process import ServerProcess

ROOT = Path(__file__).parents[2]
TOKEN = "a token for metrics"
WAIT_S = 60.0
TRACE_ID = "0af7651916cd43dd8448eb211c80319{}"
PARENT_ID = "b7ad6b7169203331"
SLACK_NS = 1_000_000
"""So far apart may be two clocks that are read one after the other."""

LARGE = 20_000
"""Records of a row that is large enough for its words to be kept."""


class Collector(HTTPServer):
    """What an OTLP collector is to the server: it takes what is posted. `bodies`: all of it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Observed:
    """A server that something was done to, and what it is called."""

    def __init__(self, server: ServerProcess, api: httpx.Client, collector: Collector) -> None:
        self.server = server
        self.api = api
        self.collector = collector
        deployment_id = create_deployment(api)
        self.deployment = api.get(f"/v1/deployments/{deployment_id}").json()["name"]
        self.table = create_table(api, deployment_id)
        source_id = create_source(api, deployment_id, self.table)
        self.records_path = f"/v1/sinks/{source_id}"
        self.statements_path = f"/v1/deployments/{deployment_id}/query"
        self.source = api.get(self.records_path).json()["name"]
        stream(api, source_id, [{"id": 1, "amount": "1.25"}, {"id": 2, "amount": "much"}])
        ask_pql(api, deployment_id, f"[{self.table}]Count(All())")
        ask_sql(api, deployment_id, f"SELECT COUNT(*) FROM {self.table}")
        refused = api.post(
            self.statements_path,
            json={"language": "pql", "statement": f"[{self.table}]Nonsense("},
            headers={"x-request-id": "the-refused-one"},
        )
        assert refused.status_code == 400
        wait_for_checkpoint(server)

    def metrics(self) -> "Metrics":
        return scrape(self.server)

    def spans(self, trace_id: str) -> list[Any]:
        """The spans of a trace, once that of its request is there, which ends last."""
        exported = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        deadline = time.monotonic() + WAIT_S
        while True:
            spans = [
                span
                for body in list(self.collector.bodies)
                for resource in exported.ExportTraceServiceRequest.FromString(body).resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
                if span.trace_id.hex() == trace_id
            ]
            if any(span.parent_span_id.hex() == PARENT_ID for span in spans):
                return spans
            assert time.monotonic() < deadline
            time.sleep(0.2)


class Metrics:
    """The samples of a scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]
        self.names = {sample.name for sample in self.samples}

    def __getitem__(self, name: str) -> float:
        return sum(sample.value for sample in self.samples if sample.name == name)

    def at(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def scrape(server: ServerProcess) -> Metrics:
    with server.client() as client:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    return Metrics(answer.text)


def wait_for_checkpoint(server: ServerProcess) -> None:
    deadline = time.monotonic() + WAIT_S
    while not scrape(server).at("bitbrook_checkpoints_total", outcome="success"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    directory = tmp_path_factory.mktemp("observed")
    collector = Collector()
    flags = (
        *("--metrics-token", TOKEN, "--slow-statement-s", "0.000001", "--log-format", "json"),
        *("--checkpoint-age-s", "0.3", "--log-level", "debug"),
        *("--trace-url", f"http://127.0.0.1:{collector.server_port}/v1/traces"),
    )
    with ServerProcess(directory / "data", *flags) as server, server.client(server.token()) as api:
        yield Observed(server, api, collector)
        assert server.stop() == 0
    collector.shutdown()
    collector.server_close()


def test_everything_is_counted(observed: Observed) -> None:
    metrics = observed.metrics()
    table = {"deployment": observed.deployment, "table": observed.table}
    source = {"deployment": observed.deployment, "source": observed.source}
    ingest = "/sinks/{source_id}"
    assert metrics.at("bitbrook_requests_total", route=ingest, status="200") == 1
    assert metrics.at("bitbrook_request_seconds_count", route=ingest) == 1
    assert metrics["bitbrook_records_total"] == 1
    assert metrics["bitbrook_record_errors_total"] == 1
    assert metrics["bitbrook_ingest_bytes_total"] > 50
    assert metrics["bitbrook_log_append_seconds_count"] == 1
    assert metrics["bitbrook_log_batches_total"] == 1
    assert metrics["bitbrook_log_bytes_total"] > 100
    assert metrics["bitbrook_apply_seconds_count"] == 1
    assert metrics.at("bitbrook_checkpoints_total", outcome="success") >= 1
    assert metrics["bitbrook_checkpoint_seconds_count"] >= 1
    assert metrics.at("bitbrook_statement_seconds_count", language="pql", kind="count") == 1
    assert metrics.at("bitbrook_statement_seconds_count", language="sql", kind="select") == 1
    assert metrics.at("bitbrook_slow_statements_total", language="sql") == 1
    assert metrics["bitbrook_write_queue_bytes_max"] > 0
    assert metrics["bitbrook_statements_memory_bytes_max"] > 1 << 20
    assert metrics["bitbrook_statements_memory_bytes"] == 0, "nothing runs"
    for pool in ("ingest", "query"):
        assert metrics.at("bitbrook_workers_running_max", pool=pool) >= 2
        assert metrics.at("bitbrook_workers_waiting_max", pool=pool) >= 100
        assert metrics.at("bitbrook_workers_running", pool=pool) == 0
        assert metrics.at("bitbrook_workers_waiting", pool=pool) == 0
    for cache in ("cubes", "row_words", "thawed_rows", "endpoint_answers"):
        assert metrics.at("bitbrook_cache_bytes_max", cache=cache) > 1 << 20
    assert metrics.at("bitbrook_table_records", **table) == 1
    assert metrics.at("bitbrook_table_memory_bytes", **table) > 0
    assert metrics.at("bitbrook_table_stored_bytes", **table) > 0
    assert metrics.at("bitbrook_deployment_memory_bytes", deployment=observed.deployment) > 0
    assert metrics.at("bitbrook_source_records_total", **source) == 1
    assert metrics.at("bitbrook_source_errors_total", **source) == 1
    assert metrics.at("bitbrook_source_bytes_total", **source) > 50
    assert metrics["process_open_fds"] > 0


def test_a_body_counts_while_it_is_held(observed: Observed) -> None:
    """A client that sends half of a body is seen to hold it, and no more once it has left."""
    address = urlsplit(observed.server.url)
    with socket.create_connection((address.hostname, address.port), WAIT_S) as client:
        client.sendall(
            f"POST {observed.records_path} HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n"
            f"Authorization: {observed.api.headers['Authorization']}\r\n\r\n".encode()
        )
        client.sendall(b" " * 40_000)
        deadline = time.monotonic() + WAIT_S
        while observed.metrics()["bitbrook_bodies_bytes"] != 40_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    while observed.metrics()["bitbrook_bodies_bytes"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert observed.metrics()["bitbrook_bodies_bytes_max"] > 1 << 20


def test_caches_tell_how_they_fare(tmp_path: Path, s3: S3Process) -> None:
    place = f"s3://{BUCKET}/{tmp_path.name}"
    flags = ("--metrics-token", TOKEN, "--checkpoint-age-s", "0.3", "--storage", place)
    data, asked = tmp_path / "data", "Count(Intersect(Row(species='x'),Row(tags='y')))"
    with ServerProcess(data, *flags) as server, server.client(server.token()) as api:
        deployment_id = create_deployment(api)
        table = create_table(api, deployment_id)
        source_id = create_source(api, deployment_id, table)
        # The amounts are long enough not to come along with their block's list of pieces.
        amounts = [n * n * 7_919 % 1_000_003 for n in range(LARGE)]
        values = [
            {"id": n, "amount": amount, "species": "x", "tags": ["y"]}
            for n, amount in enumerate(amounts)
        ]
        stream(api, source_id, values)
        endpoint = {"name": "many", "deployment_id": deployment_id}
        endpoint["statement"] = f"select count(*) as n from {table}"
        assert api.post("/v1/endpoints", json=endpoint).status_code == 201
        wait_for_checkpoint(server)
        assert server.stop() == 0
    # As on another machine: nothing of the storage is on this disk.
    shutil.rmtree(data / "cache")
    with ServerProcess(data, *flags) as server, server.client(server.token()) as api:
        for _ in range(4):
            assert ask_pql(api, deployment_id, f"[{table}]{asked}") == [LARGE]
            (total,) = ask_pql(api, deployment_id, f"[{table}]Sum(Row(tags='y'),field=amount)")
            assert total["decimalValue"] == sum(amounts)
        for _ in range(2):
            assert api.get("/v1/endpoints/many").json()["data"] == [[LARGE]]
        before = scrape(server)
        for cache in ("row_words", "thawed_rows", "endpoint_answers", "storage_blocks"):
            assert before.at("bitbrook_cache_misses_total", cache=cache) > 0, cache
            assert before.at("bitbrook_cache_bytes", cache=cache) > 0, cache
        for cache in ("row_words", "thawed_rows", "endpoint_answers"):
            assert before.at("bitbrook_cache_hits_total", cache=cache) > 0, cache
        # The answer is no longer what it was, whereas what is on this disk still is.
        stream(api, source_id, [{"id": LARGE, "species": "z"}])
        assert api.get("/v1/endpoints/many").json()["data"] == [[LARGE + 1]]
        after = scrape(server)
        answers = {"cache": "endpoint_answers"}
        for name, more in (("bitbrook_cache_misses_total", 1), ("bitbrook_cache_hits_total", 0)):
            assert after.at(name, **answers) == before.at(name, **answers) + more


def test_names_are_the_operators_alone(observed: Observed, api: httpx.Client) -> None:
    """Without the token nothing is shown; a server that has none shows no names at all."""
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        with observed.server.client() as client:
            refused = client.get("/metrics", headers=headers)
        assert refused.status_code == 401
        assert "metrics_token" in refused.json()["message"]
    create_table(api, create_deployment(api))
    text = api.get("/metrics").text
    assert "bitbrook_requests_total" in text
    assert "bitbrook_table_records" not in text
    assert "deployment=" not in text


def test_the_dashboard_asks_for_what_there_is(observed: Observed) -> None:
    dashboard = json.loads((ROOT / "packaging" / "grafana" / "bitbrook.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {
        name
        for expression in expressions
        for name in re.findall(r"\b(?:bitbrook|process)_\w+", expression)
    }
    metrics = observed.metrics()
    # Of owners a server tells that has some, which `scale/test_servers.py` looks at.
    of_owners = {
        f"{figure.name}_total" if figure.only_rises else figure.name
        for figure in FIGURES
        if "owner" in figure.labels
    }
    there = metrics.names | of_owners
    # Nothing was refused by this log, so that its counter has no labels yet.
    declared = set(re.findall(r"# TYPE (\w+) counter", metrics.text))
    missing = {name for name in asked if name not in there and name not in declared}
    assert not missing, missing
    ours = {re.sub(r"_(bucket|sum|count|created|total)$", "", name) for name in there}
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}
    unseen = (
        {n for n in ours if n.startswith("bitbrook_")} - shown - {"bitbrook_source_requests_total"}
    )
    assert not unseen, unseen


def test_alerts_ask_for_what_there_is(observed: Observed) -> None:
    """Every rule is of metrics that a scrape brings, and says what to do."""
    text = (ROOT / "packaging" / "prometheus" / "alerts.yaml").read_text()
    (group,) = yaml.safe_load(text)["groups"]
    metrics = observed.metrics()
    declared = set(re.findall(r"# TYPE (\w+) counter", metrics.text))
    for rule in group["rules"]:
        asked = set(re.findall(r"\b(?:bitbrook|process)_\w+", rule["expr"]))
        assert asked - metrics.names <= declared, rule["alert"]
        assert asked or rule["alert"] == "BitbrookDown"
        assert rule["labels"]["severity"] in {"page", "look"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) >= 10


def test_top_shows_it(observed: Observed) -> None:
    said = run(
        *("top", "--once", "--every", "0.3", "--url", observed.server.url),
        BITBROOK_METRICS_TOKEN=TOKEN,
    )
    for part in (
        "requests/s",
        "write queue",
        "checkpoints failed",
        "filled",
        "/metrics",
        f"{observed.deployment}/{observed.table}",
    ):
        assert part in said, said
    assert f"{observed.deployment}/{observed.source}" in said
    refused = run("top", "--once", "--url", observed.server.url, status=1)
    assert "BITBROOK_METRICS_TOKEN" in refused
    assert "does not answer" in run("top", "--once", "--url", "http://127.0.0.1:9", status=1)


def test_every_line_of_the_log_is_json_with_the_request(observed: Observed) -> None:
    lines = [json.loads(line) for line in observed.server.errors().splitlines()]
    assert lines
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    slow = [line for line in lines if line["event"] == "slow statement"]
    assert {line["kind"] for line in slow} >= {"count", "select"}
    assert all(line["request_id"] and line["duration_ms"] >= 0 for line in slow)
    assert "Nonsense" not in observed.server.errors(), "statements may hold data"
    answered = [line for line in lines if line.get("request_id") == "the-refused-one"]
    assert answered


def test_spans_arrive(observed: Observed) -> None:
    trace_id = TRACE_ID.format("0")
    headers = {"traceparent": f"00-{trace_id}-{PARENT_ID}-01"}
    assert observed.api.get("/v1/deployments", headers=headers).status_code == 200
    (span,) = observed.spans(trace_id)
    attributes = {each.key: each.value for each in span.attributes}
    assert span.name == "GET /v1/deployments"
    assert span.parent_span_id.hex() == PARENT_ID
    assert attributes["http.response.status_code"].int_value == 200
    assert span.end_time_unix_nano > span.start_time_unix_nano


def test_spans_tell_the_steps(observed: Observed) -> None:
    """Below a request's span are those of what was done, in their order and within its time."""
    sql = f"select species, sum(amount * 2) from {observed.table} group by species"
    requests: list[tuple[str, dict[str, Any], list[str]]] = [
        (
            observed.records_path,
            {"records": [{"value": {"id": 7, "species": "x"}}]},
            ["decode", "append", "apply"],
        ),
        (
            observed.statements_path,
            {"language": "pql", "statement": f"[{observed.table}]Count(All())"},
            ["parse", "ask"],
        ),
        (
            observed.statements_path,
            {"language": "sql", "statement": sql},
            ["parse", "plan", "ask", "finish", "encode"],
        ),
    ]
    for number, (path, body, _) in enumerate(requests, 1):
        parent = f"00-{TRACE_ID.format(number)}-{PARENT_ID}-01"
        answer = observed.api.post(path, json=body, headers={"traceparent": parent})
        assert answer.status_code == 200, answer.text
    for number, (_, _, expected) in enumerate(requests, 1):
        spans = observed.spans(TRACE_ID.format(number))
        (whole,) = [span for span in spans if span.parent_span_id.hex() == PARENT_ID]
        steps = sorted((s for s in spans if s is not whole), key=lambda s: s.start_time_unix_nano)
        assert list(dict.fromkeys(step.name for step in steps)) == expected
        for step in steps:
            assert step.parent_span_id == whole.span_id
            assert step.start_time_unix_nano >= whole.start_time_unix_nano - SLACK_NS
            assert step.end_time_unix_nano <= whole.end_time_unix_nano + SLACK_NS
            assert step.end_time_unix_nano >= step.start_time_unix_nano
        kinds = {each.value.string_value for s in steps for each in s.attributes}
        assert ("ask" in expected) == bool(kinds)
