"""Reads go on while owners stand still and die, each with every write that was acknowledged.

A counted ingest streams and reads while an owner is stopped until another takes its place, while a
node goes, and while an owner is killed whose logs were trimmed beyond a replica that stood still
before. No read fails in all this, all of them together are what a single copy could have
answered, and the metrics tell that replicas answered. A second server asks the same owners.
"""

import os
import re
import signal
from collections.abc import Iterator

import httpx
import pytest

from api_client import ask_sql, create_source, create_table, stream, unique_name
from scale.stack import METRICS_TOKEN, SHAPE, Running, Stack, eventually
from scale.workload import Workload
from server_process import ServerProcess

BEFORE = 10
AFTER = 10
READS = 20
HEAD, SECOND = "127.0.0.2", "127.0.0.3"


@pytest.fixture(scope="module")
def replicated(stack: Stack) -> Iterator[ServerProcess]:
    """A server of the stack that wants a replica of each owner, and small logs."""
    settings = {**stack.settings(), "read_replicas": "1", "checkpoint_log_bytes": "30000"}
    flags = [
        text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", value)
    ]
    with ServerProcess(stack.directory / "replicated", *flags) as running:
        yield running
    # A server that wants none ends those that there are.
    with stack.serve():
        assert not [name for name in stack.nodes.owners() if is_replica(name)]


@pytest.fixture(scope="module")
def deployment(stack: Stack, replicated: ServerProcess) -> Iterator[str]:
    """A deployment of two owners, each with a replica on the other node."""
    with replicated.client(replicated.token()) as client:
        body = {"name": unique_name("d"), "deployment_options": {"shape": SHAPE}}
        deployment_id = str(client.post("/v1/deployments", json=body).json()["id"])
        path = f"/v1/deployments/{deployment_id}"
        eventually(lambda: client.get(path).json()["status"] == "RUNNING")
        eventually(lambda: len(of_deployment(stack, deployment_id)) == 4)
        yield deployment_id
        for source in client.get("/v1/sinks").json()["sinks"]:
            if source["sink_details"]["deployment_id"] == deployment_id:
                client.delete(f"/v1/sinks/{source['id']}")
                eventually(
                    lambda id_=source["id"]: client.get(f"/v1/sinks/{id_}").status_code == 404
                )
        for table in client.get(f"/v1/tables/{deployment_id}").json()["tables"]:
            client.delete(f"/v1/tables/{deployment_id}/{table['name']}")
        eventually(lambda: not client.get(f"/v1/tables/{deployment_id}").json()["tables"])
        client.delete(path)
        eventually(lambda: client.get(path).status_code == 404)
        eventually(lambda: not of_deployment(stack, deployment_id))


@pytest.fixture
def client(replicated: ServerProcess) -> Iterator[httpx.Client]:
    """A client of that server, signed in."""
    with replicated.client(replicated.token()) as client:
        yield client


@pytest.fixture
def workload(
    stack: Stack, client: httpx.Client, replicated: ServerProcess, deployment: str
) -> Iterator[Workload]:
    """An ingest that has begun, during which no read may fail."""
    workload = Workload(client, deployment, lambda: replicated)
    with workload:
        workload.wait_for(BEFORE)
        yield workload
        workload.wait_for(AFTER)
    failed = [reason for reason in workload.failures if reason.startswith("read:")]
    assert not failed, failed[:3]
    workload.check(client)
    # The server of the stack, which has no replicas, answers the same.
    with stack.server.client(stack.server.token()) as plain:
        workload.check(plain)


def is_replica(name: str) -> bool:
    return name.rpartition(".")[2].startswith("r")


def of_deployment(stack: Stack, deployment: str) -> dict[str, Running]:
    found = stack.nodes.owners().items()
    return {name: each for name, each in found if name.startswith(f"{deployment}.")}


def running(stack: Stack, deployment: str) -> dict[str, Running]:
    """The owners of a deployment, by name."""
    found = of_deployment(stack, deployment)
    return {name: found[name] for name in sorted(found) if not is_replica(name)}


def counted(client: httpx.Client, name: str) -> float:
    """A counter of the server, all labels together."""
    scraped = client.get("/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"}).text
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", scraped, re.MULTILINE)
    return sum(map(float, found))


def wait_for_reads(workload: Workload, reads: int = READS) -> None:
    wanted = workload.reads + reads
    eventually(lambda: workload.reads >= wanted)


def are_apart(stack: Stack, deployment: str) -> bool:
    """Whether there are two owners on two nodes, and a replica of each on the other node."""
    slots: dict[str, dict[bool, str]] = {}
    for name, each in of_deployment(stack, deployment).items():
        slots.setdefault(name.rpartition(".")[0], {})[is_replica(name)] = each.node
    nodes = [(slot.get(False), slot.get(True)) for slot in slots.values()]
    return sorted(nodes, key=str) == [(HEAD, SECOND), (SECOND, HEAD)]


def test_an_owner_and_its_replica_are_on_different_nodes(stack: Stack, deployment: str) -> None:
    assert are_apart(stack, deployment)


def test_an_owner_stands_still_until_another_has_its_place(
    stack: Stack, client: httpx.Client, deployment: str, workload: Workload
) -> None:
    owners = running(stack, deployment)
    name, owner = sorted(owners.items())[0]
    won = counted(client, "bitbrook_hedges_won_total")
    os.kill(owner.pid, signal.SIGSTOP)
    wait_for_reads(workload)
    # All of these were answered while nobody had taken the place.
    assert running(stack, deployment).keys() == owners.keys()
    assert counted(client, "bitbrook_hedges_won_total") - won >= READS / 2
    eventually(lambda: len(running(stack, deployment).keys() - owners.keys()) == 1)
    workload.wait_for(5)
    eventually(lambda: name not in running(stack, deployment))


def test_a_replica_stands_still_while_logs_are_trimmed(
    stack: Stack, client: httpx.Client, deployment: str, workload: Workload
) -> None:
    """It wakes behind the log, and then its owner is killed: what is read meanwhile it answers."""
    name, owner = sorted(running(stack, deployment).items())[1]
    replica = of_deployment(stack, deployment)[f"{name.rpartition('.')[0]}.r1"]
    os.kill(replica.pid, signal.SIGSTOP)
    # Logs are trimmed every dozen batches.
    workload.wait_for(20)
    won = counted(client, "bitbrook_hedges_won_total")
    os.kill(owner.pid, signal.SIGKILL)
    os.kill(replica.pid, signal.SIGCONT)
    wait_for_reads(workload)
    assert counted(client, "bitbrook_hedges_won_total") > won
    eventually(lambda: running(stack, deployment).get(name, owner).pid != owner.pid)


def test_what_became_of_a_table_is_answered_without_its_owners(
    stack: Stack, client: httpx.Client, deployment: str
) -> None:
    """A column is added, records come, and nobody but replicas runs; the table goes meanwhile."""
    table = create_table(client, deployment)
    source_id = create_source(client, deployment, table)
    ask_sql(client, deployment, f"alter table {table} add column extra int")
    values = [{"id": number << 20, "amount": 1, "species": "a"} for number in range(3)]
    token = stream(client, source_id, values)["min_seq"]
    ask_sql(client, deployment, f"insert into {table} (_id, extra) values (0, 7), (1048576, 8)")
    owners = running(stack, deployment)
    for owner in owners.values():
        os.kill(owner.pid, signal.SIGSTOP)
    try:
        statement = f"select sum(extra), count(*) from {table}"
        body = {"language": "sql", "statement": statement}
        path = f"/v1/deployments/{deployment}/query"
        answer = client.post(path, json=body, headers={"X-Min-Seq": token})
        assert answer.json()["data"] == [[15, 3]], answer.text
        assert client.delete(f"/v1/sinks/{source_id}").is_success
        eventually(lambda: client.get(f"/v1/sinks/{source_id}").status_code == 404)
        assert client.delete(f"/v1/tables/{deployment}/{table}").is_success
        eventually(lambda: "not found" in client.post(path, json=body).text)
    finally:
        for owner in owners.values():
            os.kill(owner.pid, signal.SIGCONT)


def test_a_node_goes_with_an_owner_and_a_replica(
    stack: Stack, client: httpx.Client, deployment: str, workload: Workload
) -> None:
    """What it owned the other node's replica answers for; what it only read goes on there."""
    before = running(stack, deployment)
    assert {owner.node for owner in before.values()} == {HEAD, SECOND}
    hedged = counted(client, "bitbrook_hedges_won_total")
    stack.nodes.kill()
    # Its processes end a moment after it.
    eventually(lambda: counted(client, "bitbrook_hedges_won_total") > hedged)
    wait_for_reads(workload)
    eventually(lambda: all(owner.node == HEAD for owner in running(stack, deployment).values()))
    workload.wait_for(5)
    stack.nodes.remove()
    stack.nodes.add()
