"""Several servers in front of the same owners are one service, and a deployment grows under load.

What one server creates, alters and drops the other one has at once or half a second later; a key
that one took the other answers; users, sessions and deployments are the same, and what sources took
and refused. A deployment's shape changes while clients write and read. The quickstart's commands
run unchanged.
"""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from api_client import ask_pql, ask_sql, create_source, create_table, stream, unique_name
from bitbrook.telemetry.watched import FIGURES
from scale.stack import SHAPE, Stack, eventually
from scale.workload import Workload
from server_process import ServerProcess

VALUES = [{"id": number, "amount": number, "species": "a", "tags": ["x"]} for number in range(50)]


@pytest.fixture(scope="module")
def other(stack: Stack) -> Iterator[ServerProcess]:
    """A second server of the same stack."""
    with stack.serve() as running:
        yield running


@pytest.fixture
def elsewhere(other: ServerProcess, stack: Stack) -> Iterator[httpx.Client]:
    """A client of the second server, with a token that the first one made."""
    with other.client(stack.server.token()) as client:
        yield client


def test_what_one_does_the_other_has(
    api: httpx.Client, elsewhere: httpx.Client, deployment_id: str
) -> None:
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    assert stream(elsewhere, source_id, VALUES)["success_count"] == 50
    assert ask_pql(api, deployment_id, f"[{table}]Count(All())") == [50]
    # Fields that one adds, the other writes; what it drops is gone for both.
    ask_sql(elsewhere, deployment_id, f"alter table {table} add column extra int")
    statement = f"insert into {table} (_id, extra) values (1, 7), (2, 8)"

    def is_inserted() -> bool:
        body = {"language": "sql", "statement": statement}
        return api.post(f"/v1/deployments/{deployment_id}/query", json=body).status_code == 200

    eventually(is_inserted, timeout_s=10.0)
    assert ask_sql(elsewhere, deployment_id, f"select sum(extra) from {table}") == [[15]]
    ask_sql(elsewhere, deployment_id, f"alter table {table} drop column extra")
    assert ask_sql(elsewhere, deployment_id, f"select count(*) from {table}") == [[50]]
    assert api.delete(f"/v1/sinks/{source_id}").status_code == 202
    eventually(lambda: elsewhere.get(f"/v1/sinks/{source_id}").status_code == 404)
    assert elsewhere.delete(f"/v1/tables/{deployment_id}/{table}").status_code == 202
    eventually(lambda: api.get(f"/v1/tables/{deployment_id}/{table}").status_code == 404)


def test_a_key_is_known_to_both(
    api: httpx.Client, elsewhere: httpx.Client, deployment_id: str
) -> None:
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    headers = {"Idempotency-Key": "one"}
    first = [{"value": value} for value in VALUES]
    changed = [{"value": {**value, "amount": 0}} for value in VALUES]
    for client, records in ((api, first), (elsewhere, changed), (api, changed)):
        answer = client.post(f"/v1/sinks/{source_id}", json={"records": records}, headers=headers)
        assert answer.json()["success_count"] == 50, answer.text
    assert ask_sql(elsewhere, deployment_id, f"select sum(amount) from {table}") == [[1225.0]]


def test_an_endpoint_is_answered_from_memory_until_anybody_writes(
    api: httpx.Client, elsewhere: httpx.Client, deployment_id: str
) -> None:
    """What one server keeps stands while no other writes; then it is asked anew, at once."""
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    stream(api, source_id, VALUES)
    body = {
        "name": unique_name("e"),
        "deployment_id": deployment_id,
        "language": "sql",
        "statement": f"select count(*) as n, sum(amount) as total from {table}",
    }
    assert api.post("/v1/endpoints", json=body).status_code == 201
    path = f"/v1/endpoints/{body['name']}"
    eventually(lambda: elsewhere.get(path).status_code == 200, timeout_s=10.0)
    first = api.get(path)
    assert first.json()["data"] == [[50, 1225.0]], first.text
    for _ in range(2):
        again = api.get(path)
        assert again.headers["x-cache"] == "hit"
        assert again.content == first.content
        named = {"If-None-Match": first.headers["etag"]}
        assert api.get(path, headers=named).status_code == 304
    named_answers = 0
    for number in range(50, 60):
        value = {"id": number, "amount": 1, "species": "b", "tags": []}
        assert stream(elsewhere, source_id, [value])["success_count"] == 1
        answer = api.get(path)
        assert answer.json()["data"][0][0] == number + 1, number
        assert answer.headers["x-cache"] == "miss"
        named_answers += "etag" in answer.headers
    assert 0 < named_answers < 10
    # What has changed again and again is kept once more when it has rested.
    eventually(lambda: api.get(path).headers["x-cache"] == "hit")


def test_what_sources_took_and_refused_is_told_by_each(
    api: httpx.Client, elsewhere: httpx.Client, deployment_id: str
) -> None:
    table = create_table(api, deployment_id)
    source_id = create_source(api, deployment_id, table)
    bad = [{"id": 1, "amount": "much"}, {"id": 2, "amount": "more"}]
    for client in (api, elsewhere):
        assert stream(client, source_id, [*VALUES, *bad])["success_count"] == 50
    path = f"/v1/sinks/{source_id}"
    found = [client.get(f"{path}/errors").json()["errors"] for client in (api, elsewhere)]
    assert found[0] == found[1]
    assert len(found[0]) == 4
    for client in (api, elsewhere):
        eventually(lambda client=client: took(client, path) == (100, 2, 4), timeout_s=30.0)
    statement = "select sum(records), sum(requests), sum(errors) from bitbrook_ingest"
    statement += f" where source = '{api.get(path).json()['name']}'"
    assert ask_sql(elsewhere, deployment_id, statement) == [[100, 2, 4]]
    retried = elsewhere.post(f"{path}/errors/retry").json()
    assert (retried["stored_count"], retried["error_count"]) == (0, 4)
    assert api.delete(path).status_code == 202


def took(client: httpx.Client, path: str) -> tuple[int, int, int]:
    """Records, requests and errors of a source, of all its minutes."""
    minutes = client.get(f"{path}/metrics").json()["metrics"]
    records, requests, errors = (
        sum(minute[name] for minute in minutes) for name in ("records", "requests", "errors")
    )
    return records, requests, errors


def test_a_rate_holds_for_each_server(
    api: httpx.Client, elsewhere: httpx.Client, deployment_id: str
) -> None:
    source_id = create_source(api, deployment_id, create_table(api, deployment_id))
    path = f"/v1/sinks/{source_id}"
    limits = api.patch(path, json={"rate_limits": {"records_per_s": 1}}).json()["rate_limits"]
    assert limits["records_per_s"] == 1
    # Without limits there is no such field.
    eventually(lambda: elsewhere.get(path).json().get("rate_limits") == limits, timeout_s=10.0)
    body = {"records": [{"value": value} for value in VALUES]}
    for client in (api, elsewhere):
        # A request is admitted whole, and those after it pay for it.
        assert client.post(path, json=body).status_code == 200
        assert client.post(path, json=body).status_code == 429


def test_metrics_tell_of_owners(stack: Stack, api: httpx.Client, deployment_id: str) -> None:
    """Every figure of owners is there, of each owner; those of a table are its parts added up."""
    table = create_table(api, deployment_id)
    stream(api, create_source(api, deployment_id, table), VALUES)
    samples = stack.metrics()
    mine = [name for name in stack.nodes.owners() if name.startswith(f"{deployment_id}.")]
    told = {sample.labels["owner"] for sample in samples if "owner" in sample.labels}
    assert set(mine) <= told
    for owner in mine:
        found = {s.name: s.value for s in samples if s.labels.get("owner") == owner}
        expected = {
            f"{figure.name}_total" if figure.only_rises else figure.name
            for figure in FIGURES
            if "owner" in figure.labels
        }
        # It may not have been time for a checkpoint.
        assert expected - found.keys() <= {"bitbrook_owner_checkpoints_total"}
        assert found["bitbrook_owner_lease_good"] == 1
        assert found["bitbrook_owner_answers"] == 1
        assert found["bitbrook_owner_memory_bytes"] > 1 << 20
        assert found["bitbrook_owner_queue_bytes"] == 0
        assert found["bitbrook_owner_tables_refusing"] == 0
    log_bytes = [s.value for s in samples if s.name == "bitbrook_owner_log_bytes"]
    assert sum(log_bytes) > 0
    owners = {s.name: s.value for s in samples if s.name.startswith("bitbrook_owners")}
    assert owners["bitbrook_owners"] >= len(mine) == 2
    assert owners["bitbrook_owners_lease_over"] == 0
    of_table = {s.name: s.value for s in samples if s.labels.get("table") == table}
    assert of_table["bitbrook_table_records"] == 50
    assert of_table["bitbrook_table_log_bytes"] > 0


def test_users_and_keys_are_the_same(
    stack: Stack, other: ServerProcess, api: httpx.Client, elsewhere: httpx.Client
) -> None:
    body = {"name": unique_name("key"), "scopes": ["query"]}
    made = api.post("/v1/api-keys", json=body).json()
    headers = {"X-API-Key": made["key"]}
    with other.client() as there, stack.server.client() as here:
        assert there.get("/v1/deployments", headers=headers).status_code == 200
        assert here.get("/v1/deployments", headers=headers).status_code == 200
        assert elsewhere.delete(f"/v1/api-keys/{made['id']}").is_success
        assert there.get("/v1/deployments", headers=headers).status_code == 401
        eventually(
            lambda: here.get("/v1/deployments", headers=headers).status_code == 401, timeout_s=5.0
        )


def test_a_shape_changes_under_load(stack: Stack, api: httpx.Client) -> None:
    created = api.post(
        "/v1/deployments",
        json={"name": unique_name("d"), "deployment_options": {"shape": "8GB"}},
    ).json()
    path = f"/v1/deployments/{created['id']}"
    eventually(lambda: api.get(path).json()["status"] == "RUNNING")
    before = stack.nodes.owners().keys()
    workload = Workload(api, created["id"], lambda: stack.server)
    with workload:
        workload.wait_for(5)
        answer = api.patch(path, json={"deployment_options": {"shape": SHAPE}})
        assert answer.json()["status"] == "UPDATING", answer.text
        eventually(lambda: api.get(path).json()["status"] == "RUNNING")
        shown = api.get(path).json()
        workload.wait_for(5)
    workload.check(api)
    assert shown["deployment_options"] == {"shape": SHAPE}
    assert "failure_reason" not in shown
    mine = [name for name in stack.nodes.owners() if name.startswith(created["id"])]
    assert len(mine) == 2
    assert not set(mine) & set(before)
    assert not workload.failures, workload.failures


def test_a_shape_that_is_not_to_be_had(api: httpx.Client) -> None:
    body = {"name": unique_name("d"), "deployment_options": {"shape": "2048GB"}}
    path = f"/v1/deployments/{api.post('/v1/deployments', json=body).json()['id']}"
    eventually(lambda: api.get(path).json()["status"] == "FAILED")
    assert "are not to be had of the cluster" in api.get(path).json()["failure_reason"]
    assert api.delete(path).status_code == 202


def test_the_quickstart_commands_run(stack: Stack) -> None:
    command = [sys.executable, "-m", "bitbrook.cli.main", "quickstart", "--once"]
    settings = {
        **stack.environment(),
        "BITBROOK_CATALOGUE": stack.postgres.create_database(),
        "BITBROOK_EMAIL": "quick@example.org",
        "BITBROOK_PASSWORD": "a password for the quickstart",
    }
    done = subprocess.run(
        command, env=settings, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Delete the deployment" in done.stdout
