"""`bitbrook kafka`: topics into a table, each message exactly once."""

from pathlib import Path
from typing import Annotated

import typer

from bitbrook.cli.failing import fail
from bitbrook.cli.message_format import MessageFormat
from bitbrook.cli.target_options import (
    DeploymentName,
    IdField,
    PrimaryKey,
    SchemaFile,
    ServerUrl,
    SourceName,
    TableName,
    listed,
)


def kafka(
    *,
    brokers: Annotated[str, typer.Option(help="brokers to begin with: host:port,host:port")],
    topic: Annotated[list[str], typer.Option(help="topic to consume; may be given several times")],
    group: Annotated[str, typer.Option(help="consumer group")] = "bitbrook",
    deployment: DeploymentName = "",
    table: TableName = "",
    source: SourceName = "",
    url: ServerUrl = "",
    message_format: Annotated[
        MessageFormat, typer.Option("--format", help="what the values of messages are")
    ] = MessageFormat.JSON,
    schema_registry: Annotated[str, typer.Option(help="URL of the schema registry, for avro")] = "",
    id_field: IdField = "",
    primary_key: PrimaryKey = "",
    schema: SchemaFile = None,
    reject_file: Annotated[
        Path | None, typer.Option(help="file for the messages that are refused, and why")
    ] = None,
    dead_letter_topic: Annotated[
        str, typer.Option(help="topic for the messages that are refused")
    ] = "",
    batch_records: Annotated[int, typer.Option(min=1, max=100_000, help="messages a request")] = (
        1_000
    ),
    linger_s: Annotated[
        float, typer.Option(min=0.0, help="seconds that a message waits for others")
    ] = 0.5,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="stop at the end of the topics")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(help="setting of librdkafka, such as sasl.username=me; several times"),
    ] = None,
) -> None:
    """Consume Kafka topics into a table, until SIGTERM or Ctrl-C."""
    # Imported here because it needs the extra, and takes a while.
    try:
        from bitbrook.cli.kafka_run import KafkaWishes, run_kafka  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in {"confluent_kafka", "fastavro"}:
            raise
        fail(f"{error.name} is missing; install bitbrook[kafka]")

    fault = run_kafka(
        KafkaWishes(
            brokers=brokers,
            topics=topic,
            group=group,
            deployment=deployment,
            table=table,
            source=source,
            url=url,
            message_format=message_format,
            schema_registry=schema_registry,
            id_field=id_field,
            primary_key=listed(primary_key),
            schema=schema,
            reject_file=reject_file,
            dead_letter_topic=dead_letter_topic,
            batch_records=batch_records,
            linger_s=linger_s,
            ends=until_end,
            options=option or [],
        )
    )
    if fault:
        fail(fault)
