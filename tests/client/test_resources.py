"""The handles show what the server has, and do to it what they say.

Walks through the life of deployments, tables and sources with either client against a real server,
and asks for what is not there, is in use, or was refused.
"""

import asyncio
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from api_client import unique_name
from bitbrook.client import (
    AsyncClient,
    Client,
    ConfigurationError,
    Conflict,
    Deployment,
    FieldOptions,
    InvalidStatement,
    InvalidValue,
    NotFound,
    Source,
    SourceSchema,
)
from bitbrook.client._operations import encode_record
from server_process import EMAIL, PASSWORD, ServerProcess


def test_life_of_a_deployment(client: Client) -> None:
    name = unique_name("d")
    created = client.deployments.create(name, shape="8GB-Development")
    assert created.status in {"CREATING", "RUNNING"}
    assert created.shape == "8GB"
    running = created.wait_until_running()
    assert running.status == "RUNNING"
    assert running.created_at.tzinfo == UTC
    assert running.created_by == EMAIL
    assert client.deployments.find(name) == running
    assert running in client.deployments.list()
    assert running.reload() == client.deployments.get(running.id) == running
    running.delete()
    running.wait_until_gone()
    assert client.deployments.find(name) is None
    with pytest.raises(NotFound, match=running.id) as gone:
        running.reload()
    assert gone.value.status == 404
    assert gone.value.code == "NotFound"
    assert gone.value.request_id


def test_shapes(client: Client) -> None:
    shapes = client.deployments.shapes()
    assert shapes[0].name == "8GB"
    assert [each.memory_bytes for each in shapes] == sorted(each.memory_bytes for each in shapes)


def test_life_of_a_table(client: Client, deployment: Deployment) -> None:
    table = deployment.tables.create("flowers", keys=True, description="iris")
    assert (table.name, table.description, table.is_keyed) == ("flowers", "iris", True)
    assert table.deployment_id == deployment.id
    options = FieldOptions("decimal", scale=2, min="-1.50", max="99.25")
    table = table.add_field("height", options)
    assert table.field("height").options == options
    table = table.add_field("seen", FieldOptions("time", keys=True, time_quantum="YMD", ttl="720h"))
    assert table.field("seen").options.time_quantum == "YMD"
    table = client.tables.add_field(
        deployment, table, "at", FieldOptions("timestamp", time_unit="ms")
    )
    assert table.field("at").options.time_unit == "ms"
    table = table.drop_field("seen")
    assert [each.name for each in table.fields] == ["height", "at"]
    with pytest.raises(KeyError):
        table.field("seen")
    assert deployment.tables.list() == [table] == [deployment.tables.get("flowers")]
    with pytest.raises(InvalidValue, match="Scale 99") as refused:
        table.add_field("bad", FieldOptions("decimal", scale=99))
    assert refused.value.details
    table.delete()
    table.wait_until_gone()
    assert deployment.tables.list() == []


def test_life_of_a_source(
    client: Client, deployment: Deployment, source: Source, schema: SourceSchema
) -> None:
    assert source.deployment_id == deployment.id
    assert source.table == "t"
    assert source.schema == schema
    assert client.sources.find(source.name) == source
    assert source in client.sources.list()
    with pytest.raises(Conflict) as in_use:
        client.tables.delete(deployment, "t")
    assert source.name in str(in_use.value) + "".join(in_use.value.details)
    outcomes = source.send([{"id": 1, "n": 5}, {"id": "x"}, {"id": 2, "amount": "1.25"}])
    assert (outcomes.success_count, outcomes.error_count) == (2, 1)
    ((place, outcome),) = outcomes.errors
    assert place == 1
    assert outcome.error_code
    assert "'id'" in outcome.error_message
    assert [each.is_success for each in outcomes.records] == [True, False, True]
    (error,) = source.errors()
    assert '"x"' in error.excerpt
    (minute,) = source.metrics()[-1:]
    assert (minute.requests, minute.errors) == (1, 1)
    source.delete()
    source.wait_until_gone()
    assert client.tables.get(deployment, "t").record_count == 2


def test_records_of_other_libraries(deployment: Deployment, source: Source) -> None:
    frame = pd.DataFrame(
        {
            "id": np.arange(3, dtype=np.uint64),
            "n": pd.array([1, None, 2**62], dtype="Int64"),
            "amount": np.array([1.25, np.nan, 0.1]),
            "species": ["a", None, np.str_("b")],
        }
    )
    records = frame.to_dict("records")
    records[0]["tags"] = np.array(["x", "y"])
    assert source.send(records).errors == ()
    rows = deployment.sql("select _id, n, amount, species, tags from t").rows()
    assert rows == [
        (0, 1, Decimal("1.25"), "a", ["x", "y"]),
        (1, None, None, None, None),
        (2, 2**62, Decimal("0.10"), "b", None),
    ]
    nanoseconds = "2024-01-01T00:00:00.123456789"
    for moment in (pd.Timestamp(nanoseconds), np.datetime64(nanoseconds), pd.NaT):
        text = None if moment is pd.NaT else f"{nanoseconds}Z"
        assert msgspec.json.decode(encode_record({"at": moment})) == {"at": text}
    for value in (object(), np.timedelta64(1, "s"), np.array([nanoseconds], "datetime64[ns]")):
        with pytest.raises(TypeError, match="convert it first"):
            source.send([{"id": 1, "n": value}])


def test_pql_is_exact(deployment: Deployment, source: Source) -> None:
    source.send([{"id": at, "amount": "90071992547409.93", "n": 2**62} for at in range(3)])
    amount, n, count = deployment.pql("[t]Sum(field=amount)Sum(field=n)Count(All())")
    assert str(amount["decimalValue"]) == "270215977642229.79"
    assert n["value"] == 3 * 2**62
    assert count == 3
    with pytest.raises(InvalidStatement, match="nosuch"):
        deployment.pql("[t]Count(Row(nosuch=1))")


def test_ids_are_never_paths(client: Client) -> None:
    for id_ in ("../deployments", "a/b", "?x=1", "%2e%2e", "#", " "):
        with pytest.raises(NotFound):
            client.deployments.get(id_)


def test_async_client_does_the_same(server: ServerProcess, schema: SourceSchema) -> None:
    async def live() -> None:
        async with AsyncClient(server.url, email=EMAIL, password=PASSWORD) as client:
            # All at once: one of them signs in, the others wait for it.
            listings = await asyncio.gather(*(client.deployments.list() for _ in range(5)))
            assert all(each == listings[0] for each in listings)
            deployment = await client.deployments.create(unique_name("d"))
            deployment = await deployment.wait_until_running()
            table = await deployment.tables.create("t")
            source = await client.sources.create(unique_name("s"), deployment, table, schema)
            source = await source.wait_until_running()
            outcomes = await source.send([{"id": 1, "species": "setosa"}])
            assert outcomes.success_count == 1
            result = await deployment.sql("select species from t where _id = ?", [1])
            assert result.rows() == [("setosa",)]
            assert await deployment.pql("[t]Count(All())") == [1]
            assert (await table.reload()).record_count == 1
            await source.delete()
            await source.wait_until_gone()
            await table.delete()
            await table.wait_until_gone()
            await deployment.delete()
            await deployment.wait_until_gone()
            with pytest.raises(NotFound):
                await deployment.reload()
            await client.sign_out()

    asyncio.run(live())


BULK = "bulk insert into t (_id, s) map (0 id, 1 string) from '{}' with format 'CSV' input 'UPLOAD'"


def test_files_that_are_sent_with_a_statement(deployment: Deployment, tmp_path: Path) -> None:
    """One is called `file`, several by their names; parameters go into the statement as ever."""
    deployment.sql("create table t (_id id, s string)")
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("".join(f"{number},text\n" for number in range(50_000)))
    second.write_text("50001,größer\n")
    deployment.sql(BULK.format("file"), upload=first)
    deployment.sql(BULK.format("b"), upload={"a": str(first), "b": second})
    counted = deployment.sql("select count(*) from t where s = ?", ["text"], upload=first)
    assert counted.scalar() == 50_000
    arrow = deployment.sql("select s from t where _id > 50000", format="arrow", upload=second)
    assert arrow.rows() == [("größer",)]
    with pytest.raises(InvalidStatement, match="no file 'c' came with the statement"):
        deployment.sql(BULK.format("c"), upload=first)
    with pytest.raises(FileNotFoundError):
        deployment.sql(BULK.format("file"), upload=tmp_path / "nope")
    for upload in ({}, {"statement": first}):
        with pytest.raises(ConfigurationError, match="upload takes a file"):
            deployment.sql("select 1", upload=upload)


def test_files_that_are_sent_from_an_event_loop(
    server: ServerProcess, deployment: Deployment, tmp_path: Path
) -> None:
    """As from a thread."""
    content = tmp_path / "content.csv"
    content.write_text("1,a\n2,b\n")

    async def send() -> list[tuple[object, ...]]:
        async with AsyncClient(server.url, email=EMAIL, password=PASSWORD) as client:
            there = await client.deployments.get(deployment.id)
            await there.sql("create table t (_id id, s string)")
            await there.sql(BULK.format("file"), upload=content)
            return (await there.sql("select * from t")).rows()

    assert asyncio.run(send()) == [(1, "a"), (2, "b")]
