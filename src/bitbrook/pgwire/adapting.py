"""Queries as tools for PostgreSQL write them, with what is said differently in our words.

Tables are in the schema `public`, names of types are PostgreSQL's; the rest is bitbrook's SQL.
"""

import re
from typing import Any

from sqlglot import exp

from bitbrook.query.sql.prepared import PreparedSql, prepare_sql

PUBLIC = "public"

_TYPES = {
    **dict.fromkeys(
        ("text", "varchar", "char", "bpchar", "name", "character varying", "character", "uuid"),
        "string",
    ),
    **dict.fromkeys(
        ("int2", "int4", "int8", "integer", "int", "smallint", "bigint", "oid"), "int"
    ),
    **dict.fromkeys(
        ("date", "timestamp", "timestamptz", "timestamp with time zone",
         "timestamp without time zone"),
        "timestamp",
    ),
    **dict.fromkeys(("float4", "float8", "real", "float", "double", "double precision"), "double"),
    **dict.fromkeys(("bool", "boolean"), "bool"),
}  # fmt: skip


_UNITS = {
    "year": "YY",
    "month": "M",
    "week": "W",
    "day": "D",
    "hour": "HH",
    "minute": "MI",
    "second": "S",
    "milliseconds": "MS",
    "microseconds": "US",
}


def prepare_adapted(statement: str, database: str) -> PreparedSql:
    """Return a query that is parsed and adapted.

    Raises:
        InvalidStatement: it is none.
    """
    prepared = prepare_sql(statement)
    for node in prepared.tree.walk():
        match node:
            case exp.Table():
                _strip_schema(node, database)
            case exp.Column() if _is_public(node.args.get("db")):
                node.set("db", None)
                node.set("catalog", None)
            case exp.Cast():
                _rename_type(node)
            case exp.Anonymous() if node.name.upper() == "DATE_TRUNC" and node.expressions:
                _rename_unit(node.expressions[0])
    return prepared


def _rename_unit(node: Any) -> None:
    if isinstance(node, exp.Literal) and node.is_string:
        name = node.name.lower()
        node.set("this", _UNITS.get(name, node.name))


def _strip_schema(node: Any, database: str) -> None:
    catalog = node.args.get("catalog")
    is_here = catalog is None or catalog.name.lower() == database.lower()
    if is_here and _is_public(node.args.get("db")):
        node.set("db", None)
        node.set("catalog", None)


def _is_public(schema: Any) -> bool:
    return schema is not None and schema.name.lower() == PUBLIC


def _rename_type(node: Any) -> None:
    written = re.sub(r"\(.*?\)", "", node.args["to"].sql(dialect="postgres").lower()).strip()
    name = _TYPES.get(" ".join(written.split()))
    if name is not None:
        node.set("to", exp.DataType.build(name, udt=True))
