"""Nothing acknowledged is lost and no batch is torn, whenever the server is killed.

Kills a real server at random instants while clients stream batches into it, starts it again on the
same directory, and counts. Every record of a batch carries its tag, so that a batch of which a part
is there would show. One record is written by every batch, so that an old value would show too.
"""

import random
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from api_client import ask_pql, create_deployment, create_source, create_table
from server_process import ServerProcess

ROUNDS = 4
CLIENTS = 3
BATCH = 40
SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": False,
    "definition": [
        {"name": "id", "path": ["id"], "type": "string"},
        {"name": "tag", "path": ["tag"], "type": "string", "config": {"Mutex": True}},
        {"name": "number", "path": ["number"], "type": "int"},
    ],
}
FLAGS = ("--checkpoint-log-bytes", "20000", "--checkpoint-age-s", "0.2")


class Writer:
    """A client that streams batches until the server is gone.

    `sent` and `acknowledged`: tags. Batch n of client c has the tag `c.n`.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.last_acknowledged = -1
        self.refusals: list[str] = []

    def write(self, server: ServerProcess, token: str, source_id: str) -> None:
        with server.client(token) as client:
            while True:
                number, self.count = self.count, self.count + 1
                tag = f"{self.number}.{number}"
                records = [
                    {"value": {"id": f"{tag}/{at}", "tag": tag, "number": number}}
                    for at in range(BATCH)
                ]
                # One record a client is written by every batch: its last value must be kept.
                hot = {"id": f"hot/{self.number}", "tag": f"hot{self.number}", "number": number}
                self.sent.add(tag)
                try:
                    answer = client.post(
                        f"/v1/sinks/{source_id}", json={"records": [*records, {"value": hot}]}
                    )
                except httpx.TransportError:
                    return
                if answer.status_code != 200 or answer.json()["success_count"] != BATCH + 1:
                    self.refusals.append(answer.text)
                    return
                self.acknowledged.add(tag)
                self.last_acknowledged = number


def batches_found(api: httpx.Client, deployment_id: str, table: str) -> Counter[str]:
    """How many records there are of each tag."""
    (groups,) = ask_pql(api, deployment_id, f"[{table}]GroupBy(Rows(tag))")
    return Counter({group["group"][0]["rowKey"]: group["count"] for group in groups})


def check(api: httpx.Client, deployment_id: str, table: str, writers: list[Writer]) -> None:
    """All that was acknowledged is there, and of the rest all or nothing."""
    found = batches_found(api, deployment_id, table)
    for writer in writers:
        assert found.pop(f"hot{writer.number}", 0) <= 1
        statement = f'[{table}]Extract(ConstRow(columns=["hot/{writer.number}"]), Rows(number))'
        (extracted,) = ask_pql(api, deployment_id, statement)
        (column,) = extracted["columns"]
        assert writer.last_acknowledged <= column["rows"][0] < writer.count
    sent = set().union(*(writer.sent for writer in writers))
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    assert found.keys() <= sent
    assert acknowledged <= found.keys(), sorted(acknowledged - found.keys())
    torn = {tag: count for tag, count in found.items() if count != BATCH}
    assert not torn, torn
    (total,) = ask_pql(api, deployment_id, f"[{table}]Count(All())")
    assert total == BATCH * len(found) + len(writers)


def test_kill_at_random_instants(tmp_path: Path) -> None:
    data = tmp_path / "data"
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    writers = [Writer(number) for number in range(CLIENTS)]
    deployment_id = table = source_id = ""
    for round_number in range(ROUNDS):
        with ServerProcess(data, *FLAGS) as server:
            token = server.token()
            with server.client(token) as api:
                if round_number == 0:
                    deployment_id = create_deployment(api)
                    table = create_table(api, deployment_id)
                    source_id = create_source(api, deployment_id, table, SCHEMA)
                else:
                    check(api, deployment_id, table, writers)
            threads = [
                threading.Thread(target=writer.write, args=(server, token, source_id))
                for writer in writers
            ]
            before = sum(len(writer.acknowledged) for writer in writers)
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + 30
            while sum(len(writer.acknowledged) for writer in writers) < before + 20:
                assert time.monotonic() < deadline, server.errors()
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.8))
            server.kill()
            for thread in threads:
                thread.join()
            assert not any(writer.refusals for writer in writers), (seed, writers[0].refusals)
    with ServerProcess(data, *FLAGS) as server, server.client(server.token()) as api:
        check(api, deployment_id, table, writers)
        assert api.get(f"/v1/sinks/{source_id}").json()["status"] == "RUNNING"
