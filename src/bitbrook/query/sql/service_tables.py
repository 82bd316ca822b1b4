"""Service tables: what an organisation's deployments tell of their own running, in SQL.

The one list of their columns. Whoever keeps the rows gives them in this order. Knows nothing of how
they are kept, or of who may see which.
"""

import enum

import pyarrow as pa

from bitbrook.query.sql.types import BOOL, INT, STRING, TIMESTAMP, SqlType

Columns = list[tuple[str, SqlType]]

ARROW_TYPES: dict[SqlType, pa.DataType] = {
    STRING: pa.string(),
    INT: pa.int64(),
    BOOL: pa.bool_(),
    TIMESTAMP: pa.timestamp("us"),
}


class ServiceTable(enum.StrEnum):
    """A service table, by its name."""

    REQUESTS = "bitbrook_requests"
    QUERIES = "bitbrook_queries"
    INGEST = "bitbrook_ingest"
    ERRORS = "bitbrook_errors"
    ENDPOINTS = "bitbrook_endpoints"


SERVICE_COLUMNS: dict[ServiceTable, Columns] = {
    ServiceTable.REQUESTS: [
        ("time", TIMESTAMP),
        ("request_id", STRING),
        ("method", STRING),
        ("path", STRING),
        ("action", STRING),
        ("status", INT),
        ("duration_us", INT),
        ("user", STRING),
        ("api_key_id", STRING),
        ("address", STRING),
    ],
    ServiceTable.QUERIES: [
        ("time", TIMESTAMP),
        ("query_id", STRING),
        ("request_id", STRING),
        ("deployment_id", STRING),
        ("user", STRING),
        ("language", STRING),
        ("statement", STRING),
        ("status", STRING),
        ("duration_us", INT),
        ("records_selected", INT),
        ("rows_returned", INT),
        ("answer_bytes", INT),
        ("error", STRING),
    ],
    ServiceTable.INGEST: [
        ("time", TIMESTAMP),
        ("source_id", STRING),
        ("source", STRING),
        ("deployment_id", STRING),
        ("table_name", STRING),
        ("requests", INT),
        ("records", INT),
        ("errors", INT),
    ],
    ServiceTable.ERRORS: [
        ("time", TIMESTAMP),
        ("source_id", STRING),
        ("source", STRING),
        ("deployment_id", STRING),
        ("table_name", STRING),
        ("id", STRING),
        ("request_id", STRING),
        ("code", STRING),
        ("message", STRING),
        ("field", STRING),
        ("value", STRING),
        ("expected", STRING),
        ("mend", STRING),
        ("record", STRING),
        ("can_be_retried", BOOL),
    ],
    ServiceTable.ENDPOINTS: [
        ("time", TIMESTAMP),
        ("request_id", STRING),
        ("endpoint", STRING),
        ("version", INT),
        ("tag", STRING),
        ("deployment_id", STRING),
        ("user", STRING),
        ("api_key_id", STRING),
        ("status", INT),
        ("duration_us", INT),
        ("is_cached", BOOL),
        ("rows_returned", INT),
        ("answer_bytes", INT),
    ],
}
"""The columns of each, in order."""


def service_schema(table: ServiceTable) -> pa.Schema:
    """Return the Arrow schema of a service table."""
    columns = SERVICE_COLUMNS[table]
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in columns])
