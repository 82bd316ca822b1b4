"""Statements that are answered on the event loop answer what those on worker threads do.

A shape is asked so often that the server knows it to be cheap; then come writes between, literals
that make much more work, mistakes, tokens that have ended and rights that are missing.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api_client import ask_pql, ask_sql, create_deployment

TIMES = 12
RECORDS = 60_000


@pytest.fixture(scope="module")
def stocked(api: httpx.Client) -> str:
    """A deployment with a table `many` of 60,000 records, and an empty one `few`."""
    deployment_id = create_deployment(api)
    for name in ("many", "few"):
        ask_sql(api, deployment_id, f"create table {name} (_id id, a int, k string)")
    for start in range(0, RECORDS, 20_000):
        rows = ", ".join(f"({n}, {n % 1000}, 'k{n % 7}')" for n in range(start, start + 20_000))
        ask_sql(api, deployment_id, f"insert into many (_id, a, k) values {rows}")
    return deployment_id


def post(api: httpx.Client, deployment_id: str, language: str, text: str) -> httpx.Response:
    body = {"language": language, "statement": text}
    return api.post(f"/v1/deployments/{deployment_id}/query", json=body)


def test_every_literal_has_its_own_answer(api: httpx.Client, stocked: str) -> None:
    for number in range(TIMES):
        below = number * 83
        expected = sum(n % 1000 < below for n in range(RECORDS))
        assert ask_pql(api, stocked, f"[many]Count(Row(a < {below}))") == [expected]
        assert ask_sql(api, stocked, f"select count(*) from many where a < {below}") == [[expected]]
        extract = f"[many]Extract(ConstRow(columns=[{number}]), Rows(a), Rows(k))"
        assert ask_pql(api, stocked, extract)[0]["columns"] == [
            {"column": number, "rows": [number, f"k{number % 7}"]}
        ]


def test_a_write_is_seen_by_the_next_one(api: httpx.Client, stocked: str) -> None:
    for number in range(1, 3 * TIMES):
        ask_pql(api, stocked, f"[few]Set({number}, k='x')")
        assert ask_pql(api, stocked, "[few]Count(Row(k='x'))") == [number]


def test_each_run_is_in_the_history_once(api: httpx.Client, stocked: str) -> None:
    text = "[many]Count(Row(k='k3'))"
    ids = [post(api, stocked, "pql", text).headers["x-query-id"] for _ in range(TIMES)]
    past = api.get(f"/v1/deployments/{stocked}/queries").json()
    found = [each for each in past["queries"] if each["statement"] == text]
    assert sorted(each["id"] for each in found) == sorted(ids)
    assert {each["status"] for each in found} == {"SUCCEEDED"}


def test_a_literal_that_makes_much_work_goes_to_a_worker(api: httpx.Client, stocked: str) -> None:
    for _ in range(TIMES):
        assert ask_pql(api, stocked, "[many]All(limit=1)")[0]["columns"] == [0]
    everything = ask_pql(api, stocked, f"[many]All(limit={RECORDS})")[0]["columns"]
    assert everything == list(range(RECORDS))
    answered = post(api, stocked, "pql", f"[many]All(limit={RECORDS})")
    assert answered.headers["x-query-id"]


def test_mistakes_keep_their_places(api: httpx.Client, stocked: str) -> None:
    for number in range(TIMES):
        ask_pql(api, stocked, f"[many]Count(Row(a = {number}))")
        answer = post(api, stocked, "pql", "[many]Count(Row(a = 'a long literal', from='x'))")
        assert answer.status_code == 400
        for padding in ("", " " * number):
            wrong = f"[many]Count({padding}Row(nothing = {10**number}))"
            answer = post(api, stocked, "pql", wrong)
            assert answer.status_code == 400
            assert "nothing" in answer.json()["error"]
    first = post(api, stocked, "pql", "[many]Extract(All(limit=1), Row(a=1))").json()["error"]
    for number in (1, 22, 333):
        text = f"[many]Extract(All(limit={number}), Row(a=1))"
        shown = post(api, stocked, "pql", text).json()["error"]
        column = text.index("Row") + 1
        assert shown == first.replace("column 29", f"column {column}"), shown


def test_readers_beside_a_writer_never_see_a_part(api: httpx.Client, stocked: str) -> None:
    """Batches of ten records are counted in tens, by prompt statements and by others."""
    ask_sql(api, stocked, "create table tens (_id id, a int)")

    def write() -> None:
        for batch in range(60):
            rows = ", ".join(f"({batch * 10 + n}, 1)" for n in range(10))
            ask_sql(api, stocked, f"insert into tens (_id, a) values {rows}")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        counts = []
        deadline_s = time.monotonic() + 60
        while not writing.done() and time.monotonic() < deadline_s:
            counts += ask_pql(api, stocked, "[tens]Count(All())")
        writing.result()
    counts += ask_pql(api, stocked, "[tens]Count(All())")
    assert counts == sorted(counts)
    assert {count % 10 for count in counts} == {0}
    assert counts[-1] == 600


def test_nobody_is_answered_on_account_of_an_earlier_one(api: httpx.Client, stocked: str) -> None:
    text = "[many]Count(Row(k='k1'))"
    for _ in range(TIMES):
        assert post(api, stocked, "pql", text).status_code == 200
    body = {"language": "pql", "statement": text}
    path = f"/v1/deployments/{stocked}/query"
    key = api.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]})
    assert key.status_code == 201, key.text
    with httpx.Client(base_url=api.base_url) as other:
        assert other.post(path, json=body).status_code == 401
        headers = {"x-api-key": key.json()["key"]}
        for _ in range(TIMES):
            assert other.post(path, json=body, headers=headers).status_code == 200
        assert api.delete(f"/v1/api-keys/{key.json()['id']}").status_code < 300
        assert other.post(path, json=body, headers=headers).status_code == 401
