"""What a writer flushed is stored, what it could not store it gives back, nothing is doubled.

Kills the server with SIGKILL while records are being written and starts it again; loses answers;
sends bodies that the server finds too large; fills the outbox while nothing gets through; writes
from many threads; and breaks every rule of use.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bitbrook.client import (
    AsyncClient,
    AsyncWriter,
    Client,
    ConfigurationError,
    Deployment,
    NotFound,
    RecordsRefused,
    Refusal,
    Retries,
    Source,
    SourceSchema,
    WaitTimedOut,
    Writer,
    WriterClosed,
    WriterFailed,
)
from client.faulty_transport import FaultyTransport
from server_process import EMAIL, PASSWORD, ServerProcess

NEVER = 1e6


def counts(deployment: Deployment) -> tuple[int, int]:
    """How many records the table has, and the sum of their numbers."""
    count, total = deployment.sql("select count(*), sum(n) from t").rows()[0]
    return count, total or 0


def test_closing_stores_everything(deployment: Deployment, source: Source) -> None:
    with source.writer(batch_records=100, linger_s=NEVER) as writer:
        for at in range(2_550):
            writer.write({"id": at, "n": 1})
    assert counts(deployment) == (2_550, 2_550)
    assert (writer.written_count, writer.settled_count, writer.refused_count) == (2_550, 2_550, 0)
    assert sum(minute.requests for minute in source.metrics()) == 26


def test_flushing_stores_everything_so_far(deployment: Deployment, source: Source) -> None:
    with source.writer(linger_s=NEVER) as writer:
        writer.flush()
        for at in range(1, 4):
            writer.write({"id": at, "n": 1})
            writer.flush()
            assert counts(deployment) == (at, at)
            assert writer.settled_count == at


def test_lingering_records_go_by_themselves(deployment: Deployment, source: Source) -> None:
    told = threading.Event()
    with source.writer(linger_s=0.01, on_error=lambda refusal: told.set()) as writer:
        writer.write({"id": 1})
        # The refusal of the second arrives although nobody flushes.
        writer.write({"id": "bad"})
        assert told.wait(30)
        assert writer.settled_count >= 1


def test_records_are_taken_as_they_were(deployment: Deployment, source: Source) -> None:
    record: dict[str, Any] = {"species": "x", "amount": Decimal("0.10")}
    with source.writer(linger_s=NEVER) as writer:
        for at in range(3):
            record |= {"id": at, "n": at}
            writer.write(record)
        with pytest.raises(TypeError, match="object"):
            writer.write({"id": 9, "n": object()})
    rows = deployment.sql("select _id, n, amount from t").rows()
    assert rows == [(at, at, Decimal("0.10")) for at in range(3)]


def test_the_last_value_of_a_record_wins(deployment: Deployment, source: Source) -> None:
    with source.writer(batch_records=7) as writer:
        for n in range(1_000):
            writer.write({"id": n % 3, "n": n})
    assert deployment.sql("select n from t").rows() == [(999,), (997,), (998,)]


def test_refused_records_are_raised(deployment: Deployment, source: Source) -> None:
    writer = source.writer(batch_records=3)
    for at in range(10):
        writer.write({"id": at, "n": "five" if at % 4 == 0 else at, "amount": Decimal("1.50")})
    with pytest.raises(RecordsRefused, match="3 records were refused") as refused:
        writer.flush()
    assert refused.value.count == 3
    assert [each.record["id"] for each in refused.value.refusals] == [0, 4, 8]
    assert refused.value.refusals[0].code
    assert "'n'" in refused.value.refusals[0].message
    # What was raised is not raised again.
    writer.flush()
    writer.write({"id": "bad"})
    with pytest.raises(RecordsRefused, match="1 record was refused"):
        writer.close()
    writer.close()
    assert writer.refused_count == 4
    assert counts(deployment) == (7, 1 + 2 + 3 + 5 + 6 + 7 + 9)


def test_refused_records_are_told(source: Source) -> None:
    told: list[Refusal] = []
    with source.writer(batch_records=50, on_error=told.append) as writer:
        for at in range(5_000):
            writer.write({"id": at if at % 2 else f"no {at}"})
        writer.flush()
        assert [each.record for each in told] == [{"id": f"no {at}"} for at in range(0, 5_000, 2)]


def test_refusals_that_are_kept_are_bounded(source: Source) -> None:
    with pytest.raises(RecordsRefused) as refused, source.writer() as writer:  # noqa: PT012
        for _ in range(3_000):
            writer.write({"id": "bad"})
    assert refused.value.count == 3_000
    assert len(refused.value.refusals) == 1_000


def test_what_is_too_large_is_divided(deployment: Deployment, source: Source) -> None:
    # The server takes bodies of a million bytes; the batch has four, and one record too many.
    told: list[Refusal] = []
    with source.writer(linger_s=NEVER, on_error=told.append) as writer:
        for at in range(60):
            writer.write({"id": at, "n": 1, "rest": "x" * 60_000})
        writer.write({"id": 60, "rest": "x" * 1_100_000})
        writer.write({"id": 61, "n": 1})
    (refusal,) = told
    assert refusal.record["id"] == 60
    assert refusal.code == "LimitExceeded"
    assert counts(deployment) == (61, 61)


def test_a_failed_writer_gives_records_back(source: Source) -> None:
    writer = source.writer()
    writer.write({"id": 1})
    writer.flush()
    source.delete()
    source.wait_until_gone()
    record = {"id": 2, "amount": Decimal("2.50")}
    with pytest.raises(WriterFailed) as failed:  # noqa: PT012 - at some time
        for _ in range(100_000):
            writer.write(record)
    assert isinstance(failed.value.__cause__, NotFound)
    assert failed.value.records[0] == {"id": 2, "amount": "2.50"}
    for again in (writer.flush, writer.close, lambda: writer.write(record)):
        with pytest.raises(WriterFailed) as failed:
            again()
        assert len(failed.value.records) == writer.written_count - writer.settled_count


def test_on_error_that_uses_its_writer_stops_it(source: Source) -> None:
    writers: list[Writer] = []
    uses: list[Callable[[Writer], object]] = [
        lambda writer: writer.write({"id": 1}),
        Writer.flush,
        Writer.close,
    ]
    for use in uses:
        writers.append(source.writer(on_error=lambda refusal, use=use: use(writers[-1])))
        writers[-1].write({"id": "bad"})
        with pytest.raises(WriterFailed) as failed:
            writers[-1].close()
        assert isinstance(failed.value.__cause__, ConfigurationError)


def test_an_error_of_the_caller_comes_through(deployment: Deployment, source: Source) -> None:
    with pytest.raises(ZeroDivisionError) as raised, source.writer(linger_s=NEVER) as writer:  # noqa: PT012
        writer.write({"id": 1, "n": 1})
        writer.write({"id": "bad"})
        raise ZeroDivisionError
    assert "1 record was refused" in raised.value.__notes__[0]
    assert counts(deployment) == (1, 1)


def test_a_closed_writer_takes_nothing(source: Source) -> None:
    writer = source.writer()
    writer.close()
    with pytest.raises(WriterClosed):
        writer.write({"id": 1})
    for options in ({"batch_records": 0}, {"linger_s": -1}, {"linger_s": float("nan")}):
        with pytest.raises(ConfigurationError):
            source.writer(**options)


def test_threads_share_a_writer(deployment: Deployment, source: Source) -> None:
    with source.writer(batch_records=64) as writer:

        def write(start: int) -> None:
            for at in range(start, start + 1_000):
                writer.write({"id": at, "n": 1})
            writer.flush()

        threads = [threading.Thread(target=write, args=(start * 1_000,)) for start in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts(deployment) == (6_000, 6_000)


def test_a_full_outbox_slows_the_caller(server: ServerProcess, source: Source) -> None:
    faults = FaultyTransport()
    with Client(server.url, email=EMAIL, password=PASSWORD, transport=faults) as client:
        client.sources.get(source.id)
        faults.gate.clear()
        writer = client.sources.writer(source, batch_records=10, linger_s=0)
        written = threading.Event()

        def write() -> None:
            for at in range(200):
                writer.write({"id": at, "n": 1})
            written.set()

        thread = threading.Thread(target=write)
        thread.start()
        with pytest.raises(WaitTimedOut):
            writer.flush(timeout_s=0.3)
        # At most ten batches wait behind the one under way.
        assert writer.written_count <= 110
        assert writer.settled_count == 0
        assert not written.is_set()
        faults.gate.set()
        thread.join()
        writer.close()
        assert writer.settled_count == 200


def test_lost_answers_double_nothing(
    server: ServerProcess, deployment: Deployment, source: Source
) -> None:
    faults = FaultyTransport(lambda request: request.url.path == f"/v1/sinks/{source.id}")
    retries = Retries(first_wait_s=0.001)
    with (
        Client(
            server.url, email=EMAIL, password=PASSWORD, retries=retries, transport=faults
        ) as client,
        client.sources.writer(source, batch_records=10) as writer,
    ):
        for n in range(300):
            faults.lose_answer = int(n % 20 == 0)
            writer.write({"id": n % 50, "n": n})
            writer.flush()
    requests = faults.seen("POST", f"/v1/sinks/{source.id}")
    keys = [request.headers["idempotency-key"] for request in requests]
    assert len(requests) == 315
    assert len(set(keys)) == 300
    # Each record was taken once: what came again under its key is not counted.
    assert sum(minute.records for minute in source.metrics()) == 300
    assert counts(deployment) == (50, sum(range(250, 300)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Restarts:
    """A server that can be killed and started again on its port and data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.server = self.start()

    def start(self) -> ServerProcess:
        return ServerProcess(self.data, "--port", str(self.port))

    def kill_and_start(self) -> None:
        self.server.kill()
        self.server.__exit__()
        self.server = self.start()


def test_killing_the_server_loses_and_doubles_nothing(tmp_path: Path, schema: SourceSchema) -> None:
    restarts = Restarts(tmp_path / "data")
    with Client(restarts.server.url, email=EMAIL, password=PASSWORD) as client:
        deployment = client.deployments.create("d").wait_until_running()
        deployment.tables.create("t")
        source = client.sources.create("s", deployment, "t", schema).wait_until_running()
        writer = source.writer(batch_records=100, linger_s=0.01)
        stop = threading.Event()
        written = 0

        def write() -> None:
            nonlocal written
            while not stop.is_set():
                # One record is written all the time, its number ever greater.
                writer.write({"id": 0, "n": written})
                writer.write({"id": written + 1, "n": 1})
                written += 1

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(2):
                settled = writer.settled_count
                while writer.settled_count < settled + 2_000:
                    assert thread.is_alive()
                    stop.wait(0.001)
                restarts.kill_and_start()
        finally:
            stop.set()
            thread.join()
        writer.close()
        assert writer.settled_count == writer.written_count == 2 * written
        assert deployment.sql("select n from t where _id = 0").scalar() == written - 1
        assert deployment.sql("select count(*), sum(n) from t where _id > 0").rows() == [
            (written, written)
        ]
        assert deployment.sql("select count(distinct _id) from t").scalar() == written + 1
    assert restarts.server.stop() == 0
    restarts.server.__exit__()


def test_a_kill_between_storing_and_answering(tmp_path: Path, schema: SourceSchema) -> None:
    # The records are stored, the server dies before it answers, and before they come again
    # somebody else overwrites one of them: that one must stay.
    restarts = Restarts(tmp_path / "data")
    faults = FaultyTransport(lambda request: "/sinks/" in request.url.path)
    url = restarts.server.url
    with (
        Client(url, email=EMAIL, password=PASSWORD) as other,
        Client(url, email=EMAIL, password=PASSWORD, transport=faults) as client,
    ):
        deployment = other.deployments.create("d").wait_until_running()
        deployment.tables.create("t")
        source = other.sources.create("s", deployment, "t", schema).wait_until_running()

        def die_and_overwrite() -> None:
            restarts.kill_and_start()
            source.send([{"id": 1, "n": 100}])

        faults.lose_answer, faults.after_loss = 1, die_and_overwrite
        with client.sources.writer(source, linger_s=NEVER) as writer:
            for at in range(3):
                writer.write({"id": at, "n": at})
        assert writer.settled_count == 3
        assert deployment.sql("select n from t").rows() == [(0,), (100,), (2,)]
        first, second = faults.seen("POST", f"/v1/sinks/{source.id}")
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert restarts.server.stop() == 0
    restarts.server.__exit__()


def test_async_writer_through_a_restart(tmp_path: Path, schema: SourceSchema) -> None:
    restarts = Restarts(tmp_path / "data")

    async def write_through() -> None:
        async with AsyncClient(restarts.server.url, email=EMAIL, password=PASSWORD) as client:
            deployment = await client.deployments.create("d")
            await deployment.wait_until_running()
            await deployment.tables.create("t")
            source = await client.sources.create("s", deployment, "t", schema)
            await source.wait_until_running()
            async with source.writer(batch_records=100, linger_s=0.01) as writer:
                for at in range(2_000):
                    await writer.write({"id": at, "n": 1})
                restart = asyncio.create_task(asyncio.to_thread(restarts.kill_and_start))
                for at in range(2_000, 4_000):
                    await writer.write({"id": at, "n": 1})
                await writer.flush()
                await restart
                result = await deployment.sql("select count(*), sum(n) from t")
                assert result.rows() == [(4_000, 4_000)]
                await writer.write({"id": 4_000})
            assert await deployment.pql("[t]Count(All())") == [4_001]

    asyncio.run(write_through())
    assert restarts.server.stop() == 0
    restarts.server.__exit__()


def test_async_writer_keeps_the_same_promises(server: ServerProcess, source: Source) -> None:
    async def write(writer: AsyncWriter, start: int) -> None:
        for at in range(start, start + 500):
            await writer.write({"id": at})
        await writer.flush()

    async def work() -> None:
        async with AsyncClient(server.url, email=EMAIL, password=PASSWORD) as client:
            told: list[Refusal] = []
            async with client.sources.writer(
                source, batch_records=20, on_error=told.append
            ) as writer:
                await asyncio.gather(*(write(writer, start) for start in range(0, 3_000, 500)))
                assert writer.settled_count == 3_000
                await writer.write({"id": "bad"})
                await writer.write({"id": "bad"})
                await writer.flush()
                assert [each.record["id"] for each in told] == ["bad", "bad"]
            with pytest.raises(WriterClosed):
                await writer.write({"id": 1})
            with pytest.raises(RecordsRefused) as refused:
                async with client.sources.writer(source, linger_s=NEVER) as writer:
                    await writer.write({"id": "bad"})
            assert refused.value.refusals[0].record == {"id": "bad"}
            with pytest.raises(WriterFailed) as failed:
                async with client.sources.writer("nosuch") as writer:
                    await writer.write({"id": 1})
            assert isinstance(failed.value.__cause__, NotFound)
            assert failed.value.records == ({"id": 1},)
            # Cancelling the caller while it waits does not stop what was written.
            writer = client.sources.writer(source, linger_s=NEVER)
            await writer.write({"id": 9_999})
            closing = asyncio.create_task(writer.close())
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            await writer.close()
            assert writer.settled_count == 1

    asyncio.run(work())
