"""Tables and fields are created, shown with what they hold, changed and dropped.

Sends every type of field with its options, names that cannot be, and fields that exist already.
"""

from typing import Any

import httpx
import pytest

from api_client import ask_pql, create_source, create_table, stream, wait_until_gone

OPTIONS = [
    {"type": "set"},
    {"type": "set", "keys": True, "cacheType": "ranked", "cacheSize": 100},
    {"type": "mutex", "keys": True},
    {"type": "time", "keys": True, "timeQuantum": "YMD", "ttl": "720h"},
    {"type": "bool"},
    {"type": "int", "min": -5, "max": 5},
    {"type": "decimal", "scale": 2, "min": "-1.50", "max": "99.99"},
    {"type": "timestamp", "timeUnit": "ms", "epoch": 0},
]


def test_life_of_a_table(api: httpx.Client, deployment_id: str) -> None:
    path = f"/v1/tables/{deployment_id}"
    created = api.post(path, json={"name": "iris", "description": "flowers", "options": {}})
    assert created.status_code == 201, created.text
    shown = api.get(f"{path}/iris/").json()
    assert (shown["name"], shown["description"]) == ("iris", "flowers")
    assert (shown["fields"], shown["record_count"]) == ([], 0)
    assert [each["name"] for each in api.get(path).json()["tables"]] == ["iris"]
    assert api.get(f"/v2/tables/{deployment_id}/iris").json() == shown
    assert api.post(path, json={"name": "iris"}).status_code == 409
    assert api.delete(f"{path}/iris").status_code == 202
    wait_until_gone(api, f"{path}/iris")
    assert api.delete(f"{path}/iris").status_code == 404


def test_a_table_tells_what_it_holds(api: httpx.Client, deployment_id: str, table: str) -> None:
    source_id = create_source(api, deployment_id, table)
    stream(api, source_id, [{"id": n, "species": f"s{n % 3}", "tags": []} for n in range(10)])
    shown = api.get(f"/v1/tables/{deployment_id}/{table}").json()
    assert shown["record_count"] == 10
    assert shown["size_bytes"] > 0
    assert shown["options"]["keys"] is False
    fields = {field["name"]: field for field in shown["fields"]}
    assert list(fields) == ["amount", "species", "tags"]
    assert fields["amount"]["options"]["scale"] == 2
    assert (fields["species"]["type"], fields["species"]["rows"]) == ("mutex", 3)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_fields_of_every_type(
    api: httpx.Client, deployment_id: str, table: str, options: dict[str, Any]
) -> None:
    path = f"/v1/tables/{deployment_id}/{table}/fields/f"
    added = api.post(path, json={"options": options})
    assert added.status_code == 201, added.text
    shown = api.get(f"/v1/tables/{deployment_id}/{table}").json()["fields"][0]
    assert (shown["name"], shown["type"]) == ("f", options["type"])
    for key in options.keys() & {"keys", "timeQuantum", "min", "max", "scale", "timeUnit"}:
        assert shown["options"][key] == options[key]
    again = api.post(path, json={"options": options})
    assert again.status_code == 409
    assert api.delete(path).status_code == 202
    assert api.get(f"/v1/tables/{deployment_id}/{table}").json()["fields"] == []
    assert api.delete(path).status_code == 404


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"type": "text"}, "text"),
        ({"type": "bool", "keys": True}, "keys"),
        ({"type": "time"}, "timeQuantum"),
        ({"type": "time", "timeQuantum": "YD"}, "YD"),
        ({"type": "decimal", "scale": 19}, "19"),
        ({"type": "decimal", "scale": 1, "min": "0.25"}, "0.25"),
        ({"type": "int", "min": 5, "max": 1}, "5"),
    ],
)
def test_fields_that_cannot_be(
    api: httpx.Client, deployment_id: str, table: str, options: dict[str, Any], word: str
) -> None:
    path = f"/v1/tables/{deployment_id}/{table}/fields/f"
    answer = api.post(path, json={"options": options})
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["message"]


@pytest.mark.parametrize("name", ["", "1st", "Iris", "a b", "a/b", "x" * 231])
def test_names_that_cannot_be(api: httpx.Client, deployment_id: str, name: str) -> None:
    answer = api.post(f"/v1/tables/{deployment_id}", json={"name": name})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "name"


def test_string_ids(api: httpx.Client, deployment_id: str) -> None:
    table = create_table(api, deployment_id, options={"keys": True})
    schema = {
        "primary_key_fields": ["a", "b"],
        "definition": [
            {"name": "a", "path": ["a"], "type": "string"},
            {"name": "b", "path": ["b"], "type": "string"},
            {"name": "n", "path": ["deep", "n"], "type": "int"},
        ],
    }
    source_id = create_source(api, deployment_id, table, schema)
    values = [
        {"a": "a|b", "b": "c", "deep": {"n": 1}},
        {"a": "a", "b": "b|c", "deep": {"n": 2}},
    ]
    assert stream(api, source_id, values)["success_count"] == 2
    assert ask_pql(api, deployment_id, f"[{table}]Count(All())") == [2]


def test_no_such_table(api: httpx.Client, deployment_id: str) -> None:
    calls = (("GET", ""), ("DELETE", ""), ("POST", "/fields/f"), ("DELETE", "/fields/f"))
    for method, tail in calls:
        path = f"/v1/tables/{deployment_id}/none{tail}"
        answer = api.request(method, path, json={"options": {"type": "set"}})
        assert answer.status_code == 404, answer.text
    assert api.post("/v1/tables/none", json={"name": "x"}).status_code == 404
