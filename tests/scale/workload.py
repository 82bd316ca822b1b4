"""A counted ingest: clients that stream batches under keys until each is acknowledged, and ask.

Every record of a batch carries its tag, so that a part of a batch shows, and one record a client is
written by every batch, so that an old value shows. A batch that failed in any way is sent again
under the same Idempotency-Key until it is acknowledged.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import httpx

from api_client import ask_pql, create_source, create_table
from scale.history import History
from server_process import ServerProcess

BATCH = 20
CLIENTS = 2
SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": False,
    "definition": [
        {"name": "id", "path": ["id"], "type": "string"},
        {"name": "tag", "path": ["tag"], "type": "string", "config": {"Mutex": True}},
        {"name": "number", "path": ["number"], "type": "int"},
    ],
}
GIVEN_UP_AFTER_S = 60.0
RETRY_S = 0.1


class Workload:
    """Clients that write to and read from a table of their own. A context manager.

    `server`: gives the one to speak to, which may change. `failures`: what went wrong on the way,
    which is no fault as long as it was told.
    """

    def __init__(self, api: httpx.Client, deployment_id: str, server: Callable[[], ServerProcess]):
        self.deployment_id = deployment_id
        self.table = create_table(api, deployment_id)
        self.source_id = create_source(api, deployment_id, self.table, SCHEMA)
        self.history = History()
        self.acknowledged: set[str] = set()
        self.failures: Counter[str] = Counter()
        self.reads = 0
        self.longest_s = 0.0
        self._server = server
        self._is_done = threading.Event()
        self._is_given_up = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(number,)) for number in range(CLIENTS)
        ] + [threading.Thread(target=self._read)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_done.set()
        for thread in self._threads:
            thread.join(GIVEN_UP_AFTER_S)
        # Else a test that has failed would wait for ever for what it has broken.
        self._is_given_up.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, batches: int, *, timeout_s: float = 90.0) -> None:
        """Return once so many batches more are acknowledged."""
        wanted = len(self.acknowledged) + batches
        deadline = time.monotonic() + timeout_s
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, self.failures
            time.sleep(0.01)

    def check(self, api: httpx.Client) -> None:
        """Hold what is there against what was acknowledged; all clients have ended."""
        (groups,) = ask_pql(api, self.deployment_id, f"[{self.table}]GroupBy(Rows(tag))")
        found = {group["group"][0]["rowKey"]: group["count"] for group in groups}
        hot = {f"hot{number}": 1 for number in range(CLIENTS)}
        assert found == {**dict.fromkeys(self.acknowledged, BATCH), **hot}
        (total,) = ask_pql(api, self.deployment_id, f"[{self.table}]Count(All())")
        assert total == BATCH * len(self.acknowledged) + CLIENTS
        assert self.reads > 0
        faults = self.history.faults()
        assert not faults, faults[:5]

    def _write(self, client_number: int) -> None:
        with _Clients(self._server) as clients:
            self._write_until_done(client_number, clients)

    def _write_until_done(self, client_number: int, clients: "_Clients") -> None:
        number = 0
        while not self._is_done.is_set():
            number += 1
            tag = f"{client_number}.{number}"
            records = [
                {"value": {"id": f"{tag}/{at}", "tag": tag, "number": number}}
                for at in range(BATCH)
            ]
            hot = {"id": f"hot/{client_number}", "tag": f"hot{client_number}", "number": number}
            body = {"records": [*records, {"value": hot}]}
            began_s = time.monotonic()
            while not self._is_stored(clients, tag, body):
                if self._is_given_up.is_set():
                    return
                time.sleep(RETRY_S)
            self.history.note(f"hot/{client_number}", number, began_s, is_write=True)
            self.acknowledged.add(tag)

    def _is_stored(self, clients: "_Clients", tag: str, body: dict[str, Any]) -> bool:
        """Whether a batch is acknowledged this time."""
        try:
            answer = clients.client().post(
                f"/v1/sinks/{self.source_id}",
                json=body,
                headers={"Idempotency-Key": f"{self.table} {tag}"},
            )
        except (httpx.TransportError, AssertionError) as error:
            self.failures[type(error).__name__] += 1
            return False
        if answer.status_code != 200:
            self.failures[answer.text] += 1
            return False
        assert answer.json()["success_count"] == BATCH + 1, answer.text
        return True

    def _read(self) -> None:
        with _Clients(self._server) as clients:
            self._read_until_done(clients)

    def _read_until_done(self, clients: "_Clients") -> None:
        while not self._is_done.is_set():
            for client_number in range(CLIENTS):
                key = f"hot/{client_number}"
                statement = f'[{self.table}]Extract(ConstRow(columns=["{key}"]), Rows(number))'
                began_s = time.monotonic()
                try:
                    (extracted,) = ask_pql(clients.client(), self.deployment_id, statement)
                except (httpx.TransportError, AssertionError) as error:
                    self.failures[f"read: {error}"] += 1
                    time.sleep(RETRY_S)
                    continue
                columns = extracted["columns"]
                number = columns[0]["rows"][0] if columns else 0
                self.history.note(key, number, began_s, is_write=False)
                self.reads += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began_s)


class _Clients:
    """One thread's client of the server of the moment; a context manager."""

    def __init__(self, server: Callable[[], ServerProcess]) -> None:
        self._server = server
        self._known: tuple[str, httpx.Client] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._known is not None:
            self._known[1].close()

    def client(self) -> httpx.Client:
        """Return a client, signed in; a new one if the server is another."""
        server = self._server()
        if self._known is None or self._known[0] != server.url:
            self.__exit__()
            self._known = None
            self._known = (server.url, server.client(server.token()))
        return self._known[1]
