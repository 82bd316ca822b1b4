"""What `bitbrook load` does: it tells the schema, or finds where records go and loads each file."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bitbrook.cli.file_kind import FileKind
from bitbrook.cli.http_calls import CallFailed, Calls, connected
from bitbrook.cli.infer_schema import infer_schema
from bitbrook.cli.input_files import InputFile, UnreadableFile, open_file
from bitbrook.cli.load_target import Target, find_target, make_target
from bitbrook.cli.loading import load_file


class Wishes(NamedTuple):
    """What is to be loaded how: the flags of the command, by the same names."""

    deployment: str
    table: str
    source: str
    url: str
    id_field: str
    primary_key: Sequence[str]
    schema: Path | None
    file_format: FileKind | None
    reject_file: Path | None
    is_dry_run: bool
    begins_anew: bool


class LoadFailed(Exception):
    """A load that ended early; the message says why."""


def load_files(paths: Sequence[Path], wishes: Wishes) -> int:
    """Load files, or print the schema that would be made; return how many records were refused.

    Raises:
        LoadFailed: a file cannot be read, or the server refuses; what was loaded stays.
    """
    try:
        files = [open_file(path, wishes.file_format) for path in paths]
        if wishes.is_dry_run:
            print(json.dumps(_schema(files[0], wishes), indent=2, ensure_ascii=False))
            return 0
        with contextlib.ExitStack() as leaving:
            calls = leaving.enter_context(connected(wishes.url or None))
            rejects = None
            if wishes.reject_file is not None:
                rejects = leaving.enter_context(wishes.reject_file.open("a", encoding="utf-8"))
            refused = 0
            for file in files:
                target = _target(calls, file, wishes)
                refused += load_file(calls, target, file, rejects, begins_anew=wishes.begins_anew)
            return refused
    except (CallFailed, UnreadableFile, OSError) as error:
        raise LoadFailed(str(error)) from None
    except KeyboardInterrupt:
        raise LoadFailed("interrupted; the same command goes on from here") from None


def _target(calls: Calls, file: InputFile, wishes: Wishes) -> Target:
    """Return where a file's records go, made for them if need be."""
    if wishes.source:
        return find_target(calls, wishes.source)
    if not wishes.deployment or not wishes.table:
        raise CallFailed("give --deployment and --table, or a --source that exists")
    return make_target(calls, wishes.deployment, wishes.table, lambda: _schema(file, wishes))


def _schema(file: InputFile, wishes: Wishes) -> dict[str, Any]:
    """Return the schema of the source to make: the one given, or what the file tells."""
    if wishes.schema is None:
        return infer_schema(
            file.sample(),
            file.sample_texts(),
            id_field=wishes.id_field or None,
            primary_key=wishes.primary_key,
        )
    try:
        read: dict[str, Any] = json.loads(wishes.schema.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnreadableFile(f"{wishes.schema} is not JSON: {error}") from None
    return read
