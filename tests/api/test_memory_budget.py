"""A statement that would gather more than it may says how much that is, and takes nothing down.

Starts a server with budgets of a few megabytes, asks for groups by the ten thousand, for all values
of all records and for all their ids, in both languages, one after the other and at once; and then
whether it still answers what fits, to the last group.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api_client import create_deployment
from server_process import ServerProcess

RECORDS, COLOURS = 50_000, 250
BUDGET, SHARED = 4 << 20, 6 << 20


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose statements may gather 4 MiB each and 6 MiB together."""
    data = tmp_path_factory.mktemp("bounded") / "data"
    flags = ("--query-memory-bytes-max", str(BUDGET), "--queries-memory-bytes-max", str(SHARED))
    with ServerProcess(data, *flags) as running:
        yield running
        assert running.stop() == 0, running.errors()
        assert "Traceback" not in running.errors(), running.errors()


@pytest.fixture(scope="module")
def path(bounded: ServerProcess) -> str:
    """Where to ask about 50,000 records, each with a number of its own and one of 250 colours."""
    with bounded.client(bounded.token()) as client:
        deployment_id = create_deployment(client)
        path = f"/v1/deployments/{deployment_id}/query"
        create = "create table t (_id id, n int min 0 max 1000000, colour string)"
        assert client.post(path, json={"language": "sql", "statement": create}).is_success
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerows((i, i * 7, f"c{i % COLOURS}") for i in range(RECORDS))
        insert = (
            "bulk insert into t (_id, n, colour) map (0 id, 1 int, 2 string) from 'lines' "
            "with batchsize 10000 format 'CSV' input 'UPLOAD'"
        )
        files = {"statement": (None, insert), "lines": ("lines.csv", lines.getvalue())}
        answer = client.post(path, files=files)
        assert answer.is_success, answer.text
        assert "error" not in answer.json(), answer.text
    return path


@pytest.fixture
def client(bounded: ServerProcess) -> Iterator[httpx.Client]:
    with bounded.client(bounded.token()) as client:
        yield client


@pytest.mark.parametrize(
    ("language", "statement", "what"),
    [
        ("pql", "[t]GroupBy(Rows(n), Rows(colour))", "groups"),
        ("sql", "select n, colour, sum(n) from t group by n, colour", "groups"),
        ("sql", "select _id, n, colour from t", "values"),
        ("pql", "[t]Extract(All(), Rows(n), Rows(colour))", "values"),
    ],
)
def test_what_is_too_much_is_refused(
    client: httpx.Client, path: str, language: str, statement: str, what: str
) -> None:
    """With the figure it needs, and the setting that allows it."""
    answer = client.post(path, json={"language": language, "statement": statement})
    told = answer.json()["error"]
    message = told if isinstance(told, str) else told["message"]
    assert f"({what})" in message, message
    needed = int(message.split(" bytes of memory")[0].rpartition(" ")[2].replace(",", ""))
    assert needed > BUDGET
    assert "query_memory_bytes_max" in message


def test_what_fits_is_whole(client: httpx.Client, path: str) -> None:
    """All 250 groups, and all 50,000 where nothing but their counts is asked for."""
    answer = client.post(path, json={"language": "pql", "statement": "[t]GroupBy(Rows(colour))"})
    groups = answer.json()["results"][0]
    counts = Counter({each["group"][0]["rowKey"]: each["count"] for each in groups})
    assert counts == Counter(f"c{i % COLOURS}" for i in range(RECORDS))
    statement = "select count(distinct n), count(*) from t"
    answer = client.post(path, json={"language": "sql", "statement": statement})
    assert answer.json()["data"] == [[RECORDS, RECORDS]]


def test_together_they_are_bounded_too(client: httpx.Client, path: str) -> None:
    """Whoever finds too little left is told to come again, and later there is enough."""
    statement = "[t]Extract(Limit(All(), limit=40000), Rows(n))"

    def ask(_: int) -> httpx.Response:
        return client.post(path, json={"language": "pql", "statement": statement})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(24)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} <= {503}
    assert all("queries_memory_bytes_max" in answer.text for answer in refused)
    assert all(answer.headers["retry-after"] for answer in refused)
    assert ask(0).status_code == 200
