"""Nothing acknowledged is lost and nothing is doubled, whatever dies in the middle of an ingest.

An owner, a node, the server and PostgreSQL are killed, an owner is stopped for good, and a node
until others have taken over, then it wakes up, each while clients stream counted batches under keys
and read.
Afterwards exactly the acknowledged batches are there, in the tables and once in the log, and what
was read is what a single copy could have answered.
"""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from scale.counted_ingest import counted_ingest
from scale.stack import Running, Stack, eventually
from scale.workload import Workload

BEFORE = 15
AFTER = 25
HEAD, SECOND = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def workload(stack: Stack, api: httpx.Client, deployment_id: str) -> Iterator[Workload]:
    """An ingest that has begun, and is held against what is there at the end."""
    with counted_ingest(stack, api, deployment_id, before=BEFORE, after=AFTER) as workload:
        yield workload


def kill(stack: Stack, name: str, owner: Running) -> None:
    """End an owner; return when Ray has started it again."""
    os.kill(owner.pid, signal.SIGKILL)
    eventually(lambda: stack.nodes.owners().get(name, owner).pid != owner.pid)


def on_second(stack: Stack) -> tuple[str, Running]:
    """An owner on the second node: those that lost theirs go back to it by themselves."""
    eventually(lambda: SECOND in {owner.node for owner in stack.nodes.owners().values()})
    owners = stack.nodes.owners().items()
    return next((name, owner) for name, owner in owners if owner.node == SECOND)


def is_spread(stack: Stack, deployment_id: str) -> bool:
    """Whether each node has an owner of a deployment, and no more than that run."""
    owners = stack.nodes.owners().items()
    mine = [owner.node for name, owner in owners if name.startswith(f"{deployment_id}.")]
    return sorted(mine) == [HEAD, SECOND]


def test_an_owner_is_killed(stack: Stack, workload: Workload) -> None:
    before = stack.nodes.owners()
    name, owner = sorted(before.items())[0]
    kill(stack, name, owner)


def test_an_owner_is_stopped(stack: Stack, workload: Workload) -> None:
    before = stack.nodes.owners()
    name, owner = sorted(before.items())[0]
    os.kill(owner.pid, signal.SIGSTOP)
    eventually(lambda: len(stack.nodes.owners().keys() - before.keys()) == 1)
    workload.wait_for(5)
    # The cluster ends what does not move; how one wakes is in `test_stalled_owner`.
    eventually(lambda: name not in stack.nodes.owners())


def test_a_node_is_killed_and_comes_back(
    stack: Stack, deployment_id: str, workload: Workload
) -> None:
    name, owner = on_second(stack)
    stack.nodes.kill()
    eventually(lambda: stack.nodes.owners().get(name, owner).node == HEAD)
    workload.wait_for(5)
    stack.nodes.remove()
    refused = workload.failures.total()
    stack.nodes.add()
    eventually(lambda: is_spread(stack, deployment_id))
    workload.wait_for(5)
    # An owner that moves is waited for: nobody is refused.
    assert workload.failures.total() == refused, workload.failures


def test_a_node_is_stopped_and_wakes_after_the_take_over(stack: Stack, workload: Workload) -> None:
    """All of a machine stands still, as when it is moved; when it goes on, its time is over."""
    name, owner = on_second(stack)
    frozen = [stack.nodes.raylet(), owner.pid]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: stack.nodes.owners().get(name, owner).node == HEAD)
        workload.wait_for(5)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    workload.wait_for(5)
    stack.nodes.remove()
    stack.nodes.add()


def test_the_server_is_killed(stack: Stack, workload: Workload) -> None:
    stack.server.kill()
    before = stack.server
    stack.server = stack.serve()
    before.__exit__()
    workload.wait_for(5)


def test_postgres_is_killed_and_comes_back(stack: Stack, workload: Workload) -> None:
    stack.postgres.process.kill()
    stack.postgres.process.wait()
    try:
        refused = sum(workload.failures.values())
        eventually(lambda: sum(workload.failures.values()) > refused)
        # Whoever looks at the metrics meanwhile sees it, also for the first time.
        eventually(lambda: leases_over(stack) == leases(stack) > 0)
    finally:
        stack.postgres.start()
    eventually(lambda: leases_over(stack) == 0)


def leases(stack: Stack) -> float:
    """How many owners the server knows of."""
    return sum(each.value for each in stack.metrics() if each.name == "bitbrook_owners")


def leases_over(stack: Stack) -> float:
    """Of how many the lease is over, as far as it knows."""
    return sum(each.value for each in stack.metrics() if each.name == "bitbrook_owners_lease_over")
