"""Service tables tell what an organisation did, to whom it may be told, and stay within bounds.

Looks for its own requests, statements, batches, refused records and calls in SQL, joined and
grouped; as another user, by a bound key and as another organisation; and fills a table beyond what
it may hold.
"""

from typing import Any

import httpx
import pytest

from api_client import ask_sql, create_deployment, create_source, create_table, stream, unique_name
from bitbrook.clock import Clock
from bitbrook.control.service_rows import BATCH_ROWS, ServiceRows
from bitbrook.query.sql.service_tables import SERVICE_COLUMNS, ServiceTable
from server_process import PASSWORD, ServerProcess

NAMES = [str(each) for each in ServiceTable]


class Place:
    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        self.deployment_id = create_deployment(api)
        self.table = create_table(api, self.deployment_id)
        self.source_id = create_source(api, self.deployment_id, self.table)

    def rows(self, statement: str) -> list[Any]:
        return ask_sql(self.api, self.deployment_id, statement)


@pytest.fixture(scope="module")
def place(api: httpx.Client) -> Place:
    return Place(api)


def test_they_are_listed_where_it_is_asked_for(place: Place) -> None:
    listed = [row[1] for row in place.rows("show tables with system")]
    assert set(NAMES) < set(listed)
    assert not set(NAMES) & {row[1] for row in place.rows("show tables")}
    for table in ServiceTable:
        shown = place.rows(f"show columns from {table}")
        assert [row[1] for row in shown] == [name for name, _ in SERVICE_COLUMNS[table]]
        assert place.rows(f"select count(*) from {table}")[0][0] >= 0


def test_requests_and_queries(place: Place) -> None:
    request_id = unique_name("request") + "x"
    statement = f"select count(*) from {place.table}"
    body = {"language": "sql", "statement": statement}
    path = f"/v1/deployments/{place.deployment_id}/query"
    place.api.post(path, json=body, headers={"X-Request-Id": request_id}).raise_for_status()
    joined = place.rows(
        "select r.method, r.path, r.status, q.language, q.statement, q.status, q.rows_returned "
        "from bitbrook_requests r join bitbrook_queries q on r.request_id = q.request_id "
        f"where r.request_id = '{request_id}'"
    )
    assert joined == [["POST", path, 200, "sql", statement, "SUCCEEDED", 1]]
    place.api.post(path, json={**body, "statement": "select nope"}, headers={"X-Request-Id": "f"})
    failed = place.rows(
        "select status, error is null from bitbrook_queries where request_id = 'f' limit 1"
    )
    assert failed == [["FAILED", False]]
    grouped = place.rows(
        "select action, count(*) as n from bitbrook_requests group by action order by n desc"
    )
    assert grouped[0][1] > 1


def test_ingest_and_errors(place: Place) -> None:
    outcome = stream(place.api, place.source_id, [{"id": 1}, {"id": 2, "amount": "x"}])
    assert outcome["error_count"] == 1
    of_source = f"where source_id = '{place.source_id}'"
    total = place.rows(
        f"select sum(records), sum(errors), sum(requests) from bitbrook_ingest {of_source}"
    )
    assert total == [[1, 1, 1]]
    (error,) = place.rows(
        f"select table_name, code, field, value, record from bitbrook_errors {of_source}"
    )
    assert error[0] == place.table
    assert error[2] == "amount"
    assert '"amount":"x"' in error[4]
    joined = place.rows(
        "select count(*) from bitbrook_errors e join bitbrook_requests r "
        f"on e.request_id = r.request_id where e.source_id = '{place.source_id}'"
    )
    assert joined == [[1]]


def test_whose_rows_are_told(place: Place, server: ServerProcess) -> None:
    email = f"{unique_name('teller')}@example.org"
    token = place.api.post("/v1/invites", json={"email": email}).json()["token"]
    place.api.post("/v1/invites/accept", json={"token": token, "password": PASSWORD})
    path = f"/v1/deployments/{place.deployment_id}/query"
    with server.client(server.token(email, PASSWORD)) as user:
        for table in ("bitbrook_requests", "bitbrook_queries"):
            statement = f'select distinct "user" from {table}'
            told = [
                user.post(path, json={"language": "sql", "statement": statement}).json()["data"]
                for _ in range(2)
            ][-1]
            assert told == [[email]]
    other = create_deployment(place.api)
    body = {"name": "k", "scopes": ["query"], "deployment_id": other}
    key = place.api.post("/v1/api-keys", json=body).json()["key"]
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}) as bound:
        for table in ("bitbrook_queries", "bitbrook_ingest", "bitbrook_errors"):
            statement = f"select distinct deployment_id from {table}"
            answer = bound.post(f"/databases/{other}/sql", content=statement)
            assert answer.json()["data"] in ([], [[other]]), table


class Still(Clock):
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def now_s(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Still:
    return Still()


def test_bounds_in_rows_and_age(clock: Still) -> None:
    rows = ServiceRows(rows_max=1_000, ttl_s=60.0, clock=clock)
    width = len(SERVICE_COLUMNS[ServiceTable.QUERIES]) - 1
    for number in range(5 * BATCH_ROWS + 3):
        moment = round(clock.now * 1_000_000)
        rows.add("one", ServiceTable.QUERIES, (moment, str(number), *filler(width - 1)))
    kept = rows.read("one", ServiceTable.QUERIES)
    assert kept.num_rows == 1_000
    assert kept.column("query_id")[-1].as_py() == str(5 * BATCH_ROWS + 2)
    assert rows.read("other", ServiceTable.QUERIES).num_rows == 0
    clock.now += 30
    rows.add("one", ServiceTable.QUERIES, (round(clock.now * 1e6), "late", *filler(width - 1)))
    clock.now += 40
    assert rows.read("one", ServiceTable.QUERIES).column("query_id").to_pylist() == ["late"]
    clock.now += 40
    assert rows.read("one", ServiceTable.QUERIES).num_rows == 0


def filler(count: int) -> list[None]:
    """Values of the columns that do not matter."""
    return [None] * count


def test_a_caller_without_a_right_is_refused(place: Place, server: ServerProcess) -> None:
    key = place.api.post("/v1/api-keys", json={"name": "k", "scopes": ["ingest"]}).json()["key"]
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}) as narrow:
        answer = narrow.post(
            f"/databases/{place.deployment_id}/sql", content="select * from bitbrook_errors"
        )
        assert answer.status_code == 403
