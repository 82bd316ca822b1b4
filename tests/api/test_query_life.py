"""A statement's life: it has an id, is seen while it runs, can be ended, and is remembered.

Statements that would run for minutes, finished by DuckDB or answered from bitmaps, are cancelled
by DELETE, by KILL QUERY, by a client that leaves and by their time; each must have left its thread.
One too many is refused, and users look for each other's statements.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api_client import ask_pql, ask_sql, create_deployment, unique_name
from server_process import ServerProcess

WAIT_S = 60.0
MEMBERS = "[0,1,2,3,4,5,6,7,8,9]"
FIELDS = [f"f{index}" for index in range(6)]

JOIN = (
    "sql",
    "select count(*) from big a, big b, big c, big d where a._id < b._id + c._id + d._id",
)
GROUPS = ("pql", f"[big]GroupBy({', '.join(f'Rows({name})' for name in FIELDS)}, limit=1)")


def stock(api: httpx.Client) -> str:
    """A deployment whose table `big` makes joins and groups of its sets take minutes."""
    deployment_id = create_deployment(api)
    columns = ", ".join(f"{name} idset" for name in FIELDS)
    ask_sql(api, deployment_id, f"create table big (_id id, {columns})")
    sets = ", ".join([MEMBERS] * len(FIELDS))
    for start in range(0, 5_000, 1_000):
        rows = ", ".join(f"({n}, {sets})" for n in range(start, start + 1_000))
        ask_sql(api, deployment_id, f"insert into big (_id, {', '.join(FIELDS)}) values {rows}")
    return deployment_id


@pytest.fixture(scope="module")
def stocked(api: httpx.Client) -> str:
    """The deployment that `stock` makes, on the server that everybody shares."""
    return stock(api)


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    """Threads for statements that are waited for."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def ask(api: httpx.Client, deployment_id: str, language: str, statement: str) -> httpx.Response:
    body = {"language": language, "statement": statement}
    return api.post(f"/v1/deployments/{deployment_id}/query", json=body)


def begin(
    workers: ThreadPoolExecutor, api: httpx.Client, deployment_id: str, statement: tuple[str, str]
) -> Future[httpx.Response]:
    return workers.submit(ask, api, deployment_id, *statement)


def running(api: httpx.Client, deployment_id: str) -> list[dict[str, Any]]:
    answer = api.get("/v1/queries")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["queries"]
    return [each for each in listed if each["deployment_id"] == deployment_id]


def wait_for_running(api: httpx.Client, deployment_id: str, count: int) -> list[dict[str, Any]]:
    """What runs, once it is so many statements."""
    deadline = time.monotonic() + WAIT_S
    while len(listed := running(api, deployment_id)) != count:
        assert time.monotonic() < deadline, listed
        time.sleep(0.02)
    return listed


def history(api: httpx.Client, deployment_id: str, limit: int = 100) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/deployments/{deployment_id}/queries?limit={limit}")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["queries"]
    return listed


def test_an_answer_names_its_statement_and_the_history_tells_of_it(api: httpx.Client) -> None:
    deployment_id = create_deployment(api)
    ask_sql(api, deployment_id, "create table t (_id id, n int)")
    ask_sql(api, deployment_id, "insert into t values (1, 10), (2, 20), (3, null)")
    asked = [
        ask(api, deployment_id, "sql", "select _id from t where n > 5"),
        ask(api, deployment_id, "pql", "[t]Count(All())"),
        ask(api, deployment_id, "sql", "select nope from t"),
        ask(api, deployment_id, "pql", "[t]Count("),
        api.post(f"/databases/{deployment_id}/sql", content="select"),
    ]
    assert [answer.status_code for answer in asked] == [200, 200, 400, 400, 200]
    listed = history(api, deployment_id, 5)
    assert [each["id"] for each in listed] == [a.headers["x-query-id"] for a in reversed(asked)]
    assert [each["request_id"] for each in listed] == [
        answer.headers["x-request-id"] for answer in reversed(asked)
    ]
    select, count = listed[-1], listed[-2]
    assert select["statement"] == "select _id from t where n > 5"
    assert (select["language"], select["status"]) == ("sql", "SUCCEEDED")
    assert (select["records_selected"], select["rows_returned"]) == (2, 2)
    assert select["answer_bytes"] == len(asked[0].content)
    assert select["user"] == "admin@example.org"
    assert select["duration_us"] >= asked[0].json()["execution-time"]
    assert "error" not in select
    assert (count["language"], count["records_selected"]) == ("pql", 3)
    assert "rows_returned" not in count
    for each, answer in zip(listed[:3], reversed(asked), strict=False):
        assert (each["status"], each["error"]) == ("FAILED", answer.json()["error"])
    assert len(history(api, deployment_id, 2)) == 2
    for limit in ("0", "1001", "x"):
        answer = api.get(f"/v1/deployments/{deployment_id}/queries?limit={limit}")
        assert answer.status_code == 400, answer.text


def test_long_statements_are_remembered_cut(api: httpx.Client, deployment_id: str) -> None:
    statement = f"select 1 in ({', '.join(map(str, range(1_000)))})"
    assert ask_sql(api, deployment_id, statement) == [[True]]
    told = history(api, deployment_id, 1)[0]["statement"]
    assert len(told) == 1_000
    assert statement.startswith(told[:-1])


@pytest.mark.parametrize("statement", [JOIN, GROUPS], ids=["DuckDB", "bitmaps"])
def test_a_cancelled_statement_ends(
    api: httpx.Client, stocked: str, workers: ThreadPoolExecutor, statement: tuple[str, str]
) -> None:
    waiting = begin(workers, api, stocked, statement)
    (shown,) = wait_for_running(api, stocked, 1)
    assert (shown["language"], shown["statement"], shown["status"]) == (*statement, "RUNNING")
    answer = api.delete(f"/v1/queries/{shown['id']}")
    assert (answer.status_code, answer.json()["id"]) == (202, shown["id"])
    ended = waiting.result(WAIT_S)
    assert ended.status_code == 499, ended.text
    assert ended.json()["error"]["code"] == "Cancelled"
    assert ended.headers["x-query-id"] == shown["id"]
    assert running(api, stocked) == []
    assert history(api, stocked, 1)[0]["status"] == "CANCELLED"
    again = api.delete(f"/v1/queries/{shown['id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "NotFound")


def test_sql_lists_and_kills(
    api: httpx.Client, stocked: str, deployment_id: str, workers: ThreadPoolExecutor
) -> None:
    waiting = begin(workers, api, stocked, JOIN)
    (shown,) = wait_for_running(api, stocked, 1)
    rows = ask_sql(
        api,
        stocked,
        "select request_id, user, sql from fb_exec_requests "
        "where status = 'RUNNING' and end_time is null and language = 'sql' and duration_us > 0",
    )
    assert [shown["id"], "admin@example.org", JOIN[1]] in rows
    # Another deployment's statements are not there to be killed.
    kill = f"kill query '{shown['id']}'"
    refused = ask(api, deployment_id, "sql", kill)
    assert refused.json()["error"].startswith(f"[1:12] query '{shown['id']}' not found")
    assert ask_sql(api, stocked, kill) == []
    assert waiting.result(WAIT_S).status_code == 499
    rows = ask_sql(
        api,
        stocked,
        "select status, error from fb_exec_requests "
        f"where request_id = '{shown['id']}' and end_time >= start_time",
    )
    assert rows == [["CANCELLED", "the statement was cancelled"]]
    statuses = ask_sql(api, stocked, "select status, count(*) from fb_exec_requests group by 1")
    assert {status for status, _ in statuses} >= {"RUNNING", "SUCCEEDED", "CANCELLED"}


def test_sql_tells_of_the_deployment_and_of_the_server(
    api: httpx.Client, deployment_id: str
) -> None:
    made = api.get(f"/v1/deployments/{deployment_id}").json()
    (row,) = ask_sql(api, deployment_id, "show databases")
    assert row[:3] == [deployment_id, made["name"], "admin@example.org"]
    assert row[4][:19] == made["created_at"][:19]
    counters = ask_sql(
        api,
        deployment_id,
        "select name, labels, value, counter_type from fb_performance_counters",
    )
    kinds = {(name, kind) for name, _, _, kind in counters}
    assert ("bitbrook_tables", "gauge") in kinds
    assert ("bitbrook_statement_seconds_count", "histogram") in kinds
    counted = (
        "select sum(value) from fb_performance_counters where name = 'bitbrook_statements_total'"
    )
    (before,), (after,) = (ask_sql(api, deployment_id, counted)[0] for _ in range(2))
    assert after > before > 0


def test_a_client_that_leaves_ends_its_statement(
    api: httpx.Client, server: ServerProcess, stocked: str
) -> None:
    for language, statement in (JOIN, GROUPS):
        body = json.dumps({"language": language, "statement": statement})
        with connected(server, api, stocked, body):
            wait_for_running(api, stocked, 1)
        wait_for_running(api, stocked, 0)
        assert history(api, stocked, 1)[0]["status"] == "CANCELLED"


def connected(
    server: ServerProcess, api: httpx.Client, deployment_id: str, body: str, accept: str = "*/*"
) -> socket.socket:
    """A connection on which a statement was sent."""
    address = urlsplit(server.url)
    client = socket.create_connection((address.hostname, address.port))
    client.sendall(
        f"POST /v1/deployments/{deployment_id}/query HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n"
        f"Authorization: {api.headers['Authorization']}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return client


def test_a_statement_ends_at_its_time(tmp_path: Path, workers: ThreadPoolExecutor) -> None:
    """Whatever it is doing; more than there are threads must not use them up."""
    with (
        ServerProcess(tmp_path / "data", "--query-timeout-s", "1") as server,
        server.client(server.token()) as api,
    ):
        deployment_id = stock(api)
        waiting = [begin(workers, api, deployment_id, each) for each in (JOIN, GROUPS) * 4]
        for answer in (each.result(WAIT_S) for each in waiting):
            assert answer.status_code == 504, answer.text
            assert answer.json()["error"]["code"] == "TimedOut"
            assert answer.headers["x-query-id"]
        assert {each["status"] for each in history(api, deployment_id, 8)} == {"TIMED_OUT"}
        assert running(api, deployment_id) == []
        assert ask_pql(api, deployment_id, "[big]Count(All())") == [5_000]


def test_one_statement_too_many_is_refused(tmp_path: Path, workers: ThreadPoolExecutor) -> None:
    flags = ("--deployment-statements-max", "2")
    with (
        ServerProcess(tmp_path / "data", *flags) as server,
        server.client(server.token()) as api,
    ):
        busy, idle = stock(api), create_deployment(api)
        waiting = [begin(workers, api, busy, statement) for statement in (JOIN, GROUPS)]
        listed = wait_for_running(api, busy, 2)
        refused = ask(api, busy, "sql", "select 1")
        assert refused.status_code == 429, refused.text
        assert int(refused.headers["retry-after"]) >= 1
        assert "deployment_statements_max" in refused.json()["message"]
        assert ask_sql(api, idle, "select 1") == [[1]]
        for each in listed:
            api.delete(f"/v1/queries/{each['id']}")
        assert [each.result(WAIT_S).status_code for each in waiting] == [499, 499]
        # What was refused leaves no trace, and there is room again.
        for _ in range(3):
            assert ask_sql(api, busy, "select 1") == [[1]]
        assert len(history(api, busy, 1_000)) == 2 + 3 + 6


def test_users_see_and_end_their_own(
    api: httpx.Client,
    anonymous: httpx.Client,
    server: ServerProcess,
    stocked: str,
    workers: ThreadPoolExecutor,
) -> None:
    email, password = f"{unique_name('user')}@example.org", "a user's password"
    token = api.post("/v1/invites", json={"email": email, "role": "user"}).json()["token"]
    anonymous.post("/v1/invites/accept", json={"token": token, "password": password})
    with server.client(server.token(email, password)) as user:
        theirs = begin(workers, api, stocked, JOIN)
        (admins,) = wait_for_running(api, stocked, 1)
        assert running(user, stocked) == history(user, stocked) == []
        assert user.delete(f"/v1/queries/{admins['id']}").status_code == 404
        kill = ask(user, stocked, "sql", f"kill query '{admins['id']}'")
        assert "not found" in kill.json()["error"]
        own = begin(workers, user, stocked, JOIN)
        wait_for_running(api, stocked, 2)
        (users,) = wait_for_running(user, stocked, 1)
        assert users["user"] == email
        assert user.delete(f"/v1/queries/{users['id']}").status_code == 202
        assert own.result(WAIT_S).status_code == 499
        assert {each["user"] for each in history(user, stocked)} == {email}
        assert api.delete(f"/v1/queries/{admins['id']}").status_code == 202
        assert theirs.result(WAIT_S).status_code == 499
    assert anonymous.get("/v1/queries").status_code == 401
    assert api.get("/v1/deployments/none/queries").status_code == 404


def test_the_later_names(api: httpx.Client, stocked: str) -> None:
    ask_sql(api, stocked, "select 1")
    (shown,) = api.get(f"/v2/databases/{stocked}/queries?limit=1").json()["queries"]
    assert shown["database_id"] == stocked
    assert api.get("/v2/queries").json() == {"queries": []}


def test_a_server_that_stops_ends_what_runs(tmp_path: Path) -> None:
    flags = ("--drain-timeout-s", "1")
    with ServerProcess(tmp_path / "data", *flags) as server:
        api = server.client(server.token())
        deployment_id = stock(api)
        statuses: list[int] = []
        asking = threading.Thread(
            target=lambda: statuses.append(ask(api, deployment_id, *JOIN).status_code)
        )
        asking.start()
        with server.client(api.headers["Authorization"]) as other:
            wait_for_running(other, deployment_id, 1)
        assert server.stop() == 0
        asking.join(WAIT_S)
        assert statuses in ([499], [503])
        api.close()
