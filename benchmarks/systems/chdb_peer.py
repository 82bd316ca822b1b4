"""chDB (ClickHouse in process): MergeTree tables, two threads."""

import json
from pathlib import Path
from typing import Any

from chdb import session

from benchmarks.systems.base import Answer, Files, directory_bytes

EVENTS = (
    "id UInt64, species LowCardinality(String), country LowCardinality(String), "
    "tags Array(UInt64), age Int64, amount Decimal(9,2), active Bool, seen DateTime"
)
PEOPLE = "key String, country LowCardinality(String), amount Decimal(9,2)"
IRIS = (
    "id UInt64, sepallength Decimal(9,2), sepalwidth Decimal(9,2), petallength Decimal(9,2), "
    "petalwidth Decimal(9,2), species LowCardinality(String), seen DateTime"
)
TABLES = {"events": (EVENTS, "id"), "people": (PEOPLE, "key"), "iris": (IRIS, "id")}

STATEMENTS = {
    "count_and": (
        "SELECT count() FROM events "
        "WHERE country = '{country}' AND active AND species = '{species}'"
    ),
    "top_rows": "SELECT country, count() AS n FROM events GROUP BY country ORDER BY n DESC, 1",
    "group_sum": (
        "SELECT country, species, count(), sum(amount) FROM events GROUP BY 1, 2 ORDER BY 1, 2"
    ),
    "range_sum": "SELECT count(), sum(amount) FROM events WHERE amount BETWEEN {low} AND {high}",
    "range_sum_row": (
        "SELECT count(), sum(amount) FROM events "
        "WHERE amount BETWEEN {low} AND {high} AND species = '{species}'"
    ),
    "set_group": (
        "SELECT arrayJoin(tags) AS tag, count() FROM events "
        "WHERE country = '{country}' AND active GROUP BY tag ORDER BY tag"
    ),
    "select_ten": (
        "SELECT id, species, age FROM events WHERE country = '{country}' AND active "
        "ORDER BY id LIMIT 10"
    ),
    "point_id": "SELECT species, age FROM events WHERE id = {id}",
    "keyed_group": (
        "SELECT country, count(), sum(amount) FROM people "
        "WHERE amount BETWEEN {low} AND {high} GROUP BY 1 ORDER BY 1"
    ),
    "keyed_page": (
        "SELECT key, amount FROM people WHERE country = '{country}' ORDER BY key LIMIT 10"
    ),
    "point_key": "SELECT country, amount FROM people WHERE key = '{key}'",
}


class ChDB:
    """chDB over files in `directory`."""

    name = "chdb"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names: list[str] = []
        self._session = session.Session(str(directory))
        self._session.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
        self._session.query("USE bench")
        self._session.query("SET max_threads = 2")

    def load(self, files: Files) -> None:
        """Create the tables from the Parquet files."""
        for name in files:
            columns, key = TABLES[name]
            self._session.query(
                f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY {key}"
            )
            for path in files[name]:
                self._session.query(f"INSERT INTO {name} SELECT * FROM file('{path}', Parquet)")
            self._names.append(name)

    def settle(self) -> None:
        """Merge the parts of each table."""
        for name in self._names:
            self._session.query(f"OPTIMIZE TABLE {name} FINAL")

    def answer(self, workload: str, literals: dict[str, Any]) -> Answer:
        """Run the workload's statement; there is no upsert that is seen at once."""
        if workload == "upsert":
            raise NotImplementedError("MergeTree replaces rows in the background only")
        statement = STATEMENTS[workload].format(**literals)
        settings = " SETTINGS output_format_json_quote_64bit_integers = 0"
        answered = self._session.query(statement + settings, "JSONCompactEachRow")
        return [tuple(json.loads(line)) for line in str(answered).splitlines()]

    def stored_bytes(self) -> int:
        """Bytes of all parts."""
        return directory_bytes(self._directory)

    def close(self) -> None:
        """Close the session."""
        self._session.close()
