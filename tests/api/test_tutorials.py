"""What the original's tutorials send is taken as they send it; only the host differs.

The shapes of their requests, from clients of our own: a token by a password call without a content
type, read with grep; a script that streams a CSV file in batches with the bare token; records of
nested JSON out of a Kafka topic, posted one by one; and the connector that posts batches to an HTTP
sink, with its headers and its retries.
"""

import csv
import http.client
import io
import json
import re
from typing import Any

import httpx

from api_client import ask_pql, ask_sql, create_deployment, create_table, unique_name
from server_process import EMAIL, PASSWORD, ServerProcess

SCALE = {"scale": 1}


def raw_post(server: ServerProcess, path: str, body: str, headers: dict[str, str]) -> bytes:
    """Post with these headers and no others, as a script of few lines does."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", path, skip_accept_encoding=True)
    for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status in {200, 201}, content
    return content


def grep_token(server: ServerProcess) -> str:
    """The token, found in the answer's text as a shell script finds it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = json.dumps({"USERNAME": EMAIL, "PASSWORD": PASSWORD})
    answer = raw_post(server, "/", body, headers).decode()
    (token,) = re.findall(r'"IdToken":"([^"]*)",', answer)
    return str(token)


def make_sink(
    server: ServerProcess, api: httpx.Client, definition: list[dict[str, Any]], **schema: Any
) -> tuple[str, str, str]:
    """A deployment, a table and a sink of this definition, made as the quickstart does."""
    deployment_id = create_deployment(api)
    table = create_table(api, deployment_id)
    body = {
        "name": unique_name("sink"),
        "sink_details": {"deployment_id": deployment_id, "table": table},
        "schema": {"allow_missing_fields": False, "definition": definition, **schema},
    }
    # The tutorial's own slip of the pen in the content type.
    headers = {"Content-Type": "tapplication/json", "Authorization": grep_token(server)}
    made = json.loads(raw_post(server, "/v1/sinks", json.dumps(body), headers))
    while api.get(f"/v1/sinks/{made['id']}").json()["status"] != "RUNNING":
        pass
    return deployment_id, table, made["id"]


def test_a_csv_file_is_streamed_in_batches(server: ServerProcess, api: httpx.Client) -> None:
    """As the CSV script: every value a string, a batch when so many rows are read."""
    definition = [
        {"name": "sepal_length", "path": ["sepalLength"], "type": "decimal", "config": SCALE},
        {"name": "species", "path": ["species"], "type": "string", "config": {"mutex": True}},
        {"name": "id", "path": ["id"], "type": "id"},
    ]  # fmt: skip
    deployment_id, table, sink_id = make_sink(server, api, definition, id_field="id")
    text = "id,sepalLength,species\n" + "".join(
        f"{n},{n % 80 / 10:.1f},{'setosa' if n % 3 else 'virginica'}\n" for n in range(1, 1_001)
    )
    headers = {"Content-Type": "application/json", "Authorization": grep_token(server)}
    batch: list[dict[str, Any]] = []
    for row in csv.DictReader(io.StringIO(text)):
        batch.append({"value": dict(row)})
        if len(batch) == 300:
            raw_post(server, f"/v1/sinks/{sink_id}", json.dumps({"records": batch}), headers)
            batch = []
    raw_post(server, f"/v1/sinks/{sink_id}", json.dumps({"records": batch}), headers)
    counts = ask_pql(api, deployment_id, f"[{table}]Count(All())Count(Row(species='setosa'))")
    assert counts == [1_000, 667]


def test_messages_of_a_topic_are_posted_one_by_one(
    server: ServerProcess, api: httpx.Client
) -> None:
    """As the Kafka tutorial: nested values and a key of several fields, a request a message."""
    definition = [
        {"name": "device", "path": ["meta", "device"], "type": "string"},
        {"name": "seq", "path": ["meta", "seq"], "type": "int"},
        {"name": "at", "path": ["ts"], "type": "timestamp", "config": {"Unit": "ms"}},
        {"name": "load", "path": ["reading", "load"], "type": "int", "config": {"Min": 0}},
    ]
    keys = {"primary_key_fields": ["device", "seq"]}
    deployment_id, table, sink_id = make_sink(server, api, definition, **keys)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {grep_token(server)}"}
    for number in range(50):
        value = {
            "meta": {"device": f"d{number % 5}", "seq": number},
            "ts": 1_709_208_000_000 + number,
            "reading": {"load": number, "unit": "%"},
        }
        body = json.dumps({"records": [{"value": value}]})
        answer = json.loads(raw_post(server, f"/v2/sinks/{sink_id}", body, headers))
        assert answer["success_count"] == 1, answer
    assert ask_sql(api, deployment_id, f"select count(*), sum(load) from {table}") == [
        [50, sum(range(50))]
    ]


def test_a_connector_posts_batches(server: ServerProcess, api: httpx.Client) -> None:
    """As a managed HTTP sink: a key for its header, batches around `records`, whole retries."""
    definition = [
        {"name": "id", "path": ["ordertime"], "type": "id"},
        {"name": "item", "path": ["itemid"], "type": "string", "config": {"Mutex": True}},
        {"name": "zip", "path": ["address", "zipcode"], "type": "int"},
    ]
    deployment_id, table, sink_id = make_sink(server, api, definition, id_field="id")
    scopes = {"name": unique_name("key"), "scopes": ["ingest"], "source_id": sink_id}
    key = api.post("/v1/api-keys", json=scopes).json()["key"]
    headers = {
        "X-API-Key": key,
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": "connector",
        "Accept": "*/*",
    }
    # Its batch prefix, separator and suffix, put around values as they are.
    values = [
        json.dumps({"ordertime": n, "itemid": f"Item_{n % 9}", "address": {"zipcode": 10_000 + n}})
        for n in range(500)
    ]
    body = '{"records":[' + ",".join(f'{{"value":{value}}}' for value in values) + "]}"
    for _ in range(2):
        answer = json.loads(raw_post(server, f"/v1/sinks/{sink_id}", body, headers))
        assert (answer["success_count"], answer["error_count"]) == (500, 0)
    counts = ask_pql(api, deployment_id, f"[{table}]Count(All())Count(Row(item='Item_0'))")
    assert counts == [500, 56]
