"""`bitbrook load`: files of records into a table, through a source like any other stream."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bitbrook.cli.file_kind import FileKind


def load(
    files: Annotated[list[Path], typer.Argument(help="CSV, NDJSON, Parquet or Arrow files")],
    *,
    deployment: Annotated[str, typer.Option(help="name or id of the deployment")] = "",
    table: Annotated[str, typer.Option(help="name of the table; made if there is none")] = "",
    source: Annotated[
        str, typer.Option(help="name or id of a source that exists; by default one is made")
    ] = "",
    url: Annotated[str, typer.Option(help="the server", envvar="BITBROOK_URL")] = "",
    id_field: Annotated[str, typer.Option(help="column of record ids; by default _id or id")] = "",
    primary_key: Annotated[
        str, typer.Option(help="columns that together identify a record: a,b")
    ] = "",
    schema: Annotated[
        Path | None, typer.Option(help="file with the source's schema, as --dry-run prints one")
    ] = None,
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
        primary_key=[key.strip() for key in primary_key.split(",") if key.strip()],
        schema=schema,
        file_format=file_format,
        reject_file=reject_file,
        is_dry_run=dry_run,
        begins_anew=restart,
    )
    try:
        refused = load_files(files, wishes)
    except LoadFailed as error:
        print(f"bitbrook: {error}", file=sys.stderr, flush=True)
        raise typer.Exit(1) from None
    if refused:
        raise typer.Exit(1)
