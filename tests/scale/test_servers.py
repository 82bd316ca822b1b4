"""Several servers in front of the same owners are one service, and a deployment grows under load.

What one server creates, alters and drops the other one has at once or half a second later; a key
that one took the other answers; users, sessions and deployments are the same. A deployment's shape
changes while clients write and read. The quickstart's commands run unchanged.
"""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from api_client import ask_pql, ask_sql, create_source, create_table, stream, unique_name
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
