"""A source's schema for records of which some are seen: what `load` proposes.

It takes what it sees for what there is: integers become int, other numbers decimal with as many
digits as were met, texts a mutex of row keys, lists a set. Names become names of fields, and paths
keep how they are written. Whoever knows better writes the schema down and changes it.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.cli.input_files import UnreadableFile
from bitbrook.errors import InvalidValue
from bitbrook.schema.limits import DECIMAL_SCALE_MAX
from bitbrook.sources.layouts import RFC3339, Layout

ID_NAMES = ("_id", "id")
LAYOUTS = (RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02")
TRUE_OR_FALSE = frozenset({"true", "false", "0", "1"})
LOOKED_AT_MAX = 10_000

_FORBIDDEN = re.compile(r"[^a-z0-9_-]+")


def infer_schema(
    records: pa.Table,
    texts: pa.Table | None = None,
    *,
    id_field: str | None = None,
    primary_key: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the schema of a source for records like these. `texts`: how they are written.

    `id_field`: the column that identifies records, by default `_id` or `id`; `primary_key`: those
    that do so together.

    Raises:
        UnreadableFile: nothing identifies the records, or a column cannot be taken.
    """
    columns = _leaves(records)
    written_as = {} if texts is None else {".".join(path): text for path, text in _leaves(texts)}
    names = _names([path for path, _ in columns])
    identity = list(primary_key) or [id_field or _find_id(columns)]
    by_written = {".".join(path): name for (path, _), name in zip(columns, names, strict=True)}
    for written in identity:
        if written not in by_written:
            known = ", ".join(by_written)
            raise UnreadableFile(f"there is no column {written!r}; there are {known}")
    definition = []
    for (path, column), name in zip(columns, names, strict=True):
        written = ".".join(path)
        text = written_as.get(written)
        entry: dict[str, Any] = {"name": name, "path": list(path)}
        is_id = not primary_key and written == identity[0]
        if is_id:
            entry["type"] = "id" if _is_natural(column) else "string"
        else:
            shown = None if text is None else text.slice(0, LOOKED_AT_MAX)
            entry |= _typed(written, column.slice(0, LOOKED_AT_MAX), shown)
        definition.append(entry)
    keyed_by: dict[str, Any] = (
        {"primary_key_fields": [by_written[written] for written in identity]}
        if primary_key
        else {"id_field": by_written[identity[0]]}
    )
    return {**keyed_by, "allow_missing_fields": True, "definition": definition}


Path = tuple[str, ...]


def _leaves(records: pa.Table) -> list[tuple[Path, pa.ChunkedArray]]:
    """Return the columns that hold values, by the keys that lead to them."""
    found: list[tuple[Path, pa.ChunkedArray]] = []

    def visit(path: Path, column: pa.ChunkedArray) -> None:
        if pa.types.is_struct(column.type):
            members = pa.table({"": column}).flatten()
            for field, member in zip(column.type, members.columns, strict=True):
                visit((*path, field.name), member)
        else:
            found.append((path, column))

    for name, column in zip(records.column_names, records.columns, strict=True):
        visit((name,), column)
    return found


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name that a field may have for each path, no two alike."""
    names: list[str] = []
    for path in paths:
        plain = _FORBIDDEN.sub("_", "_".join(path).lower())
        name = plain.strip("_") if len(path) > 1 or plain not in ID_NAMES else plain
        if not name[:1].isalpha() and name not in ID_NAMES:
            name = f"f_{name}"
        count = 1
        while (name if count == 1 else f"{name}_{count}") in names:
            count += 1
        names.append(name if count == 1 else f"{name}_{count}")
    return names


def _find_id(columns: Sequence[tuple[Path, pa.ChunkedArray]]) -> str:
    for wanted in ID_NAMES:
        for path, _ in columns:
            if len(path) == 1 and path[0].lower() == wanted:
                return path[0]
    names = ", ".join(".".join(path) for path, _ in columns)
    raise UnreadableFile(
        f"nothing says what identifies a record; give --id-field or --primary-key of {names}"
    )


def _is_natural(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(column.type):
        return False
    least = pc.min(column).as_py()
    return least is None or least >= 0


def _typed(name: str, column: pa.ChunkedArray, text: pa.ChunkedArray | None) -> dict[str, Any]:
    """Return the type and the configuration of a column that identifies nothing."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    written = _written(column if text is None else text)
    if pa.types.is_integer(kind):
        return {"type": "int"}
    if pa.types.is_boolean(kind) and set(written) <= TRUE_OR_FALSE:
        return {"type": "bool"}
    if pa.types.is_decimal(kind):
        return {"type": "decimal", "config": {"Scale": min(kind.scale, DECIMAL_SCALE_MAX)}}
    if pa.types.is_floating(kind):
        return {"type": "decimal", "config": {"Scale": _scale(written)}}
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _timed(kind, None if text is None else written)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _listed(name, kind.value_type)
    if _is_text(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return {"type": "string", "config": {"Mutex": True}}
    if text is not None:
        return {"type": "string", "config": {"Mutex": True}}
    raise UnreadableFile(f"column {name!r} is of type {kind}, which no source takes; drop it")


def _listed(name: str, member: pa.DataType) -> dict[str, Any]:
    if pa.types.is_integer(member):
        return {"type": "ids"}
    if _is_text(member) or pa.types.is_null(member):
        return {"type": "strings"}
    raise UnreadableFile(f"column {name!r} has lists of {member}, which no source takes; drop it")


def _timed(kind: pa.DataType, written: Sequence[str] | None) -> dict[str, Any]:
    """Return a timestamp in the layout that all texts have; a text if there is none."""
    config: dict[str, Any] = {}
    if pa.types.is_timestamp(kind) and kind.unit != "s":
        config["Granularity"] = kind.unit
    if written is not None:
        layout = next((each for each in LAYOUTS if _fits(each, written)), None)
        if layout is None:
            return {"type": "string", "config": {"Mutex": True}}
        if layout != RFC3339:
            config["Layout"] = layout
    return {"type": "timestamp", "config": config} if config else {"type": "timestamp"}


def _fits(layout: str, texts: Sequence[str]) -> bool:
    read = Layout(layout)
    try:
        for text in texts:
            read.parse_text(text)
    except InvalidValue:
        return False
    return True


def _written(column: pa.ChunkedArray) -> list[str]:
    """Return the different texts of a column."""
    if not _is_text(column.type) and not pa.types.is_floating(column.type):
        if not pa.types.is_boolean(column.type):
            return []
        column = column.cast(pa.string())
    distinct: list[str] = pc.unique(column.drop_null().cast(pa.string())).to_pylist()
    return distinct


def _scale(texts: Sequence[str]) -> int:
    """Return as many digits after the point as these numbers have, and room before it allows."""
    after = before = 0
    for text in texts:
        try:
            number = Decimal(text)
        except InvalidOperation:
            continue
        if number.is_finite() and number:
            exponent = number.as_tuple().exponent
            assert isinstance(exponent, int), "a finite number has one"
            after = max(after, -exponent)
            before = max(before, number.adjusted() + 1)
    return max(0, min(after, DECIMAL_SCALE_MAX - before))


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
