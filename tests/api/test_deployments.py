"""Deployments come, are seen under both versions, and go only when they are empty.

Asks with missing, malformed and contradicting bodies, under every name a path has.
"""

import httpx
import pytest

from api_client import create_source, unique_name, wait_for_status, wait_until_gone


def test_life_of_a_deployment(api: httpx.Client) -> None:
    name = unique_name("life")
    body = {"name": name, "deployment_options": {"shape": "8GB-Development"}}
    created = api.post("/v1/deployments", json=body)
    assert created.status_code == 201
    shown = created.json()
    assert (shown["name"], shown["status"]) == (name, "CREATING")
    assert shown["deployment_options"]["shape"].startswith("8GB")
    path = f"/v1/deployments/{shown['id']}"
    running = wait_for_status(api, path, "RUNNING")
    assert running["endpoint"].endswith(f"{path}/query")
    assert running["created_by"] == "admin@example.org"
    assert running in api.get("/v1/deployments").json()["deployments"]
    deleted = api.delete(path)
    assert (deleted.status_code, deleted.json()["status"]) == (202, "DELETING")
    wait_until_gone(api, path)
    assert shown["id"] not in api.get("/v1/deployments").text
    assert api.delete(path).status_code == 404


def test_later_version_says_database(api: httpx.Client) -> None:
    body = {"name": unique_name("later"), "database_options": {"shape": "8GB"}}
    created = api.post("/v2/databases", json=body)
    assert created.status_code == 201, created.text
    assert "deployment_options" not in created.json()
    database_id = created.json()["id"]
    wait_for_status(api, f"/v2/databases/{database_id}", "RUNNING")
    later = api.get(f"/v2/databases/{database_id}/").json()
    assert later["database_options"] == {"shape": "8GB"}
    assert later["endpoint"].endswith(f"/v2/databases/{database_id}/query")
    earlier = api.get(f"/v2/deployments/{database_id}").json()
    assert earlier == api.get(f"/v1/deployments/{database_id}").json()
    assert earlier["deployment_options"] == {"shape": "8GB"}
    listed = api.get("/v2/databases").json()["databases"]
    assert database_id in [each["id"] for each in listed]
    assert api.delete(f"/v2/databases/{database_id}").status_code == 202


@pytest.mark.parametrize(
    "path",
    [
        "/v1/service-properties/deployment:shapes",
        "/v2/service-properties/deployment:shapes",
        "/v2/service-properties/database:shapes",
    ],
)
def test_shapes(api: httpx.Client, path: str) -> None:
    shapes = api.get(path).json()["shapes"]
    assert shapes[0]["name"] == "8GB"
    sizes = [shape["memory_bytes"] for shape in shapes]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"deployment_options": {"shape": "8GB"}}, 400, "name"),
        ({"name": "x"}, 400, "deployment_options"),
        ({"name": "x", "deployment_options": {}}, 400, "deployment_options.shape"),
        ({"name": 7, "deployment_options": {"shape": "8GB"}}, 400, "name"),
        ({"name": "Upper Case", "deployment_options": {"shape": "8GB"}}, 422, "name"),
        ({"name": "x", "deployment_options": {"shape": "7GB"}}, 422, "shape"),
    ],
)
def test_bad_bodies_name_the_field(
    api: httpx.Client, body: dict[str, object], status: int, field: str
) -> None:
    answer = api.post("/v1/deployments", json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert field in (error.get("field") or error["message"])


def test_a_name_is_taken_once(api: httpx.Client) -> None:
    body = {"name": unique_name("taken"), "deployment_options": {"shape": "8GB"}}
    assert api.post("/v1/deployments", json=body).status_code == 201
    again = api.post("/v1/deployments", json=body)
    assert again.status_code == 409
    assert body["name"] in again.json()["message"]


def test_deletion_goes_in_order(api: httpx.Client, deployment_id: str, table: str) -> None:
    source_id = create_source(api, deployment_id, table)
    source_name = api.get(f"/v1/sinks/{source_id}").json()["name"]
    deployment, table_path = (
        f"/v1/deployments/{deployment_id}",
        f"/v1/tables/{deployment_id}/{table}",
    )
    refused = api.delete(table_path)
    assert refused.status_code == 409
    assert source_name in str(refused.json()["error"]["details"])
    refused = api.delete(deployment)
    assert refused.status_code == 409
    details = str(refused.json()["error"]["details"])
    assert table in details
    for path in (f"/v1/sinks/{source_id}", table_path, deployment):
        assert api.delete(path).status_code == 202
        wait_until_gone(api, path)
    assert api.get(f"/v1/tables/{deployment_id}").status_code == 404
