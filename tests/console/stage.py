"""What pages show: a deployment with the iris records in it, made through the API."""

from typing import Any, NamedTuple

import httpx

from api_client import create_deployment, stream, unique_name, wait_for_status
from bitbrook.cli.iris import SCHEMA, iris_records


class Stage(NamedTuple):
    """A deployment, its one table, and the source that feeds it, by id and name."""

    deployment_id: str
    deployment: str
    table: str
    source_id: str
    source: str


def make_stage(api: httpx.Client) -> Stage:
    """Return a new deployment with the iris records in it."""
    deployment_id = create_deployment(api)
    name: str = api.get(f"/v1/deployments/{deployment_id}").json()["name"]
    source = unique_name("iris_source")
    created = api.post(f"/v1/tables/{deployment_id}", json={"name": "iris_table"})
    assert created.status_code == 201, created.text
    body: dict[str, Any] = {
        "name": source,
        "sink_details": {"deployment_id": deployment_id, "table": "iris_table"},
        "schema": SCHEMA,
    }
    answer = api.post("/v1/sinks", json=body)
    assert answer.status_code == 201, answer.text
    source_id: str = answer.json()["id"]
    wait_for_status(api, f"/v1/sinks/{source_id}", "RUNNING")
    outcome = stream(api, source_id, [record["value"] for record in iris_records()])
    assert outcome["success_count"] == 150, outcome
    return Stage(deployment_id, name, "iris_table", source_id, source)
