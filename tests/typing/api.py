"""What type checkers see of the SDK: every line here is checked, none is run."""

from typing import Any, assert_type

import pyarrow as pa

from bitbrook.client import (
    AsyncClient,
    AsyncSource,
    AsyncWriter,
    Client,
    Column,
    Deployment,
    FieldDefinition,
    FieldOptions,
    Outcomes,
    RecordsRefused,
    Refusal,
    Refused,
    Result,
    Retries,
    Source,
    SourceSchema,
    Table,
    Writer,
    dbapi,
)


def clients() -> None:
    """Credentials are given by name."""
    Client()
    Client("http://h", email="a", password="p", retries=Retries(for_s=1))
    Client("http://h", "a")  # type: ignore[call-arg]
    Client(api_key=5)  # type: ignore[arg-type]
    with Client() as client:
        assert_type(client, Client)


def resources(client: Client) -> None:
    """Collections give handles, handles give handles."""
    deployment = client.deployments.create("d").wait_until_running()
    assert_type(deployment, Deployment)
    assert_type(client.deployments.find("d"), Deployment | None)
    assert_type(client.deployments.list(), list[Deployment])
    table = deployment.tables.create("t", keys=True)
    assert_type(table, Table)
    assert_type(table.add_field("n", FieldOptions("int", min=0)), Table)
    schema = SourceSchema(definition=(FieldDefinition("id", "id"),), id_field="id")
    assert_type(client.sources.create("s", deployment, table, schema), Source)
    assert_type(client.sources.create("s", "id", "t", {"definition": []}), Source)
    client.tables.get(table, "t")  # type: ignore[arg-type]


def records(source: Source) -> None:
    """Outcomes and refusals are typed."""
    assert_type(source.send([{"id": 1}]), Outcomes)

    def take(refusal: Refusal) -> None:
        assert_type(refusal.message, str)

    with source.writer(on_error=take) as writer:
        assert_type(writer, Writer)
        writer.write({"id": 1})
    source.writer(1000)  # type: ignore[call-arg]


def results(deployment: Deployment) -> None:
    """A result has one type for each shape."""
    result = deployment.sql("select ?", [1], format="arrow")
    assert_type(result, Result)
    assert_type(result.columns, tuple[Column, ...])
    assert_type(result.rows(), list[tuple[Any, ...]])
    assert_type(result.dicts(), list[dict[str, Any]])
    table: pa.Table = result.arrow()
    del table
    deployment.sql("select 1", format="parquet")  # type: ignore[arg-type]


def errors() -> None:
    """Refusals tell what the server told."""
    try:
        pass
    except RecordsRefused as refused:
        assert_type(refused.count, int)
    except Refused as refused:
        assert_type((refused.status, refused.field), tuple[int, str | None])


def cursors() -> None:
    """DB-API cursors chain."""
    with dbapi.connect(deployment="d") as connection:
        cursor = connection.cursor().execute("select ?", (1,))
        assert_type(cursor, dbapi.Cursor)
        assert_type(cursor.fetchone(), tuple[Any, ...] | None)


async def awaited(client: AsyncClient, source: AsyncSource) -> None:
    """The same, awaited."""
    deployment = await client.deployments.get("x")
    assert_type(await deployment.sql("select 1"), Result)
    assert_type(await source.send([]), Outcomes)
    async with source.writer() as writer:
        assert_type(writer, AsyncWriter)
        await writer.write({})
