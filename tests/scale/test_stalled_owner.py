"""An owner that was stopped and wakes after the take-over neither acknowledges nor answers.

Two processes under one log: one is stopped with SIGSTOP at any moment of a stream of writes, and
more calls than it has answered wait in its pipe; another takes its place and takes writes. Then the
first one goes on with what waits. Whatever it acknowledged must be in the log, once and before what
the other appended; what it did not, it must have refused, and every question too.
"""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import CountRecords
from bitbrook.compute.actor import OwnerSettings
from bitbrook.compute.requests import Asked, Refusal, Sent, Spending, form_of
from bitbrook.engine.batch import Batch, Operation, OperationKind, decode_batch, encode_batch
from bitbrook.engine.upkeep import UpkeepPolicy
from bitbrook.engine.writer import Written
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.ownership import Held, Ownership, Placement
from bitbrook.stores.sql import open_engine
from postgres_process import PostgresProcess
from scale.stack import eventually

SCHEMA = TableSchema("t", "things", fields=(FieldSchema("number", FieldType.INT, id=1),))
LEASE_S = 1.0
WRITES = 60
ROUNDS = 2


class OwnerProcess:
    """An owner in a process of its own."""

    def __init__(self, name: str, settings: OwnerSettings) -> None:
        program = Path(__file__).with_name("owner_process.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._tell((name, settings))

    def send(self, method: str, *arguments: Any) -> None:
        self._tell((method, arguments))

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return pickle.load(self.process.stdout)

    def call(self, method: str, *arguments: Any) -> Any:
        self.send(method, *arguments)
        return self.answer()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _tell(self, told: Any) -> None:
        assert self.process.stdin is not None
        pickle.dump(told, self.process.stdin)
        self.process.stdin.flush()


@pytest.fixture
def log_url() -> Iterator[str]:
    with PostgresProcess() as running:
        yield running.create_database()


def sent(number: int) -> Sent:
    columns = {"_id": pa.array([number], pa.uint64()), "number": pa.array([number])}
    batch = Batch([Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))])
    bodies = {0: encode_batch(batch, SCHEMA)}
    expires_s = time.time() + 3600
    return Sent("t", form_of(SCHEMA), False, bodies, str(number), False, (), expires_s)


def asked() -> Asked:
    spending = Spending.of(Budget.starting_now(30.0))
    return Asked("t", form_of(SCHEMA), False, (0,), CountRecords(), spending, "s")


def logged(log: Log) -> list[int]:
    """The numbers of all batches in the log, in its order."""
    return [
        decode_batch(each.body, SCHEMA, where="").operations[0].records["number"][0].as_py()
        for each in log.read("t.0", after=0)
    ]


@pytest.fixture
def settings(log_url: str, tmp_path: Path) -> OwnerSettings:
    return OwnerSettings(
        log_database=log_url,
        storage=str(tmp_path),
        cache_directory=str(tmp_path / "cache"),
        cache_bytes_max=1 << 30,
        lease_s=LEASE_S,
        upkeep_policy=UpkeepPolicy(log_bytes=1 << 40, checkpoint_age_s=1e9),
    )


@pytest.fixture
def ownership(log_url: str) -> Iterator[Ownership]:
    """One owner with one partition of one table."""
    engine = open_engine(log_url)
    ownership = Ownership(engine)
    ownership.place(Placement("d", 1, 1), ["d.1.0.0"])
    ownership.store_table("t", "d", msgspec.msgpack.encode(SCHEMA))
    ownership.assign({Held("t.0", "t", 0): "d.1.0.0"})
    yield ownership
    engine.dispose()


def test_an_owner_is_stopped_and_wakes_after_the_take_over(
    ownership: Ownership, settings: OwnerSettings, log_url: str
) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    engine = open_engine(log_url)
    log = Log(engine)
    with ExitStack() as running:
        running.callback(engine.dispose)
        owners = [begun(running, "d.1.0.0", settings)]
        for attempt in range(ROUNDS):
            stopped, first = owners[-1], 1 + attempt * (WRITES + 1)
            assert stopped.call("ask", asked())[0].count == len(logged(log))
            for number in range(first, first + WRITES):
                stopped.send("write", sent(number))
            stopped.send("ask", asked())
            time.sleep(chance.uniform(0, 0.3))
            os.kill(stopped.process.pid, signal.SIGSTOP)
            name = f"d.1.0.{attempt + 1}"
            replace(ownership, f"d.1.0.{attempt}", name)
            owners.append(begun(running, name, settings))
            assert isinstance(owners[-1].call("write", sent(first + WRITES)), Written)
            before = logged(log)
            os.kill(stopped.process.pid, signal.SIGCONT)
            answers = [stopped.answer() for _ in range(WRITES)]
            written = [isinstance(answer, Written) for answer in answers]
            acknowledged = {first + at for at, is_written in enumerate(written) if is_written}
            assert all(isinstance(each, Written | Refusal) for each in answers), (seed, answers)
            stale = stopped.answer()
            assert isinstance(stale, Refusal) or all(written), (seed, stale)
            assert isinstance(stopped.call("ask", asked()), Refusal)
            assert isinstance(stopped.call("write", sent(first)), Refusal)
            assert logged(log) == before, seed
            assert acknowledged <= set(before), seed
            assert len(set(before)) == len(before), seed


def begun(running: ExitStack, name: str, settings: OwnerSettings) -> OwnerProcess:
    """A process that has begun; it is ended with the test."""
    owner = OwnerProcess(name, settings)
    running.callback(owner.close)
    eventually(lambda: owner.call("ping") != "")
    return owner


def replace(ownership: Ownership, name: str, successor: str) -> None:
    eventually(lambda: ownership.replace_owner(name, successor, over_for_s=0.2))
