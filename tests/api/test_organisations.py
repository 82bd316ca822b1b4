"""What belongs to another organisation does not exist.

Asks for every kind of thing of one organisation, by its right id and on every path, as another one.
"""

from collections.abc import Iterator

import httpx
import pytest

from api_client import create_deployment, create_source, create_table, stream
from bitbrook.control.service import Service
from bitbrook.settings import Settings
from server_process import EMAIL, PASSWORD, ServerProcess

OTHER = ("other@example.com", "the other password")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two organisations."""
    data = tmp_path_factory.mktemp("shared") / "data"
    settings = Settings(data=data, admin_email=EMAIL, admin_password=PASSWORD)
    with Service.open(settings) as service:
        service.users.create_organisation("Other", *OTHER)
    with ServerProcess(data) as server:
        yield server


def test_foreign_things_are_not_found(shared: ServerProcess) -> None:
    with (
        shared.client(shared.token()) as owner,
        shared.client(shared.token(*OTHER)) as foreigner,
    ):
        deployment_id = create_deployment(owner)
        table = create_table(owner, deployment_id)
        source_id = create_source(owner, deployment_id, table)
        stream(owner, source_id, [{"id": 1}])
        me = owner.get("/v1/users/me").json()["id"]
        api_key = owner.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}).json()["id"]
        invite = owner.post("/v1/invites", json={"email": "new@example.org"}).json()["id"]
        statement = {"language": "sql", "statement": f"select * from {table}"}
        source = {
            "name": "s",
            "sink_details": {"deployment_id": deployment_id, "table": table},
            "schema": {"id_field": "id", "definition": [{"name": "id", "type": "id"}]},
        }
        calls: list[tuple[str, str, object]] = [
            ("GET", f"/v1/deployments/{deployment_id}", None),
            ("GET", f"/v2/databases/{deployment_id}", None),
            ("DELETE", f"/v1/deployments/{deployment_id}", None),
            ("POST", f"/v1/deployments/{deployment_id}/query", statement),
            ("POST", f"/databases/{deployment_id}/sql", statement),
            ("GET", f"/v1/tables/{deployment_id}", None),
            ("POST", f"/v1/tables/{deployment_id}", {"name": "mine"}),
            ("GET", f"/v1/tables/{deployment_id}/{table}", None),
            ("DELETE", f"/v1/tables/{deployment_id}/{table}", None),
            ("POST", f"/v1/tables/{deployment_id}/{table}/fields/f", {"options": {}}),
            ("DELETE", f"/v1/tables/{deployment_id}/{table}/fields/species", None),
            ("POST", "/v1/sinks", source),
            ("GET", f"/v1/sinks/{source_id}", None),
            ("POST", f"/v1/sinks/{source_id}", {"records": [{"value": {"id": 2}}]}),
            ("DELETE", f"/v1/sinks/{source_id}", None),
            ("GET", f"/v1/sinks/{source_id}/errors", None),
            ("GET", f"/v1/sinks/{source_id}/metrics", None),
            ("GET", f"/v1/users/{me}", None),
            ("DELETE", f"/v1/users/{me}", None),
            ("POST", f"/v1/users/{me}/deactivate", None),
            ("PATCH", f"/v1/users/{me}", {"role": "user"}),
            ("DELETE", f"/v1/api-keys/{api_key}", None),
            ("DELETE", f"/v1/invites/{invite}", None),
        ]
        for method, path, body in calls:
            answer = foreigner.request(method, path, json=body)
            assert answer.status_code == 404, (method, path, answer.text)
        for path in ("/v1/deployments", "/v1/sinks", "/v1/api-keys", "/v1/invites"):
            assert list(foreigner.get(path).json().values()) == [[]]
        assert len(foreigner.get("/v1/users").json()["users"]) == 1
        check_untouched(owner, deployment_id, table)


def check_untouched(owner: httpx.Client, deployment_id: str, table: str) -> None:
    """Nothing that the foreigner tried had an effect."""
    shown = owner.get(f"/v1/tables/{deployment_id}/{table}").json()
    assert shown["record_count"] == 1
    assert [field["name"] for field in shown["fields"]] == ["amount", "species", "tags"]


def test_names_are_an_organisations_own(shared: ServerProcess) -> None:
    body = {"name": "same", "deployment_options": {"shape": "8GB"}}
    for who in ((EMAIL, PASSWORD), OTHER):
        with shared.client(shared.token(*who)) as client:
            assert client.post("/v1/deployments", json=body).status_code == 201
