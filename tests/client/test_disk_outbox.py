"""A record that was pushed reaches its source once, whoever is throttled, cut off or killed.

Pushes through a source that takes a few records a second, a transport that loses requests and
answers, a server that is killed, and a process of its own that is killed again and again while it
sends. Afterwards the table has every record, the server counted each once, and the counters of the
outbox add up. Refused records are kept with their reasons, mended, and sent again.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitbrook.client import (
    Client,
    ConfigurationError,
    Deployment,
    DiskOutbox,
    OutboxCounts,
    Retries,
    Source,
    SourceSchema,
    WaitTimedOut,
    WriterClosed,
)
from client.faulty_transport import FaultyTransport
from client.test_faults import is_of_records
from server_process import EMAIL, PASSWORD, ServerProcess

SOON = Retries(first_wait_s=0.01, wait_s_max=0.1)
FLUSH_S = 60.0

_SENDER = """
import sys
from bitbrook.client import Client, DiskOutbox, Retries
url, email, password, source_id, path, first, count = sys.argv[1:]
with Client(url, email=email, password=password) as client:
    retries = Retries(first_wait_s=0.01, wait_s_max=0.1)
    outbox = DiskOutbox(client, source_id, path, batch_records=20, linger_s=0.0, retries=retries)
    for number in range(int(first), int(first) + int(count)):
        outbox.push({"id": number, "n": number})
        print(number, flush=True)
    outbox.flush()
    print("done", flush=True)
"""


@pytest.fixture
def faults() -> FaultyTransport:
    return FaultyTransport(is_of_records)


@pytest.fixture
def shaky(server: ServerProcess, faults: FaultyTransport) -> Iterator[Client]:
    with Client(server.url, email=EMAIL, password=PASSWORD, transport=faults) as client:
        yield client


def stored(deployment: Deployment) -> int:
    count: int = deployment.sql("select count(*) from t").scalar()
    return count


def taken(source: Source) -> int:
    """How many records the server counted; one that it applied twice it counted twice."""
    return sum(minute.records for minute in source.metrics())


def test_a_throttled_source(
    client: Client, deployment: Deployment, source: Source, tmp_path: Path
) -> None:
    source.limit_rates(records_per_s=100)
    with DiskOutbox(client, source, tmp_path / "o", batch_records=60, retries=SOON) as outbox:
        outbox.push(*({"id": number} for number in range(150)))
        outbox.flush(FLUSH_S)
        assert outbox.counts == OutboxCounts(queued=0, sent=150, rejected=0, quarantined=0)
        assert outbox.last_error is None
    assert (stored(deployment), taken(source)) == (150, 150)


def test_lost_requests_and_answers(
    shaky: Client,
    faults: FaultyTransport,
    deployment: Deployment,
    source: Source,
    tmp_path: Path,
) -> None:
    faults.lose_request, faults.lose_answer = 2, 3
    with DiskOutbox(shaky, source.id, tmp_path / "o", batch_records=10, retries=SOON) as outbox:
        for number in range(100):
            outbox.push({"id": number, "amount": "1.25"})
        outbox.flush(FLUSH_S)
        assert outbox.counts.sent == 100
    assert (stored(deployment), taken(source)) == (100, 100)
    keys = [
        request.headers["idempotency-key"] for request in faults.requests if is_of_records(request)
    ]
    assert len(keys) == len(set(keys)) + 5


def test_refused_records_are_kept_and_sent_again(
    client: Client, deployment: Deployment, source: Source, tmp_path: Path
) -> None:
    path = tmp_path / "o"
    with DiskOutbox(client, source, path, retries=SOON) as outbox:
        outbox.push({"id": 1}, {"id": 2, "n": "many"}, {"id": 3, "amount": "1.234"}, {"id": 4})
        outbox.flush(FLUSH_S)
        assert outbox.counts == OutboxCounts(queued=0, sent=2, rejected=2, quarantined=2)
    with DiskOutbox(client, source, path, retries=SOON) as outbox:
        first, second = outbox.rejected()
        assert (first.record, first.code) == ({"id": 2, "n": "many"}, "InvalidValue")
        assert "digits after the point" in second.message
        assert outbox.retry([first.id]) == 1
        outbox.flush(FLUSH_S)
        assert outbox.counts == OutboxCounts(queued=0, sent=2, rejected=3, quarantined=2)
        assert outbox.discard([each.id for each in outbox.rejected()]) == 2
        assert outbox.rejected() == []
        assert outbox.counts == OutboxCounts(queued=0, sent=2, rejected=3, quarantined=0)
    assert stored(deployment) == 2


def test_a_request_that_is_refused_as_a_whole_is_halved(
    client: Client, deployment: Deployment, source: Source, tmp_path: Path
) -> None:
    """The server takes bodies of a million bytes, and texts of fewer than one of these has."""
    with DiskOutbox(client, source, tmp_path / "o", retries=SOON) as outbox:
        outbox.push(*({"id": n, "tags": ["x" * 40_000]} for n in range(40)))
        outbox.push({"id": 99, "species": "x" * 1_100_000})
        outbox.flush(FLUSH_S)
        counts = outbox.counts
        (refused,) = outbox.rejected()
    assert (counts.queued, counts.sent, counts.rejected) == (0, 40, 1)
    assert refused.record["id"] == 99
    assert stored(deployment) == 40


def test_what_waits_is_there_after_a_close(
    client: Client, deployment: Deployment, source: Source, tmp_path: Path
) -> None:
    source.pause()
    path = tmp_path / "o"
    with DiskOutbox(client, source, path, retries=SOON) as outbox:
        outbox.push({"id": 1}, {"id": 2})
        with pytest.raises(WaitTimedOut, match="PAUSED"):
            outbox.flush(0.3)
        assert outbox.counts.queued == 2
    with pytest.raises(WriterClosed):
        outbox.push({"id": 3})
    source.resume()
    with DiskOutbox(client, source, path, retries=SOON) as outbox:
        outbox.flush(FLUSH_S)
        assert outbox.counts.sent == 2
    assert stored(deployment) == 2


def test_files_that_cannot_be(client: Client, source: Source, tmp_path: Path) -> None:
    DiskOutbox(client, source, tmp_path / "o").close()
    with pytest.raises(ConfigurationError, match="of its own"):
        DiskOutbox(client, "another", tmp_path / "o")
    (tmp_path / "text").write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(ConfigurationError, match="no outbox"):
        DiskOutbox(client, source, tmp_path / "text")
    with pytest.raises(ConfigurationError, match="batch_records"):
        DiskOutbox(client, source, tmp_path / "p", batch_records=0)
    with DiskOutbox(client, source, tmp_path / "q") as outbox, pytest.raises(TypeError):
        outbox.push({"id": 1}, {"id": object()})
    assert outbox


def start_sender(
    server: ServerProcess, source: Source, path: Path, first: int, count: int
) -> "subprocess.Popen[str]":
    words = [server.url, EMAIL, PASSWORD, source.id, str(path), str(first), str(count)]
    program = [sys.executable, "-c", _SENDER, *words]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def test_a_killed_sender(
    server: ServerProcess, client: Client, deployment: Deployment, source: Source, tmp_path: Path
) -> None:
    path = tmp_path / "o"
    pushed: set[int] = set()
    for attempt in range(3):
        with start_sender(server, source, path, 1_000 * attempt, 1_000) as sender:
            assert sender.stdout is not None
            for line in sender.stdout:
                pushed.add(int(line))
                if len(pushed) == 150 * (attempt + 1):
                    sender.send_signal(signal.SIGKILL)
            # What was pushed before the kill is in the file, whether or not its line came.
    with DiskOutbox(client, source, path, retries=SOON) as outbox:
        outbox.flush(FLUSH_S)
        counts = outbox.counts
    assert (counts.queued, counts.rejected) == (0, 0)
    found = {row[0] for row in deployment.sql("select _id from t").rows()}
    assert found >= pushed
    # The one push that a kill came in the middle of may be there as well.
    assert len(found) <= len(pushed) + 3
    assert counts.sent == taken(source) == len(found)


def test_a_killed_server(tmp_path: Path, schema: SourceSchema) -> None:
    data = tmp_path / "data"
    port = ""
    with ServerProcess(data) as first:
        port = first.url.rpartition(":")[2]
        client = Client(first.url, email=EMAIL, password=PASSWORD)
        deployment = client.deployments.create("d").wait_until_running()
        table = deployment.tables.create("t")
        source = client.sources.create("s", deployment, table, schema).wait_until_running()
        outbox = DiskOutbox(client, source, tmp_path / "o", batch_records=5, retries=SOON)
        for number in range(100):
            outbox.push({"id": number})
        first.kill()
        for number in range(100, 200):
            outbox.push({"id": number})
    with ServerProcess(data, "--port", port):
        outbox.flush(FLUSH_S)
        assert outbox.counts == OutboxCounts(queued=0, sent=200, rejected=0, quarantined=0)
        assert stored(deployment) == 200
        outbox.close()
        client.close()
