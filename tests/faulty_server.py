"""A real server with one table and one source, and numbered records, for tests of faults."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from api_client import ask_pql, create_deployment, create_source, create_table
from server_process import ServerProcess

SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        {"name": "text", "path": ["text"], "type": "string"},
        {"name": "number", "path": ["number"], "type": "int"},
    ],
}


class FaultyServer:
    """A server that something will be done to. `acknowledged`: how many records were."""

    def __init__(self, data: Path, *flags: str) -> None:
        self._data, self._flags = data, flags
        self.server: Any = None
        self.acknowledged = 0
        self.refusals: list[httpx.Response] = []
        self.start()
        self.deployment_id = create_deployment(self.api)
        self.table, self.source_id = self.new_table()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.api.close()
        self.server.__exit__(kind, error, trace)

    def start(self) -> None:
        """Start it, on what is there, once it has ended."""
        if self.server is not None:
            self.api.close()
            self.server.__exit__()
        self.server = ServerProcess(self._data, *self._flags)
        self.api = self.server.client(self.server.token())

    def new_table(self) -> tuple[str, str]:
        """A further table and its source."""
        table = create_table(self.api, self.deployment_id)
        return table, create_source(self.api, self.deployment_id, table, SCHEMA)

    def send(self, count: int = 10, *, text_bytes: int = 0, tries: int = 1) -> httpx.Response:
        """The answer to the next records, sent again while they are refused."""
        for _ in range(tries):
            first = self.acknowledged
            values = [
                {"id": i, "number": i, "text": f"{i}".ljust(text_bytes, "-")}
                for i in range(first, first + count)
            ]
            answer = self.api.post(
                f"/v1/sinks/{self.source_id}", json={"records": [{"value": v} for v in values]}
            )
            if answer.status_code == 200:
                assert answer.json()["success_count"] == count
                self.acknowledged += count
                break
            self.refusals.append(answer)
        return answer

    def count(self, table: str = "") -> int:
        """How many records the table has."""
        (count,) = ask_pql(self.api, self.deployment_id, f"[{table or self.table}]Count(All())")
        return int(count)

    def sum(self) -> int:
        """The sum of all numbers."""
        (found,) = ask_pql(self.api, self.deployment_id, f"[{self.table}]Sum(field=number)")
        return int(found["value"])

    def check_complete(self) -> None:
        """All that was acknowledged is there, and nothing else."""
        assert self.count() == self.acknowledged
        assert self.sum() == self.acknowledged * (self.acknowledged - 1) // 2

    def ask(self, statement: str) -> httpx.Response:
        """The answer to a PQL statement, whatever it is."""
        body: dict[str, Any] = {"language": "pql", "statement": statement}
        return self.api.post(f"/v1/deployments/{self.deployment_id}/query", json=body)
