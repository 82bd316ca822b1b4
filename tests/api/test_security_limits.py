"""Whoever asks for more than their share is told so, with the figure, and the others go on.

Reaches every quota on a server that has small ones: deployments, tables, fields, rows, users, keys,
requests a second; and looks that questions are answered where records are not taken any more. Keys
that sign tokens are changed under a server that runs.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import ask_sql, create_deployment, create_source, create_table, unique_name
from server_process import EMAIL, PASSWORD, ServerProcess
from two_organisations import NOBODY, join

LIMITS = {
    "deployments-max": "2",
    "tables-max": "2",
    "fields-max": "4",
    "rows-max": "50",
    "users-max": "4",
    "api-keys-max": "2",
}
WAIT_S = 30.0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The administrator of a server with small quotas."""
    flags = [part for name, text in LIMITS.items() for part in (f"--{name}", text)]
    data = tmp_path_factory.mktemp("small") / "data"
    with ServerProcess(data, *flags) as server, server.client(server.token()) as client:
        yield client


def check_refused(answer: httpx.Response, status: int, setting: str, figure: str) -> None:
    assert answer.status_code == status, answer.text
    message = answer.json()["message"]
    assert setting in message
    assert figure in message


def test_deployments_tables_and_fields(small: httpx.Client) -> None:
    first = create_deployment(small)
    create_deployment(small)
    body = {"name": unique_name("d"), "deployment_options": {"shape": "8GB"}}
    check_refused(small.post("/v1/deployments", json=body), 429, "deployments_max", "2")
    table = create_table(small, first)
    create_table(small, first)
    answer = small.post(f"/v1/tables/{first}", json={"name": unique_name("t")})
    check_refused(answer, 429, "tables_max", "2")
    # The same by a statement.
    statement = {"language": "sql", "statement": "create table more (_id id, n int)"}
    answer = small.post(f"/v1/deployments/{first}/query", json=statement)
    assert answer.status_code == 429
    assert "tables_max" in answer.text
    path = f"/v1/tables/{first}/{table}/fields"
    for name in ("a", "b", "c", "d"):
        small.post(f"{path}/{name}", json={"options": {"type": "int"}}).raise_for_status()
    check_refused(
        small.post(f"{path}/e", json={"options": {"type": "int"}}), 413, "fields_max", "4"
    )
    wide = [{"name": "id", "path": ["id"], "type": "id"}]
    wide += [{"name": f"f{n}", "path": [f"f{n}"], "type": "int"} for n in range(5)]
    source = {
        "name": unique_name("s"),
        "sink_details": {"deployment_id": first, "table": table},
        "schema": {"id_field": "id", "definition": wide},
    }
    check_refused(small.post("/v1/sinks", json=source), 413, "fields_max", "4")
    small.delete(f"{path}/d").raise_for_status()
    small.post(f"{path}/e", json={"options": {"type": "int"}}).raise_for_status()


def test_rows(small: httpx.Client) -> None:
    deployments = small.get("/v1/deployments").json()["deployments"]
    deployment_id = deployments[-1]["id"] if deployments else create_deployment(small)
    table = create_table(small, deployment_id)
    source_id = create_source(small, deployment_id, table)
    statuses = []
    number = 0
    deadline = time.monotonic() + WAIT_S
    while True:
        records = [{"value": {"id": n, "tags": [f"t{n}"]}} for n in range(number, number + 20)]
        answer = small.post(f"/v1/sinks/{source_id}", json={"records": records})
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            break
        number += 20
        assert time.monotonic() < deadline, statuses
        time.sleep(0.5)
    check_refused(answer, 507, "rows_max", "50")
    assert answer.json()["error"]["code"] == "RowsExceeded"
    assert answer.json()["error"]["field"] == "tags"
    # Questions go on, and nothing of what was refused is there; inserting is refused alike.
    assert ask_sql(small, deployment_id, f"select count(*) from {table}") == [[number]]
    statement = f"insert into {table} (_id, tags) values (9999, ['z'])"
    body = {"language": "sql", "statement": statement}
    answer = small.post(f"/v1/deployments/{deployment_id}/query", json=body)
    assert answer.status_code == 507, answer.text


def test_users_and_keys(small: httpx.Client) -> None:
    join(small, "one@example.org")
    for email in ("two@example.org", "three@example.org"):
        small.post("/v1/invites", json={"email": email}).raise_for_status()
    answer = small.post("/v1/invites", json={"email": "four@example.org"})
    check_refused(answer, 429, "users_max", "4")
    body = {"name": "k", "scopes": ["query"]}
    kept = [small.post("/v1/api-keys", json=body).json()["id"] for _ in range(2)]
    check_refused(small.post("/v1/api-keys", json=body), 429, "api_keys_max", "2")
    small.delete(f"/v1/api-keys/{kept[0]}").raise_for_status()
    assert small.post("/v1/api-keys", json=body).status_code == 201


def test_a_user_who_sends_too_much_waits_and_others_do_not(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--user-requests-per-s", "20") as server:
        admin = server.client(server.token())
        other = server.client(join(admin, "other@example.org")[1])
        key = admin.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}).json()["key"]
        with_key = httpx.Client(base_url=server.url, headers={"X-API-Key": key})
        refusal = until_refused(admin)
        assert int(refusal.headers["retry-after"]) >= 1
        assert refusal.headers["ratelimit-limit"] == "20"
        assert refusal.headers["ratelimit-remaining"] == "0"
        assert int(refusal.headers["ratelimit-reset"]) >= 1
        assert "20" in refusal.json()["message"]
        # Another credential of the same user is no way round; another user is not concerned.
        until_refused(with_key)
        answer = other.get("/v1/deployments")
        assert answer.status_code == 200
        assert int(answer.headers["ratelimit-remaining"]) < 20
        assert answer.headers.get_list("ratelimit-limit") == ["20"]
        # Statements and records count alike.
        until_refused(other, "POST", "/sql")
        time.sleep(1.2)
        assert admin.get("/v1/deployments").status_code == 200
        # Without credentials there is nobody to count for; the probes go on.
        for _ in range(60):
            assert httpx.get(f"{server.url}/healthz").status_code == 200
        for client in (admin, other, with_key):
            client.close()


def until_refused(client: httpx.Client, method: str = "GET", path: str = "/v1/deployments") -> Any:
    """The first answer that says that it was too much."""
    for _ in range(400):
        answer = client.request(method, path, content=b"" if method == "GET" else b"select 1")
        if answer.status_code == 429:
            return answer
        assert answer.status_code in {200, 409}, answer.text
    raise AssertionError("nothing was refused")


def bitbrook(*arguments: str) -> str:
    command = [sys.executable, "-m", "bitbrook.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def key_ids(server: ServerProcess) -> list[str]:
    keys = httpx.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
    return [each["kid"] for each in keys]


def until_keys(server: ServerProcess, count: int, *, without: str = "") -> list[str]:
    deadline = time.monotonic() + WAIT_S
    while len(found := key_ids(server)) != count or without in found:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def head_of(token: str) -> dict[str, Any]:
    import base64

    part = token.partition(".")[0]
    head: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return head


def test_signing_keys_rotate_with_overlap(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        old = server.token()
        [first] = key_ids(server)
        assert "told to take it" in bitbrook("keys", "rotate", str(data))
        both = until_keys(server, 2)
        new = server.token()
        assert head_of(old)["kid"] == first
        assert head_of(new)["kid"] == next(each for each in both if each != first)
        for token in (old, new):
            with server.client(token) as client:
                assert client.get("/v1/users/me").status_code == 200
        # Both are still good after a restart.
        assert server.stop() == 0
    with ServerProcess(data) as server:
        for token in (old, new):
            with server.client(token) as client:
                assert client.get("/v1/users/me").status_code == 200
        body = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
        session = httpx.post(server.url, json=body).json()["AuthenticationResult"]
        bitbrook("keys", "rotate", "--revoke", str(data))
        until_keys(server, 1, without=first)
        for token in (old, new, session["IdToken"]):
            with server.client(token) as client:
                assert client.get("/v1/users/me").status_code == 401
        parameters = {"REFRESH_TOKEN": session["RefreshToken"]}
        body = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters}  # type: ignore[dict-item]
        answer = httpx.post(server.url, json=body, headers=NOBODY)
        assert answer.status_code == 200


def test_signing_keys_rotate_by_age_and_go_with_their_tokens(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, "--signing-key-age-s", "1", "--token-ttl-s", "60") as server:
        first = server.token()
        time.sleep(1.1)
        second = server.token()
        assert head_of(first)["kid"] != head_of(second)["kid"]
        assert set(key_ids(server)) >= {head_of(first)["kid"], head_of(second)["kid"]}
        with server.client(first) as client:
            assert client.get("/v1/users/me").status_code == 200
