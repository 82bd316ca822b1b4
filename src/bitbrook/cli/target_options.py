"""Flags of every verb that sends records: where they go and what makes a source of them."""

from pathlib import Path
from typing import Annotated

import typer

DeploymentName = Annotated[str, typer.Option(help="name or id of the deployment")]
TableName = Annotated[str, typer.Option(help="name of the table; made if there is none")]
SourceName = Annotated[
    str, typer.Option(help="name or id of a source that exists; by default one is made")
]
ServerUrl = Annotated[str, typer.Option(help="the server", envvar="BITBROOK_URL")]
IdField = Annotated[str, typer.Option(help="field of record ids; by default _id or id")]
PrimaryKey = Annotated[str, typer.Option(help="fields that together identify a record: a,b")]
SchemaFile = Annotated[
    Path | None, typer.Option(help="file with the source's schema; by default it is inferred")
]


def listed(names: str) -> list[str]:
    """Return the names that stand in a flag, parted by commas."""
    return [name for part in names.split(",") if (name := part.strip())]
