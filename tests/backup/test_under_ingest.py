"""A backup taken under full ingest restores to exactly the acknowledged prefix.

Clients stream numbered batches without a pause into a server that checkpoints all the time, and
backups are taken meanwhile. Of each client a restored backup must have the batches 0 to n and no
other, each whole; all that was acknowledged before the backup began, and nothing that was sent only
after it had ended. Then the original is checked while it is still being written to.
"""

import threading
import time
from pathlib import Path

import httpx

from api_client import ask_pql, create_deployment, create_source, create_table
from command import run
from server_process import ServerProcess

CLIENTS = 3
BATCH = 40
BACKUPS = 3
FLAGS = ("--checkpoint-log-bytes", "20000", "--checkpoint-age-s", "0.2")
SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": False,
    "definition": [
        {"name": "id", "path": ["id"], "type": "string"},
        {"name": "tag", "path": ["tag"], "type": "string", "config": {"Mutex": True}},
        {"name": "number", "path": ["number"], "type": "int"},
    ],
}


class Client:
    """Streams batches 0, 1, 2... until told to stop. `sent` and `acknowledged`: how many were."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent = 0
        self.acknowledged = 0
        self.must_stop = threading.Event()
        self.refusal = ""

    def write(self, server: ServerProcess, token: str, source_id: str) -> None:
        with server.client(token) as client:
            while not self.must_stop.is_set():
                number, self.sent = self.sent, self.sent + 1
                tag = f"{self.number}.{number}"
                values = [
                    {"id": f"{tag}/{at}", "tag": tag, "number": number} for at in range(BATCH - 1)
                ]
                hot = {"id": f"hot/{self.number}", "tag": f"hot{self.number}", "number": number}
                records = [{"value": value} for value in (*values, hot)]
                answer = client.post(f"/v1/sinks/{source_id}", json={"records": records})
                if answer.status_code != 200 or answer.json()["success_count"] != BATCH:
                    self.refusal = answer.text
                    return
                self.acknowledged = number + 1


def batches_of(api: httpx.Client, deployment_id: str, table: str, client: int) -> set[int]:
    """The numbers of a client's batches, each of which must be whole."""
    (groups,) = ask_pql(api, deployment_id, f"[{table}]GroupBy(Rows(tag))")
    found = {}
    for group in groups:
        owner, _, number = group["group"][0]["rowKey"].partition(".")
        if owner == str(client):
            found[int(number)] = group["count"]
    assert set(found.values()) <= {BATCH - 1}, found
    return set(found)


def test_a_backup_is_exactly_a_prefix(tmp_path: Path) -> None:
    data, repository = tmp_path / "data", tmp_path / "backups"
    clients = [Client(number) for number in range(CLIENTS)]
    bounds = []
    with ServerProcess(data, *FLAGS) as server:
        token = server.token()
        with server.client(token) as api:
            deployment_id = create_deployment(api)
            table = create_table(api, deployment_id)
            source_id = create_source(api, deployment_id, table, SCHEMA)
        threads = [
            threading.Thread(target=client.write, args=(server, token, source_id))
            for client in clients
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(BACKUPS):
                so_far = clients[0].acknowledged
                deadline = time.monotonic() + 30
                while clients[0].acknowledged < so_far + 20:
                    assert time.monotonic() < deadline, clients[0].refusal
                    time.sleep(0.01)
                least = [client.acknowledged for client in clients]
                run("backup", "create", repository, "--data", data)
                bounds.append((least, [client.sent for client in clients]))
            said = run("check", data)
            assert "beside the server" in said
            assert "everything is what was written" in said
        finally:
            for client in clients:
                client.must_stop.set()
            for thread in threads:
                thread.join()
        assert not any(client.refusal for client in clients)
    listed = run("backup", "list", repository).splitlines()
    assert len(listed) == BACKUPS
    run("backup", "verify", repository, "--all")
    for at, (line, (least, most)) in enumerate(zip(listed, bounds, strict=True)):
        restored = tmp_path / f"restored{at}"
        run("backup", "restore", repository, restored, "--backup", line.split()[0])
        run("check", restored)
        with ServerProcess(restored) as server, server.client(server.token()) as api:
            total = 0
            for client in clients:
                found = batches_of(api, deployment_id, table, client.number)
                assert found == set(range(len(found)))
                assert least[client.number] <= len(found) <= most[client.number]
                statement = (
                    f'[{table}]Extract(ConstRow(columns=["hot/{client.number}"]), Rows(number))'
                )
                (extracted,) = ask_pql(api, deployment_id, statement)
                assert extracted["columns"][0]["rows"][0] == len(found) - 1
                total += len(found) * (BATCH - 1) + 1
            (count,) = ask_pql(api, deployment_id, f"[{table}]Count(All())")
            assert count == total
            # It goes on where the backup was taken.
            more = {"records": [{"value": {"id": "new", "tag": "new", "number": 1}}]}
            assert api.post(f"/v1/sinks/{source_id}", json=more).json()["success_count"] == 1
