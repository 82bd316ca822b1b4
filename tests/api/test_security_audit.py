"""Who did what to what stands in the audit log, refusals included, for administrators alone.

Does and tries things as several people, keys and strangers, then reads the log by filter, page by
page and as NDJSON; kills the server right after a change, which must be in the log as it is in the
catalogue; and overfills a log that is bounded.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import create_deployment, create_source, create_table, stream
from server_process import EMAIL, PASSWORD, ServerProcess
from two_organisations import NOBODY, OTHER, join, make_directory

WAIT_S = 20.0


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two organisations."""
    data = tmp_path_factory.mktemp("audited") / "data"
    make_directory(data)
    with ServerProcess(data) as server:
        yield server


@pytest.fixture(scope="module")
def admin(audited: ServerProcess) -> Iterator[httpx.Client]:
    with audited.client(audited.token()) as client:
        yield client


def entries(admin: httpx.Client, count: int = 1, **filters: Any) -> list[dict[str, Any]]:
    """The entries that match, once there are so many."""
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = admin.get("/v1/audit", params=filters)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["entries"]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, (filters, found)
        time.sleep(0.05)


def test_a_change_says_who_what_where_and_when(admin: httpx.Client) -> None:
    before = time.time()
    body = {"name": "audited", "deployment_options": {"shape": "8GB"}}
    answer = admin.post("/v1/deployments", json=body, headers={"X-Request-Id": "r-42"})
    me = admin.get("/v1/users/me").json()["id"]
    [entry] = entries(admin, action="create_deployment", resource="/v1/deployments")
    assert entry["user_id"] == me
    assert entry["user"] == EMAIL
    assert entry["outcome"] == "done"
    assert entry["address"] == "127.0.0.1"
    assert entry["request_id"] == answer.headers["x-request-id"] == "r-42"
    assert "api_key_id" not in entry
    assert (
        before - 5
        < time.mktime(time.strptime(entry["at"][:19], "%Y-%m-%dT%H:%M:%S")) - (time.timezone)
        < time.time() + 5
    )


def test_refusals_are_kept(audited: ServerProcess, admin: httpx.Client) -> None:
    deployment_id = create_deployment(admin)
    _, user = join(admin, "ann@example.org")
    key = admin.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}).json()
    with audited.client(user) as client:
        assert client.get("/v1/users").status_code == 403
        assert client.delete("/v1/deployments/none").status_code == 404
    with httpx.Client(base_url=audited.url, headers={"X-API-Key": key["key"]}) as client:
        assert client.delete(f"/v1/deployments/{deployment_id}").status_code == 403
    [seen] = entries(admin, user="ann@example.org", action="list_users")
    assert (seen["outcome"], seen["status"]) == ("refused", 403)
    [seen] = entries(admin, user="ann@example.org", action="delete_deployment")
    assert (seen["outcome"], seen["status"]) == ("refused", 404)
    [seen] = entries(admin, action="delete_deployment", resource=deployment_id)
    assert seen["api_key_id"] == key["id"]
    # Sign-ins that fail: for somebody, and for nobody.
    for who in ("ann@example.org", "nobody@example.org"):
        body = {"USERNAME": who, "PASSWORD": "wrong"}
        assert admin.post("/", json=body, headers=NOBODY).status_code == 401
        [seen] = entries(admin, user=who, action="sign_in", outcome="refused")
        assert seen["status"] == 401
    # And what comes without anything.
    assert admin.get("/v1/users", headers=NOBODY).status_code == 401
    assert admin.post("/sql", headers=NOBODY, content="select 1").status_code == 401
    assert entries(admin, action="run_statement", outcome="refused")[0]["status"] == 401


def test_statements_that_change_definitions_are_kept_and_others_are_not(
    admin: httpx.Client,
) -> None:
    deployment_id = create_deployment(admin)
    source_id = create_source(admin, deployment_id, create_table(admin, deployment_id))
    stream(admin, source_id, [{"id": 1}])
    path = f"/v1/deployments/{deployment_id}/query"
    for text in ("create table made (_id id, n int)", "select count(*) from made"):
        body = {"language": "sql", "statement": text}
        assert admin.post(path, json=body).status_code == 200
    entries(admin, action="create_source")
    time.sleep(0.3)
    assert len(entries(admin, action="run_statement", resource=deployment_id)) == 1
    assert entries(admin, 0, action="send_records", resource=source_id) == []


def test_pages_and_export(admin: httpx.Client) -> None:
    for _ in range(5):
        assert admin.delete("/v1/api-keys/none").status_code == 404
    everything = entries(admin, 5, action="revoke_api_key")
    paged: list[dict[str, Any]] = []
    before: str | None = None
    while True:
        params: dict[str, Any] = {"action": "revoke_api_key", "limit": 2}
        page = admin.get("/v1/audit", params=params | ({"before": before} if before else {})).json()
        paged += page["entries"]
        before = page.get("next")
        if before is None:
            break
    assert paged == everything
    assert [each["id"] for each in paged] == sorted((e["id"] for e in paged), reverse=True)
    answer = admin.get("/v1/audit/export", params={"action": "revoke_api_key"})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == everything
    moment = everything[2]["at"]
    later = entries(admin, 0, action="revoke_api_key", since=moment)
    earlier = entries(admin, 0, action="revoke_api_key", until=moment)
    assert later + earlier == everything
    assert len(later) == 3


@pytest.mark.parametrize(
    "params",
    [{"outcome": "perhaps"}, {"since": "yesterday"}, {"until": "99999-01-01"}, {"limit": 0}],
)
def test_filters_that_cannot_be(admin: httpx.Client, params: dict[str, Any]) -> None:
    assert admin.get("/v1/audit", params=params).status_code in {400, 422}


def test_it_is_each_organisations_own(audited: ServerProcess, admin: httpx.Client) -> None:
    with audited.client(audited.token(*OTHER)) as other:
        assert other.delete("/v1/deployments/none").status_code == 404
        seen = entries(other, 2)
        assert {each.get("user") for each in seen} == {OTHER[0]}
        # What nobody known tried is seen by the operator's organisation.
        assert all(each.get("user_id") for each in seen)
    assert not [each for each in entries(admin, limit=1000) if each.get("user") == OTHER[0]]
    user = audited.client(join(admin, "reader@example.org")[1])
    for path in ("/v1/audit", "/v1/audit/export"):
        assert user.get(path).status_code == 403
    user.close()


def test_a_change_and_its_entry_are_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with server.client(server.token()) as client:
            made = client.post("/v1/api-keys", json={"name": "last", "scopes": ["query"]})
            assert made.status_code == 201
        server.kill()
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as client:
        assert len(client.get("/v1/api-keys").json()["api_keys"]) == 1
        assert entries(client, action="create_api_key")[0]["user"] == EMAIL


def test_guessing_does_not_flood_the_log_of_changes(tmp_path: Path) -> None:
    # Kept small and trimmed at a start: what is refused makes no room for itself among changes.
    with ServerProcess(tmp_path / "data", "--audit-entries-max", "10") as server:
        with server.client(server.token()) as client:
            for number in range(3):
                body = {"name": f"k{number}", "scopes": ["query"]}
                client.post("/v1/api-keys", json=body).raise_for_status()
            for _ in range(40):
                client.delete("/v1/api-keys/none")
            entries(client, 40, action="revoke_api_key")
        assert server.stop() == 0
    with (
        ServerProcess(tmp_path / "data", "--audit-entries-max", "10") as server,
        server.client(server.token()) as client,
    ):
        deadline = time.monotonic() + WAIT_S
        while len(entries(client, 0, action="revoke_api_key")) > 10:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(entries(client, 3, action="create_api_key")) == 3


def test_password_resets(audited: ServerProcess, admin: httpx.Client) -> None:
    user_id, token = join(admin, "forgetful@example.org")
    first = admin.post(f"/v1/users/{user_id}/password-reset").json()
    second = admin.post(f"/v1/users/{user_id}/password-reset").json()
    assert second["link"].endswith(f"#password-reset={second['token']}")
    new = "a password that is new"

    def reset(text: str) -> int:
        body = {"token": text, "password": new}
        return admin.post("/v1/password-reset", json=body, headers=NOBODY).status_code

    # The later one voids the earlier one; each is good once; too short changes nothing.
    assert reset(first["token"]) == 404
    short = {"token": second["token"], "password": "short"}
    assert admin.post("/v1/password-reset", json=short, headers=NOBODY).status_code == 422
    with audited.client(token) as user:
        assert user.get("/v1/users/me").status_code == 200
        assert reset(second["token"]) == 204
        assert user.get("/v1/users/me").status_code == 401
        assert reset(second["token"]) == 404
    assert audited.token("forgetful@example.org", new)
    body = {"USERNAME": "forgetful@example.org", "PASSWORD": PASSWORD}
    assert admin.post("/", json=body, headers=NOBODY).status_code == 401
    [entry] = entries(admin, action="reset_password", outcome="done")
    assert entry["user"] == "forgetful@example.org"
