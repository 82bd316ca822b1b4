"""DuckDB: a native table in a file, two threads, a primary key for upserts and look-ups."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.systems.base import Answer, Files, directory_bytes

EVENTS = (
    "id UBIGINT PRIMARY KEY, species VARCHAR, country VARCHAR, tags UBIGINT[], age BIGINT, "
    "amount DECIMAL(9,2), active BOOLEAN, seen TIMESTAMP_S"
)
PEOPLE = "key VARCHAR PRIMARY KEY, country VARCHAR, amount DECIMAL(9,2)"
IRIS = (
    "id UBIGINT PRIMARY KEY, sepallength DECIMAL(9,2), sepalwidth DECIMAL(9,2), "
    "petallength DECIMAL(9,2), petalwidth DECIMAL(9,2), species VARCHAR, seen TIMESTAMP_S"
)
TABLES = {"events": EVENTS, "people": PEOPLE, "iris": IRIS}

STATEMENTS = {
    "count_and": (
        "SELECT count(*) FROM events WHERE country = $country AND active AND species = $species"
    ),
    "top_rows": "SELECT country, count(*) AS n FROM events GROUP BY country ORDER BY n DESC, 1",
    "group_sum": (
        "SELECT country, species, count(*), sum(amount) FROM events GROUP BY 1, 2 ORDER BY 1, 2"
    ),
    "range_sum": "SELECT count(*), sum(amount) FROM events WHERE amount BETWEEN $low AND $high",
    "range_sum_row": (
        "SELECT count(*), sum(amount) FROM events "
        "WHERE amount BETWEEN $low AND $high AND species = $species"
    ),
    "set_group": (
        "SELECT tag, count(*) FROM (SELECT unnest(tags) AS tag FROM events "
        "WHERE country = $country AND active) GROUP BY 1 ORDER BY 1"
    ),
    "select_ten": (
        "SELECT id, species, age FROM events WHERE country = $country AND active "
        "ORDER BY id LIMIT 10"
    ),
    "point_id": "SELECT species, age FROM events WHERE id = $id",
    "keyed_group": (
        "SELECT country, count(*), sum(amount) FROM people "
        "WHERE amount BETWEEN $low AND $high GROUP BY 1 ORDER BY 1"
    ),
    "keyed_page": ("SELECT key, amount FROM people WHERE country = $country ORDER BY key LIMIT 10"),
    "point_key": "SELECT country, amount FROM people WHERE key = $key",
}


class DuckDB:
    """DuckDB over a file in `directory`."""

    name = "duckdb"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connection = duckdb.connect(str(directory / "peer.duckdb"), config={"threads": 2})

    def load(self, files: Files) -> None:
        """Create the tables from the Parquet files."""
        for name in files:
            self._connection.execute(f"CREATE TABLE {name} ({TABLES[name]})")
            for path in files[name]:
                self._connection.execute(f"INSERT INTO {name} SELECT * FROM '{path}'")

    def settle(self) -> None:
        """Write what is in the log to the file."""
        self._connection.execute("CHECKPOINT")

    def answer(self, workload: str, literals: dict[str, Any]) -> Answer:
        """Run the workload's statement, or upsert a batch."""
        if workload == "upsert":
            batch: pa.Table = literals["batch"]
            self._connection.register("batch", batch)
            self._connection.execute("INSERT OR REPLACE INTO events BY NAME SELECT * FROM batch")
            self._connection.unregister("batch")
            return []
        statement = STATEMENTS[workload]
        used = {name: value for name, value in literals.items() if f"${name}" in statement}
        return self._connection.execute(statement, used).fetchall()

    def stored_bytes(self) -> int:
        """Bytes of the database file and its log."""
        return directory_bytes(self._directory)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
