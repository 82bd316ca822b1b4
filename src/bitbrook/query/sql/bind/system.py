"""System tables: what a deployment tells about itself in SQL."""

import pyarrow as pa

from bitbrook.query.sql.bind.scope import Statement
from bitbrook.query.sql.describe import table_definition
from bitbrook.query.sql.types import INT, STRING, TIMESTAMP, SqlType

Columns = list[tuple[str, SqlType]]


def find_system_table(name: str, statement: Statement) -> tuple[Columns, pa.Table] | None:
    """Return the columns and rows of a system table, None if the name is of no such table.

    The rows' columns are called c0, c1 and so on, as those of every relation that is no table.
    """
    match name:
        case "fb_table_ddl":
            tables = sorted(statement.database.tables(), key=lambda table: table.name)
            rows = {
                "c0": [table.name for table in tables],
                "c1": [table_definition(table) for table in tables],
            }
            text = pa.string()
            return [("name", STRING), ("ddl", STRING)], pa.table(
                rows, pa.schema([("c0", text), ("c1", text)])
            )
        case "fb_exec_requests":
            columns = [
                ("request_id", STRING),
                ("user", STRING),
                ("start_time", TIMESTAMP),
                ("end_time", TIMESTAMP),
                ("status", STRING),
                ("duration_us", INT),
                ("sql", STRING),
            ]
            return columns, _nothing(columns)
        case "fb_performance_counters":
            columns = [("name", STRING), ("value", INT), ("counter_type", STRING)]
            return columns, _nothing(columns)
        case _:
            return None


def _nothing(columns: Columns) -> pa.Table:
    types = {STRING: pa.string(), INT: pa.int64(), TIMESTAMP: pa.timestamp("us")}
    fields = [(f"c{index}", types[kind]) for index, (_, kind) in enumerate(columns)]
    return pa.schema(fields).empty_table()
