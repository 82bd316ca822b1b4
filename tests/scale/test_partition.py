"""A node that is cut off neither acknowledges nor answers, and nothing is lost when it comes back.

One of two nodes is in a network namespace, with two wires: to Ray's head and the server, and to
PostgreSQL. In the middle of a counted ingest the second is cut, then both, and healed, and each
time it is looked from both sides whether the cut is there. Meanwhile the owner on that node is
asked and written to from its own side. Afterwards exactly what was acknowledged is there, once, and
what was read is what a single copy could have answered.
"""

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pytest
import sqlalchemy as sa

from api_client import ask_sql, unique_name
from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.requests import Asked, Refusal, Sent, Spending, form_of
from bitbrook.compute.routing import split_batch
from bitbrook.engine.batch import Batch, Operation, OperationKind, decode_batch, encode_batch
from bitbrook.engine.columns import SHARD_BITS
from bitbrook.engine.recovery import partition_name
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Written
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.sql import open_engine
from scale.counted_ingest import counted_ingest
from scale.namespace import Namespace, is_reached
from scale.stack import ENVIRONMENT, LEASE_S, Running, Stack, eventually
from scale.workload import Workload

BEFORE = 10
AFTER = 10
SHARDS = 32
CALL_TIMEOUT_S = 1.0


class FarNode:
    """A Ray node in the namespace. Whoever looks after it starts it again when it has ended."""

    def __init__(self, namespace: Namespace, head: str, log: Path) -> None:
        self._log = log
        self._command = namespace.command(
            str(Path(sys.executable).with_name("ray")),
            *("start", "--block", "--num-cpus=1", f"--address={head}"),
            f"--node-ip-address={namespace.cluster.far}",
            *(f"--memory={256 << 30}", f"--object-store-memory={100 << 20}"),
        )
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env={**os.environ, **ENVIRONMENT}
            )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Inside:
    """Who calls the owner `name` on its own node, about its part of a table of their own.

    `numbers`: the partitions that are there. `acknowledged`: what was written to them.
    """

    def __init__(self, stack: Stack, namespace: Namespace, table_id: str, name: str) -> None:
        self.name = name
        self.acknowledged: list[int] = []
        engine = open_engine(stack.database)
        ownership = Ownership(engine)
        definition = ownership.table(table_id)
        assert definition is not None
        self.schema = msgspec.msgpack.decode(definition, type=TableSchema)
        owners = ownership.owners_of(table_id)
        self.numbers = tuple(sorted(at for at, owner in owners.items() if owner == name))
        engine.dispose()
        program = Path(__file__).with_name("caller_process.py")
        self._process = subprocess.Popen(
            namespace.command(sys.executable, str(program)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT},
        )
        self._tell((f"ray://{stack.nodes.address}", settings_of(stack)))
        assert self._answer() == "ready"

    def ask(self) -> Any:
        """What the owner answers; None if it does not."""
        spending = Spending.of(Budget.starting_now(30.0))
        form = form_of(self.schema)
        return self._call(
            "ask",
            Asked(self.schema.id, form, False, self.numbers, CountRecords(), spending, "inside"),
        )

    def write(self, number: int) -> Any:
        """What the owner answers to one record a shard; None if it does not."""
        ids = [(shard << SHARD_BITS) + number for shard in range(SHARDS)]
        columns = {"_id": pa.array(ids, pa.uint64()), "number": pa.array([number] * SHARDS)}
        batch = Batch([Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))])
        parts = split_batch(batch, self.schema)
        bodies = {at: encode_batch(parts[at], self.schema) for at in self.numbers}
        form, expires_s = form_of(self.schema), time.time() + 3600
        sent = Sent(self.schema.id, form, False, bodies, f"w{number}", False, (), expires_s)
        answer = self._call("write", sent)
        if isinstance(answer, Written):
            self.acknowledged.append(number)
        return answer

    def logged(self, stack: Stack) -> dict[int, list[int]]:
        """The numbers in the log of each partition, in its order."""
        engine = open_engine(stack.database)
        log = Log(engine)
        found = {
            at: [
                decode_batch(entry.body, self.schema, where="")
                .operations[0]
                .records["number"][0]
                .as_py()
                for entry in log.read(partition_name(self.schema.id, at), after=0)
            ]
            for at in self.numbers
        }
        engine.dispose()
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _call(self, method: str, argument: Any) -> Any:
        self._tell((self.name, method, argument, CALL_TIMEOUT_S))
        return self._answer()

    def _tell(self, told: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(told, self._process.stdin)
        self._process.stdin.flush()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)


def settings_of(stack: Stack) -> OwnerSettings:
    """What tells a caller which owners are meant: those of this installation."""
    database = sa.make_url(stack.database).render_as_string(hide_password=False)
    policy = UpkeepPolicy()
    return OwnerSettings(database, str(stack.directory), str(stack.directory), 1, LEASE_S, policy)


@pytest.fixture(scope="module")
def far() -> Iterator[Namespace]:
    """The other machine."""
    with Namespace() as namespace:
        yield namespace


@pytest.fixture(scope="module")
def stack(far: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, Ray's head and a server here, each at the end of its wire."""
    directory = tmp_path_factory.mktemp("cut")
    with Stack(directory, head=far.cluster.near, database=far.database.near) as running:
        yield running


@pytest.fixture(scope="module")
def node(stack: Stack, far: Namespace) -> Iterator[FarNode]:
    """The node there, which has joined."""
    node = FarNode(far, stack.nodes.address, stack.directory / "far.log")
    eventually(lambda: far.cluster.far in stack.nodes.addresses())
    yield node
    node.close()


@pytest.fixture(scope="module")
def deployment_id(stack: Stack, node: FarNode) -> str:
    """A deployment of two owners, one on each node."""
    return stack.create_deployment()


@pytest.fixture(scope="module")
def owner(stack: Stack, far: Namespace, deployment_id: str) -> tuple[str, Running]:
    """The owner there."""
    [found] = [each for each in stack.nodes.owners().items() if each[1].node == far.cluster.far]
    return found


@pytest.fixture(scope="module")
def inside(
    stack: Stack, far: Namespace, deployment_id: str, owner: tuple[str, Running]
) -> Iterator[Inside]:
    """Who calls it from its own side, and has done so."""
    table = unique_name("t")
    with stack.server.client(stack.server.token()) as client:
        ask_sql(client, deployment_id, f"create table {table} (_id id, number int)")
        table_id = client.get(f"/v1/tables/{deployment_id}/{table}").json()["id"]
    inside = Inside(stack, far, table_id, owner[0])
    assert inside.numbers
    yield inside
    inside.close()


@pytest.fixture
def workload(stack: Stack, api: httpx.Client, deployment_id: str) -> Iterator[Workload]:
    """An ingest that has begun, and is held against what is there at the end."""
    with counted_ingest(stack, api, deployment_id, before=BEFORE, after=AFTER) as workload:
        yield workload


def wires_are(far: Namespace, stack: Stack, *, cluster: bool, database: bool) -> bool:
    """Whether each wire carries what is sent, from there to here and, to Ray's node, back."""
    head_port = int(stack.nodes.address.rpartition(":")[2])
    database_port = int(sa.make_url(stack.database).query["port"])  # type: ignore[arg-type]
    with far.inside():
        listening = socket.create_server((far.cluster.far, 0))
    with listening:
        found = (
            far.reaches(far.cluster.near, head_port),
            is_reached(far.cluster.far, listening.getsockname()[1]),
            far.reaches(far.database.near, database_port),
        )
    return found == (cluster, cluster, database)


def refuses(answer: Any) -> bool:
    """Whether an owner said that it is not the one to ask."""
    return isinstance(answer, Refusal) and answer.is_elsewhere


def test_a_node_that_only_loses_postgres_answers_nothing_until_it_is_back(
    stack: Stack,
    far: Namespace,
    owner: tuple[str, Running],
    inside: Inside,
    workload: Workload,
) -> None:
    name, running = owner
    assert wires_are(far, stack, cluster=True, database=True)
    assert isinstance(inside.write(1), Written)
    assert inside.ask()[0].count > 0
    with far.cut(far.database):
        assert wires_are(far, stack, cluster=True, database=False)
        eventually(lambda: refuses(inside.ask()))
        answers = [inside.write(number) for number in (2, 3)]
        assert not any(isinstance(answer, Written) for answer in answers), answers
        assert refuses(inside.ask())
        # Ray sees nothing of it.
        assert stack.nodes.owners()[name] == running
    assert wires_are(far, stack, cluster=True, database=True)
    workload.wait_for(5)
    eventually(lambda: isinstance(inside.write(4), Written))
    for numbers in inside.logged(stack).values():
        assert sorted({*numbers}) == sorted(numbers)
        assert {1, 4} <= {*numbers} <= {1, 2, 3, 4}


def test_what_is_locked_by_half_a_command_is_free_soon_after_a_cut(
    stack: Stack, far: Namespace, node: FarNode
) -> None:
    """PostgreSQL waits for the rest of what it has begun to read, and must not wait for hours."""
    free = sa.text("SELECT pg_try_advisory_xact_lock(7)")
    engine = open_engine(stack.database)
    with ExitStack() as opened:
        opened.callback(engine.dispose)
        with far.inside():
            lent = engine.raw_connection()
        opened.callback(lent.invalidate)
        there: Any = lent.driver_connection
        there.execute("SELECT pg_advisory_xact_lock(7)")
        there.pgconn.enter_pipeline_mode()
        there.pgconn.send_query_params(b"SELECT 1", [])
        there.pgconn.flush()
        here = opened.enter_context(engine.connect())
        opened.enter_context(far.cut(far.database))
        assert wires_are(far, stack, cluster=True, database=False)
        assert not here.execute(free).scalar()
        eventually(lambda: bool(here.execute(free).scalar()))


def test_a_node_is_cut_off_and_comes_back_after_the_take_over(
    stack: Stack, far: Namespace, node: FarNode, inside: Inside, workload: Workload
) -> None:
    assert isinstance(inside.write(11), Written)
    before = inside.logged(stack)
    assert wires_are(far, stack, cluster=True, database=True)
    with far.cut(far.cluster, far.database):
        assert wires_are(far, stack, cluster=False, database=False)
        eventually(lambda: refuses(inside.ask()))
        # Its place is taken here, where whoever is not cut off goes on.
        eventually(lambda: owners_here(stack, far) == 2)
        workload.wait_for(5)
        answers = [inside.write(number) for number in (12, 13)]
        assert not any(isinstance(answer, Written) for answer in answers), answers
        assert refuses(inside.ask()), "it lives on, and says so"
        assert not node.has_ended
    # What it had begun arrives now, too late. The cluster has buried the node, and tells it so.
    eventually(lambda: node.has_ended)
    assert inside.logged(stack) == before
    node.start()
    eventually(lambda: far.cluster.far in stack.nodes.addresses())
    assert wires_are(far, stack, cluster=True, database=True)
    workload.wait_for(5)
    assert inside.logged(stack) == before
    assert {11, *inside.acknowledged} <= {*before[inside.numbers[0]]}


def owners_here(stack: Stack, far: Namespace) -> int:
    """How many owners run on this side."""
    return sum(owner.node == far.cluster.near for owner in stack.nodes.owners().values())
