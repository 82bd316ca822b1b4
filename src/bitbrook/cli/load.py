"""`bitbrook load`: files of records into a table, through a source like any other stream."""

from pathlib import Path
from typing import Annotated

import typer

from bitbrook.cli.failing import fail
from bitbrook.cli.file_kind import FileKind
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


def load(
    files: Annotated[list[Path], typer.Argument(help="CSV, NDJSON, Parquet or Arrow files")],
    *,
    deployment: DeploymentName = "",
    table: TableName = "",
    source: SourceName = "",
    url: ServerUrl = "",
    id_field: IdField = "",
    primary_key: PrimaryKey = "",
    schema: SchemaFile = None,
    file_format: Annotated[
        FileKind | None, typer.Option("--format", help="kind of the files; by default by name")
    ] = None,
    reject_file: Annotated[
        Path | None, typer.Option(help="file for the records that are refused, and why")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the schema that would be made, and stop")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="begin anew where an earlier load was interrupted")
    ] = False,
) -> None:
    """Load files into a table; a load that was interrupted goes on where it was."""
    # Imported here because the readers take a while, which `--help` need not wait for.
    from bitbrook.cli.load_files import LoadFailed, Wishes, load_files  # noqa: PLC0415

    wishes = Wishes(
        deployment=deployment,
        table=table,
        source=source,
        url=url,
        id_field=id_field,
        primary_key=listed(primary_key),
        schema=schema,
        file_format=file_format,
        reject_file=reject_file,
        is_dry_run=dry_run,
        begins_anew=restart,
    )
    try:
        refused = load_files(files, wishes)
    except LoadFailed as error:
        fail(str(error))
    if refused:
        raise typer.Exit(1)
