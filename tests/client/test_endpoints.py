"""Endpoints from the SDK and from the command line: published, called, moved and deleted.

Calls with values of every Python type, in both clients and both forms; what the server refuses is
the error that it is. The command is typed as a person would, and says why where it cannot.
"""

import asyncio
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from api_client import unique_name
from bitbrook.client import (
    AsyncClient,
    Client,
    ConfigurationError,
    Deployment,
    EndpointParameter,
    InvalidRequest,
    InvalidValue,
    NotAllowed,
    NotFound,
)
from command import run
from server_process import EMAIL, PASSWORD, ServerProcess


@pytest.fixture
def stocked(deployment: Deployment) -> Deployment:
    deployment.sql(
        "create table pets (_id id, name string, age int, weight decimal(2), born timestamp)"
    )
    deployment.sql(
        "insert into pets values (1, 'Rex', 3, 30.5, '2020-01-01'), "
        "(2, 'Mia', 12, 4.25, '2024-05-06')"
    )
    return deployment


def test_published_called_and_deleted(client: Client, stocked: Deployment) -> None:
    name = unique_name("pets")
    made = client.endpoints.publish(
        name,
        "select name from pets where age > $age and weight in ($weights) and born < $at",
        stocked,
        parameters=[
            EndpointParameter("age", "int", default=0),
            EndpointParameter("weights", "list(decimal)"),
            {"name": "at", "type": "timestamp", "required": True},
        ],
        description="Pets by age.",
        tag="live",
    )
    assert (made.called_version, made.tags, made.deployment_id) == (1, {"live": 1}, stocked.id)
    assert made.called.parameters[0].default == 0
    given = {
        "age": None,
        "weights": [Decimal("30.50"), 4.25],
        "at": dt.datetime(2023, 1, 1, tzinfo=dt.UTC),
    }
    assert client.endpoints.call(name, given).rows() == [("Rex",)]
    assert client.endpoints.call(made, given, format="arrow").rows() == [("Rex",)]
    given["at"] = dt.date(2025, 1, 1)
    assert sorted(client.endpoints.call(name, given).rows()) == [("Mia",), ("Rex",)]
    with pytest.raises(InvalidValue, match="weights") as refusal:
        client.endpoints.call(name, {"at": "2024-01-01"})
    assert refusal.value.field == "weights"
    with pytest.raises(ConfigurationError):
        client.endpoints.call(name, {"at": object()})

    again = client.endpoints.publish(name, "select 2 as n", stocked)
    assert (again.called_version, len(again.versions)) == (1, 2)
    assert client.endpoints.call(name, version=2).scalar() == 2
    assert client.endpoints.tag(name, "live", 2).called_version == 2
    assert client.endpoints.call(name).scalar() == 2
    client.endpoints.untag(name, "live")
    assert client.endpoints.get(name).tags == {}
    assert client.endpoints.change(name, description="More.", requests_per_s=5).requests_per_s == 5
    assert name in [each.name for each in client.endpoints.list()]
    assert f"/v1/endpoints/{name}" in client.endpoints.openapi()["paths"]
    assert client.endpoints.openapi(made)["info"]["title"] == name
    with pytest.raises(InvalidRequest, match="column 'nope' not found"):
        client.endpoints.publish(name, "select nope from pets")
    client.endpoints.delete(again)
    with pytest.raises(NotFound):
        client.endpoints.call(name)


def test_pql_and_keys_of_endpoints(
    client: Client, server: ServerProcess, stocked: Deployment
) -> None:
    name = unique_name("count")
    statement = "[pets]Count(Row(age > $age))"
    parameters = [EndpointParameter("age", "int")]
    client.endpoints.publish(name, statement, stocked, language="pql", parameters=parameters)
    key = client.api_keys.create("of one", ["endpoint"], endpoints=[name])
    assert key.bound_to is not None
    assert key.bound_to.kind == "endpoint"
    with Client(server.url, api_key=key.key) as narrow:
        assert narrow.endpoints.call_pql(name, {"age": 5}) == [1]
        with pytest.raises(NotAllowed):
            narrow.deployments.list()


def test_for_asyncio(server: ServerProcess, stocked: Deployment) -> None:
    async def main() -> list[object]:
        async with AsyncClient(server.url, email=EMAIL, password=PASSWORD) as client:
            name = unique_name("both")
            await client.endpoints.publish(
                name, "select $ok as ok, $n as n", stocked.id,
                parameters=[EndpointParameter("ok", "bool"), EndpointParameter("n", "int")],
            )  # fmt: skip
            answers = [
                (await client.endpoints.call(name, {"ok": True, "n": n})).rows() for n in (1, 2)
            ]
            await client.endpoints.delete(name)
            return answers

    assert asyncio.run(main()) == [[(True, 1)], [(True, 2)]]


def test_the_command(server: ServerProcess, stocked: Deployment, tmp_path: Path) -> None:
    name = unique_name("typed")
    who = {"BITBROOK_URL": server.url, "BITBROOK_EMAIL": EMAIL, "BITBROOK_PASSWORD": PASSWORD}

    def type_(*words: str | Path, status: int = 0) -> str:
        return run("endpoint", *words, status=status, **who)

    statement = tmp_path / "pets.sql"
    statement.write_text("select name, age from pets where age >= $age and name in ($names)")
    said = type_(
        "publish", name, f"@{statement}", "--deployment", stocked.name, "--tag", "live",
        "--parameter", "age:int=1", "--parameter", "names:list(string)",
        "--description", "Pets.\nAll of them.",
    )  # fmt: skip
    assert "has version 1, which is called" in said
    assert f"{name}\t1\tlive=1\tPets." in type_("list")
    assert json.loads(type_("show", name))["versions"][0]["parameters"][0]["default"] == 1
    assert "openapi" in type_("show", name, "--openapi")
    assert type_("call", name, "names=Rex", "names=Mia", "age=5", "--format", "csv") == (
        "name,age\nMia,12\n"
    )
    said = type_("publish", name, "select 2 as n", "--parameter", "x:int?", status=1)
    assert "not used" in said
    said = type_("publish", name, "select 2 as n, $x as x", "--parameter", "x:int?")
    assert "has version 2, version 1 is called" in said
    target = tmp_path / "answer.json"
    type_("call", name, "--version", "2", "--output", target)
    assert json.loads(target.read_text())["data"] == [[2, None]]
    type_("tag", name, "live", "2")
    assert json.loads(type_("call", name, "x=7"))["data"] == [[2, 7]]
    type_("tag", name, "live", "--remove")
    assert "parameter 'y' is unknown" in type_("call", name, "y=7", status=1)
    assert "write name=value" in type_("call", name, "y", status=2)
    type_("delete", name)
    assert "no endpoint" in type_("call", name, status=1)
    assert "no endpoint" in type_("delete", name, status=1)
