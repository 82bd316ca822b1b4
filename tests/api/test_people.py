"""People and programs get exactly the rights they were given, and lose them at once.

Invites, deactivates and reactivates users, and tries every kind of API key on what it is not for.
"""

import httpx
import pytest

from api_client import create_deployment, create_source, create_table, stream, unique_name
from server_process import ServerProcess

USER_PASSWORD = "another password"


def invite(api: httpx.Client, anonymous: httpx.Client, role: str = "user") -> tuple[str, str]:
    """Return the id and e-mail address of a new user."""
    email = f"{unique_name('user')}@example.org"
    answer = api.post("/v1/invites", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    assert answer.json()["link"].endswith(f"/#invite={token}")
    accepted = anonymous.post(
        "/v1/invites/accept", json={"token": token, "password": USER_PASSWORD}
    )
    assert accepted.status_code == 201, accepted.text
    assert (accepted.json()["email"], accepted.json()["role"]) == (email, role)
    # A token is good once.
    again = anonymous.post("/v1/invites/accept", json={"token": token, "password": USER_PASSWORD})
    assert again.status_code == 404
    return accepted.json()["id"], email


def test_users_come_and_are_shut_out(
    api: httpx.Client, anonymous: httpx.Client, server: ServerProcess
) -> None:
    user_id, email = invite(api, anonymous)
    listed = {user["email"]: user for user in api.get("/v1/users").json()["users"]}
    assert listed[email]["status"] == "active"
    with server.client(server.token(email, USER_PASSWORD)) as user:
        assert user.get("/v1/users/me").json()["id"] == user_id
        assert user.get("/v1/users").status_code == 403
        assert user.post("/v1/invites", json={"email": "x@example.org"}).status_code == 403
        assert user.get("/v1/deployments").status_code == 200
        answer = api.post(f"/v1/users/{user_id}/deactivate")
        assert (answer.status_code, answer.json()["status"]) == (200, "deactivated")
        refused = user.get("/v1/deployments")
        assert refused.status_code == 401
        assert "deactivated" in refused.json()["message"]
        signed_in = anonymous.post("/", json={"USERNAME": email, "PASSWORD": USER_PASSWORD})
        assert signed_in.status_code == 401
    assert api.post(f"/v1/users/{user_id}/activate").json()["status"] == "active"
    server.token(email, USER_PASSWORD)
    assert api.patch(f"/v1/users/{user_id}", json={"role": "admin"}).json()["role"] == "admin"
    assert api.delete(f"/v1/users/{user_id}").json()["status"] == "left"
    assert api.get("/v1/users/none").status_code == 404


def test_the_last_administrator_stays(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("alone") / "data"
    with ServerProcess(data) as server, server.client(server.token()) as api:
        me = api.get("/v1/users/me").json()["id"]
        for answer in (
            api.post(f"/v1/users/{me}/deactivate"),
            api.delete(f"/v1/users/{me}"),
            api.patch(f"/v1/users/{me}", json={"role": "user"}),
        ):
            assert answer.status_code == 409, answer.text


def test_invites_are_listed_and_revoked(api: httpx.Client, anonymous: httpx.Client) -> None:
    email = f"{unique_name('guest')}@example.org"
    made = api.post("/v1/invites", json={"email": email}).json()
    listed = {each["id"]: each for each in api.get("/v1/invites").json()["invites"]}
    assert listed[made["id"]]["email"] == email
    assert "token" not in listed[made["id"]]
    assert api.delete(f"/v1/invites/{made['id']}").status_code == 204
    body = {"token": made["token"], "password": USER_PASSWORD}
    assert anonymous.post("/v1/invites/accept", json=body).status_code == 404
    assert api.post("/v1/invites", json={"email": "no address"}).status_code == 422
    taken = api.post("/v1/invites", json={"email": "admin@example.org"})
    assert taken.status_code == 409


def test_changing_a_password(
    api: httpx.Client, anonymous: httpx.Client, server: ServerProcess
) -> None:
    _, email = invite(api, anonymous)
    with (
        server.client(server.token(email, USER_PASSWORD)) as here,
        server.client(server.token(email, USER_PASSWORD)) as elsewhere,
    ):
        path = "/v1/users/me/password"
        wrong = here.post(path, json={"old_password": "x" * 10, "new_password": "y" * 10})
        assert wrong.status_code == 403
        short = here.post(path, json={"old_password": USER_PASSWORD, "new_password": "y"})
        assert short.status_code == 422
        body = {"old_password": USER_PASSWORD, "new_password": "a third password"}
        assert here.post(path, json=body).status_code == 204
        assert here.get("/v1/users/me").status_code == 200
        assert elsewhere.get("/v1/users/me").status_code == 401
    server.token(email, "a third password")


def test_api_keys_do_what_they_are_for(
    api: httpx.Client, server: ServerProcess, deployment_id: str, table: str, source_id: str
) -> None:
    def key(**options: object) -> httpx.Client:
        answer = api.post("/v1/api-keys", json={"name": unique_name("key"), **options})
        assert answer.status_code == 201, answer.text
        client = server.client()
        client.headers["X-API-Key"] = answer.json()["key"]
        return client

    other_deployment = create_deployment(api)
    other_source = create_source(api, other_deployment, create_table(api, other_deployment))
    body = {"records": [{"value": {"id": 1}}]}
    sql = {"language": "sql", "statement": f"select count(*) from {table}"}
    query = f"/v1/deployments/{deployment_id}/query"
    with key(scopes=["ingest"]) as writer:
        assert writer.post(f"/v1/sinks/{source_id}", json=body).status_code == 200
        assert writer.post(query, json=sql).status_code == 403
    with key(scopes=["query"]) as reader:
        assert reader.post(query, json=sql).json()["data"] == [[1]]
        assert reader.post(f"/v1/sinks/{source_id}", json=body).status_code == 403
        assert reader.get("/v1/deployments").status_code == 200
        assert reader.delete(f"/v1/deployments/{deployment_id}").status_code == 403
        write = {"language": "pql", "statement": f"[{table}]Delete(All())"}
        assert reader.post(query, json=write).status_code == 403
    with key(scopes=["ingest"], source_id=source_id) as bound:
        assert bound.post(f"/v1/sinks/{source_id}", json=body).status_code == 200
        assert bound.post(f"/v1/sinks/{other_source}", json=body).status_code == 403
    with key(scopes=["query"], deployment_id=deployment_id) as bound:
        assert bound.post(query, json=sql).status_code == 200
        other = f"/v1/deployments/{other_deployment}/query"
        assert bound.post(other, json=sql).status_code == 403


def test_api_keys_are_listed_without_the_key_and_revoked(
    api: httpx.Client, anonymous: httpx.Client, source_id: str
) -> None:
    made = api.post("/v1/api-keys", json={"name": "mine", "scopes": ["query"]}).json()
    listed = {each["id"]: each for each in api.get("/v1/api-keys").json()["api_keys"]}
    assert listed[made["id"]]["name"] == "mine"
    assert made["key"].startswith(listed[made["id"]]["prefix"])
    assert made["key"] not in str(listed)
    headers = {"X-API-Key": made["key"]}
    assert anonymous.get("/v1/deployments", headers=headers).status_code == 200
    assert api.delete(f"/v1/api-keys/{made['id']}").status_code == 204
    assert anonymous.get("/v1/deployments", headers=headers).status_code == 401
    assert api.delete(f"/v1/api-keys/{made['id']}").status_code == 404
    for body in ({"name": "x", "scopes": ["all"]}, {"name": "x"}, {"scopes": ["query"]}):
        assert api.post("/v1/api-keys", json=body).status_code == 400
    both = {"name": "x", "scopes": ["query"], "source_id": source_id, "deployment_id": "d"}
    assert api.post("/v1/api-keys", json=both).status_code == 422


def test_streams_of_users_reach_only_what_is_theirs(
    api: httpx.Client, anonymous: httpx.Client, server: ServerProcess, source_id: str
) -> None:
    _, email = invite(api, anonymous)
    with server.client(server.token(email, USER_PASSWORD)) as user:
        assert stream(user, source_id, [{"id": 1}])["success_count"] == 1
