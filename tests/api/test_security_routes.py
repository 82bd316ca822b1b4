"""Every route asks for what it declares, and whose a thing is decides before anything else.

Walks the description that the server gives of itself: a route without a declared permission fails;
every other one is tried with each kind of bad credential, with keys of too narrow a scope, and by
the administrator of another organisation, who must see 404 for every id that is not theirs and
nothing but their own in every list. Afterwards all that was tried has changed nothing.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from api_client import SCHEMA, unique_name
from bitbrook.auth.policy import RIGHTS_OF_SCOPE, Right, Scope
from server_process import ServerProcess
from two_organisations import NOBODY, OTHER, Things, bad_credentials, make_directory, make_things

OPEN_ROUTES = {
    ("post", "/"),
    ("get", "/.well-known/jwks.json"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("post", "/sign-out"),
    ("post", "/invites/accept"),
    ("post", "/password-reset"),
    ("get", "/sign-in-options"),
    ("get", "/oidc/login"),
    ("get", "/oidc/callback"),
    ("post", "/oidc/tokens"),
    ("post", "/sinks/{source_id}/webhook"),
}
"""Every route that may answer without credentials; another one has to be thought about."""

PERMISSIONS = {"open", "signed-in", *Right}


class Operation(NamedTuple):
    """A route as the server describes it."""

    method: str
    path: str
    permission: str

    @property
    def unversioned(self) -> str:
        return self.path.removeprefix("/v1").removeprefix("/v2")

    def url(self, ids: dict[str, str]) -> str:
        return self.path.format_map(ids)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two organisations."""
    data = tmp_path_factory.mktemp("routes") / "data"
    make_directory(data)
    with ServerProcess(data) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture(scope="module")
def owner(shared: ServerProcess) -> Iterator[httpx.Client]:
    """The administrator of the first organisation."""
    with shared.client(shared.token()) as client:
        yield client


@pytest.fixture(scope="module")
def things(owner: httpx.Client) -> Things:
    return make_things(owner)


@pytest.fixture(scope="module")
def operations(owner: httpx.Client) -> list[Operation]:
    """Every route, by the description that anybody can read."""
    paths = owner.get("/openapi.json").json()["paths"]
    return [
        Operation(method, path, operation.get("x-permission", ""))
        for path, item in paths.items()
        for method, operation in item.items()
    ]


@pytest.fixture(scope="module")
def closed(operations: list[Operation]) -> list[Operation]:
    """Those that ask who calls."""
    return [each for each in operations if each.permission != "open"]


def test_every_route_declares_a_permission(operations: list[Operation]) -> None:
    assert len(operations) > 100
    undeclared = [each for each in operations if each.permission not in PERMISSIONS]
    assert not undeclared
    found = {(each.method, each.unversioned) for each in operations if each.permission == "open"}
    assert found == OPEN_ROUTES
    # Those that carry the load stand ahead of the framework and are described by hand.
    hot = {(each.path, each.permission) for each in operations}
    assert ("/v1/sinks/{source_id}", "ingest") in hot
    assert ("/sql", "query") in hot


def test_bad_credentials_open_nothing(
    shared: ServerProcess, owner: httpx.Client, things: Things, closed: list[Operation]
) -> None:
    credentials = bad_credentials(shared, owner)
    assert len(credentials) == 15
    ids = things.ids | {"query_id": "0" * 16, "saved_query_id": "x"}
    let_in = []
    with httpx.Client(base_url=shared.url, timeout=60) as client:
        for what, headers in credentials.items():
            for each in closed:
                answer = client.request(each.method, each.url(Missing(ids)), headers=headers)
                if answer.status_code != 401 or answer.headers["www-authenticate"] != "Bearer":
                    let_in.append((what, each, answer.status_code, answer.text[:200]))
    assert not let_in
    check_untouched(owner, things)


def test_a_key_does_what_its_scope_is_for_and_no_more(
    shared: ServerProcess, owner: httpx.Client, things: Things, closed: list[Operation]
) -> None:
    for scope in (Scope.QUERY, Scope.INGEST, Scope.ENDPOINT):
        key = owner.post("/v1/api-keys", json={"name": scope, "scopes": [scope]}).json()["key"]
        refused = 0
        with httpx.Client(base_url=shared.url, headers={"X-API-Key": key}, timeout=60) as client:
            for each in closed:
                if each.permission in {"signed-in", *RIGHTS_OF_SCOPE[scope]}:
                    continue
                body = body_for(each, things)
                url = each.url(Missing(things.ids))
                answer = client.request(each.method, url, json=body)
                assert answer.status_code == 403, (scope, each, answer.text)
                refused += 1
        assert refused > 50
    check_untouched(owner, things)


def test_a_user_is_no_administrator(
    shared: ServerProcess, things: Things, closed: list[Operation]
) -> None:
    with shared.client(shared.token("ann@example.org")) as user:
        for each in closed:
            if each.permission == Right.ADMIN:
                answer = user.request(
                    each.method, each.url(Missing(things.ids)), json=body_for(each, things)
                )
                assert answer.status_code == 403, (each, answer.text)


def test_another_organisations_ids_do_not_exist(
    shared: ServerProcess, owner: httpx.Client, things: Things, closed: list[Operation]
) -> None:
    with shared.client(shared.token(*OTHER)) as foreigner:
        tried = 0
        for each in closed:
            if "{" not in each.path:
                continue
            answer = foreigner.request(
                each.method, each.url(Missing(things.ids)), json=body_for(each, things)
            )
            assert answer.status_code == 404, (each, answer.status_code, answer.text)
            tried += 1
        assert tried > 60
        # What names a thing in its body instead of its path.
        ids = things.ids
        sink = {"deployment_id": ids["deployment_id"], "table": things.table}
        for path, body in (
            ("/v1/sinks", {"name": "mine", "sink_details": sink, "schema": SCHEMA}),
            ("/v1/schema-checks", sink | {"schema": SCHEMA}),
            (
                "/v1/api-keys",
                {"name": "n", "scopes": ["query"], "deployment_id": ids["deployment_id"]},
            ),
            ("/v1/api-keys", {"name": "n", "scopes": ["ingest"], "source_id": ids["source_id"]}),
            (
                "/v1/api-keys",
                {"name": "n", "scopes": ["endpoint"], "endpoints": [ids["endpoint_name"]]},
            ),
            (
                "/v1/endpoints",
                {"name": "e", "deployment_id": ids["deployment_id"], "statement": "select 1"},
            ),
        ):
            assert foreigner.post(path, json=body).status_code == 404, path
        for path in (
            "/v1/deployments",
            "/v1/sinks",
            "/v1/api-keys",
            "/v1/invites",
            "/v1/queries",
            "/v1/endpoints",
        ):
            assert list(foreigner.get(path).json().values()) == [[]], path
        assert [each["email"] for each in foreigner.get("/v1/users").json()["users"]] == [OTHER[0]]
        shown = foreigner.get("/v1/audit/export").text
        assert OTHER[0] in shown
        assert "ann@example.org" not in shown
    check_untouched(owner, things)


def test_bound_keys_reach_what_they_are_bound_to(
    shared: ServerProcess, owner: httpx.Client, things: Things
) -> None:
    elsewhere = make_other(owner)
    body = {"name": "bound", "scopes": ["admin"], "deployment_id": elsewhere}
    key = owner.post("/v1/api-keys", json=body).json()["key"]
    with httpx.Client(base_url=shared.url, headers={"X-API-Key": key}) as bound:
        assert bound.get(f"/v1/deployments/{elsewhere}").status_code == 200
        for path in (
            f"/v1/deployments/{things.ids['deployment_id']}",
            f"/v1/tables/{things.ids['deployment_id']}",
            f"/v1/sinks/{things.ids['source_id']}",
            "/v1/users",
            "/v1/audit",
        ):
            assert bound.get(path).status_code == 403, path


def make_other(owner: httpx.Client) -> str:
    """Another deployment of the owner's."""
    body = {"name": unique_name("d"), "deployment_options": {"shape": "8GB"}}
    deployment_id: str = owner.post("/v1/deployments", json=body).json()["id"]
    return deployment_id


def check_untouched(owner: httpx.Client, things: Things) -> None:
    """Nothing that was tried had an effect."""
    shown = owner.get(f"/v1/tables/{things.ids['deployment_id']}/{things.table}").json()
    assert shown["record_count"] == 1
    assert [field["name"] for field in shown["fields"]] == ["amount", "species", "tags"]
    assert owner.get(f"/v1/sinks/{things.ids['source_id']}").json()["status"] == "RUNNING"
    users = {each["id"]: each for each in owner.get("/v1/users").json()["users"]}
    assert users[things.ids["user_id"]]["status"] == "active"
    assert users[things.admin_id]["role"] == "admin"
    assert any(
        each["id"] == things.ids["api_key_id"]
        for each in owner.get("/v1/api-keys").json()["api_keys"]
    )
    assert len(owner.get("/v1/invites").json()["invites"]) == 1
    (endpoint,) = owner.get("/v1/endpoints").json()["endpoints"]
    assert (endpoint["tags"], len(endpoint["versions"])) == ({"live": 1}, 1)


class Missing(dict[str, str]):
    """Ids by the names of path parameters; of what nobody made, one that looks like an id."""

    def __missing__(self, _name: str) -> str:
        return "0" * 24


def body_for(operation: Operation, things: Things) -> Any:
    """A body that a route would take from somebody who may."""
    statement = {"language": "sql", "statement": f"select * from {things.table}"}
    bodies: dict[str, Any] = {
        "/deployments": {"name": "mine", "deployment_options": {"shape": "8GB"}},
        "/databases": {"name": "mine", "database_options": {"shape": "8GB"}},
        "/deployments/{deployment_id}": {"deployment_options": {"shape": "8GB"}},
        "/databases/{deployment_id}": {"database_options": {"shape": "8GB"}},
        "/tables/{deployment_id}": {"name": "mine"},
        "/tables/{deployment_id}/{table}/fields/{field}": {"options": {"type": "int"}},
        "/sinks": {
            "name": "mine",
            "sink_details": {"deployment_id": things.ids["deployment_id"], "table": things.table},
            "schema": SCHEMA,
        },
        "/schema-checks": {
            "deployment_id": things.ids["deployment_id"],
            "table": things.table,
            "schema": SCHEMA,
        },
        "/sinks/{source_id}/webhook": {"provider": "github", "secret": "a secret of ours"},
        "/users/{user_id}": {"role": "admin"},
        "/invites": {"email": "mine@example.net"},
        "/api-keys": {"name": "mine", "scopes": ["query"]},
        "/endpoints": {
            "name": "mine",
            "deployment_id": things.ids["deployment_id"],
            "statement": "select 1",
        },
        "/endpoints/{endpoint_name}/versions": {"statement": "select 2"},
        "/endpoints/{endpoint_name}/tags/{tag}": {"version": 1},
    }
    if operation.method == "post" and operation.path.endswith("{source_id}"):
        return {"records": [{"value": {"id": 2}}]}
    if operation.path.endswith("/query") or operation.path.endswith("sql"):
        return statement
    if operation.method == "patch" and "{source_id}" in operation.path:
        return {}
    if operation.method in {"post", "patch", "put"}:
        return bodies.get(operation.unversioned, {})
    return None


def test_nobody_at_all_is_told_nothing_but_that(shared: ServerProcess) -> None:
    with httpx.Client(base_url=shared.url, headers=NOBODY) as client:
        for path in ("/v1/deployments/000", "/v1/users", "/v1/nothing-like-it"):
            answer = client.get(path)
            assert answer.status_code in {401, 404}
            assert "First" not in answer.text
