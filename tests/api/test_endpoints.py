"""An endpoint answers what it was published to ask, to whom it may, and never what is old.

Publishes in both languages, calls with every type of parameter and with what cannot be, tries to
smuggle statements in by values, moves tags between versions, calls with keys that may do nothing
else, calls too often, and compares what is kept with what is stored while records stream in.
"""

import io
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_client import (
    ask_sql,
    create_deployment,
    create_source,
    create_table,
    stream,
    unique_name,
    wait_until_gone,
)
from server_process import ServerProcess

RECORDS = [
    {"id": 1, "amount": "5.10", "species": "setosa", "tags": ["a", "b"]},
    {"id": 2, "amount": "-0.05", "species": "virginica", "tags": ["b"]},
    {"id": 3, "species": "o'hara; drop table x --"},
]


class Place:
    """A deployment with a table of RECORDS, and what is published there."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        self.deployment_id = create_deployment(api)
        self.table = create_table(api, self.deployment_id)
        self.source_id = create_source(api, self.deployment_id, self.table)
        stream(api, self.source_id, RECORDS)

    def publish(self, statement: str, *parameters: dict[str, Any], **more: Any) -> str:
        """The name of a new endpoint; `{t}` in the statement is the table."""
        answer = self.try_publish(statement, *parameters, **more)
        assert answer.status_code == 201, answer.text
        name: str = answer.json()["name"]
        return name

    def try_publish(
        self, statement: str, *parameters: dict[str, Any], **more: Any
    ) -> httpx.Response:
        body = {
            "name": unique_name("e"),
            "deployment_id": self.deployment_id,
            "statement": statement.replace("{t}", self.table),
            "parameters": parameters,
        }
        return self.api.post("/v1/endpoints", json=body | more)

    def rows(self, name: str, **parameters: Any) -> list[Any]:
        answer = self.api.get(f"/v1/endpoints/{name}", params=parameters)
        assert answer.status_code == 200, answer.text
        data: list[Any] = answer.json()["data"]
        return data


@pytest.fixture(scope="module")
def place(api: httpx.Client) -> Place:
    return Place(api)


def test_every_type_of_parameter(place: Place) -> None:
    place.api.post(
        f"/databases/{place.deployment_id}/sql",
        content="create table typed (_id id, s string, n int, d decimal(2), b bool, t timestamp)",
    ).raise_for_status()
    place.api.post(
        f"/databases/{place.deployment_id}/sql",
        content="insert into typed values (1, 'a', -5, 1.25, true, '2024-05-06T10:00:00Z'),"
        " (2, 'b', 7, 0.5, false, '2025-01-01T00:00:00Z'), (3, null, null, null, null, null)",
    ).raise_for_status()

    def ids(condition: str, parameter: dict[str, Any], **given: Any) -> list[Any]:
        name = place.publish(f"select _id from typed where {condition}", parameter)
        return [row[0] for row in place.rows(name, **given)]

    assert ids("s = $x", {"name": "x", "type": "string"}, x="a") == [1]
    assert ids("n < $x", {"name": "x", "type": "int"}, x="-4") == [1]
    assert ids("d >= $x", {"name": "x", "type": "decimal"}, x="1.25") == [1]
    assert ids("b = $x", {"name": "x", "type": "bool"}, x="false") == [2]
    assert ids("t > $x", {"name": "x", "type": "timestamp"}, x="2024-05-06T12:30:00+02:00") == [2]
    assert ids("t >= $x", {"name": "x", "type": "timestamp"}, x="2025-01-01") == [2]
    assert ids("n in ($x)", {"name": "x", "type": "list(int)"}, x=[7, 8]) == [2]
    assert ids("n in $x", {"name": "x", "type": "list(int)"}, x=["-5", "7"]) == [1, 2]
    empty = {"name": "x", "type": "list(int)", "default": []}
    assert ids("n in ($x)", empty) == []
    assert ids("not n in ($x)", empty) == [1, 2, 3]
    assert ids("($x is null or s = $x)", {"name": "x", "type": "string", "required": False}) == [
        1, 2, 3,
    ]  # fmt: skip
    assert ids("s = $x", {"name": "x", "type": "string", "default": "b"}) == [2]
    name = place.publish(
        "select _id from typed order by _id limit $n offset $from",
        {"name": "n", "type": "int", "default": 2, "min": 0},
        {"name": "from", "type": "int", "default": 0},
    )
    assert place.rows(name) == [[1], [2]]
    assert place.rows(name, n=1, **{"from": 2}) == [[3]]
    # The moment has a type of its own, also where nothing says that a time is meant.
    name = place.publish(
        "select datetimepart('YY', $at) as year", {"name": "at", "type": "timestamp"}
    )
    assert place.rows(name, at="2021-07-01T00:00:00Z") == [[2021]]


def test_sets_and_vectors(place: Place) -> None:
    name = place.publish(
        "select _id from {t} where setcontainsany(tags, $tags)",
        {"name": "tags", "type": "list(string)"},
    )
    assert place.rows(name, tags=["a", "zz"]) == [[1]]
    assert place.rows(name, tags="b") == [[1], [2]]


def test_pql(place: Place) -> None:
    answer = place.try_publish(
        "[{t}]Count(Row(species=$species)) TopK(species, k=$k)",
        {"name": "species", "type": "string"},
        {"name": "k", "type": "int", "default": 1},
        language="pql",
    )
    assert answer.status_code == 201, answer.text
    called = place.api.get(f"/v1/endpoints/{answer.json()['name']}?species=setosa&k=2")
    assert called.status_code == 200, called.text
    count, top = called.json()["results"]
    assert count == 1
    assert len(top) == 2
    written = place.try_publish("[{t}]Set(9, species='x')", language="pql")
    assert written.status_code == 400
    assert "writes" in written.text


@settings(max_examples=40)
@given(
    text=st.text(max_size=40)
    | st.sampled_from(["'", "' or 1=1 --", "$x", "\\", "'; drop table t; --", "\0", '"', "a\nb"])
)
def test_no_value_is_read_as_a_statement(place: Place, text: str) -> None:
    """Whatever a value is, the answer is what a comparison with that value has."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    name = INJECTED.setdefault(
        place.deployment_id,
        place.publish(
            "select species, $x as given from {t} where species = $x or $x = 'never'",
            {"name": "x", "type": "string"},
        ),
    )
    expected = [[each["species"], text] for each in RECORDS if each["species"] == text]
    assert place.rows(name, x=text) == expected
    assert ask_sql(place.api, place.deployment_id, f"select count(*) from {place.table}") == [[3]]


INJECTED: dict[str, str] = {}


def test_a_value_that_looks_like_a_statement_finds_its_record(place: Place) -> None:
    name = place.publish("select _id from {t} where species = $x", {"name": "x", "type": "string"})
    assert place.rows(name, x="o'hara; drop table x --") == [[3]]


@pytest.mark.parametrize(
    ("parameter", "given", "words"),
    [
        ({"type": "int"}, {}, "missing"),
        ({"type": "int"}, {"x": "1.5"}, "whole number"),
        ({"type": "int"}, {"x": "1", "y": "2"}, "unknown"),
        ({"type": "int"}, {"x": ["1", "2"]}, "more than once"),
        ({"type": "int", "min": 1, "max": 9}, {"x": "10"}, "9 or less"),
        ({"type": "int", "min": 1}, {"x": "0"}, "1 or more"),
        ({"type": "string", "max": 3}, {"x": "abcd"}, "3 characters or less"),
        ({"type": "string", "enum": ["a", "b"]}, {"x": "c"}, "one of 'a', 'b'"),
        ({"type": "bool"}, {"x": "maybe"}, "true or false"),
        ({"type": "timestamp"}, {"x": "yesterday"}, "2026-01-31T12:00:00Z"),
        ({"type": "decimal"}, {"x": "1e5"}, "12.50"),
        ({"type": "list(int)"}, {"x": ["1", "b"]}, "whole number"),
    ],
)
def test_values_that_cannot_be(
    place: Place, parameter: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    name = place.publish("select _id from {t} where $x is null", {"name": "x", **parameter})
    answer = place.api.get(f"/v1/endpoints/{name}", params=given)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["message"]
    assert answer.json()["error"]["field"] in {"x", "y"}


@pytest.mark.parametrize(
    ("statement", "parameters", "status", "words"),
    [
        ("select nope from {t}", [], 400, "column 'nope' not found"),
        ("delete from {t}", [], 400, ""),
        ("drop table {t}", [], 400, ""),
        ("select 1; select 2", [], 400, "one statement"),
        ("select $x", [], 422, "declare it"),
        ("select 1", [{"name": "x", "type": "int"}], 422, "not used"),
        ("select $x", [{"name": "x", "type": "float"}], 422, "list(...)"),
        ("select $x", [{"name": "x", "type": "int", "min": 5, "max": 1}], 422, "min above"),
        ("select $x", [{"name": "x", "type": "int", "default": "a"}], 422, "default"),
        ("select $format", [{"name": "format", "type": "int"}], 422, "cannot be"),
        ("select _id from {t} where species > $x", [{"name": "x", "type": "int"}], 400, "types"),
    ],
)
def test_publications_that_cannot_be(
    place: Place, statement: str, parameters: list[Any], status: int, words: str
) -> None:
    answer = place.try_publish(statement, *parameters)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["message"]


def test_versions_and_tags(place: Place) -> None:
    api = place.api
    name = place.publish("select 1 as n", tag="live")
    shown = api.post(f"/v1/endpoints/{name}/versions", json={"statement": "select 2 as n"})
    assert shown.status_code == 201, shown.text
    assert (shown.json()["called_version"], shown.json()["tags"]) == (1, {"live": 1})
    assert place.rows(name) == [[1]]
    assert place.rows(name, version=2) == [[2]]
    api.post(f"/v1/endpoints/{name}/tags/staging", json={"version": 2}).raise_for_status()
    assert place.rows(name, tag="staging") == [[2]]
    api.post(f"/v1/endpoints/{name}/tags/live", json={"version": 2}).raise_for_status()
    answer = api.get(f"/v1/endpoints/{name}")
    assert answer.json()["data"] == [[2]]
    assert answer.headers["x-endpoint-version"] == "2"
    assert api.delete(f"/v1/endpoints/{name}/tags/live").json()["tags"] == {"staging": 2}
    assert api.get(f"/v1/endpoints/{name}?tag=live").status_code == 404
    assert api.get(f"/v1/endpoints/{name}?version=3").status_code == 404
    assert api.get(f"/v1/endpoints/{name}?version=1&tag=staging").status_code == 422
    assert api.post(f"/v1/endpoints/{name}/tags/live", json={"version": 9}).status_code == 404
    # What was published stays as it was.
    definition = api.get(f"/v1/endpoints/{name}/definition").json()
    assert [each["statement"] for each in definition["versions"]] == [
        "select 1 as n", "select 2 as n",
    ]  # fmt: skip
    assert place.try_publish("select 3", name=name).status_code == 409
    assert api.delete(f"/v1/endpoints/{name}").status_code == 204
    assert api.get(f"/v1/endpoints/{name}").status_code == 404


def test_made_of_a_saved_query(place: Place) -> None:
    saved = place.api.post(
        "/v1/saved-queries",
        json={"name": unique_name("q"), "language": "sql", "statement": "select $n + 1 as n",
              "deployment_id": place.deployment_id},
    ).json()  # fmt: skip
    body = {
        "name": unique_name("e"),
        "saved_query_id": saved["id"],
        "parameters": [{"name": "n", "type": "int"}],
    }
    made = place.api.post("/v1/endpoints", json=body)
    assert made.status_code == 201, made.text
    assert place.rows(body["name"], n=41) == [[42]]
    # The endpoint is its own: what becomes of the saved query does not matter.
    place.api.delete(f"/v1/saved-queries/{saved['id']}").raise_for_status()
    assert place.rows(body["name"], n=1) == [[2]]


def test_every_form_of_answer(place: Place) -> None:
    name = place.publish("select _id, amount from {t} where _id < 3 order by _id")

    def get(**how: Any) -> httpx.Response:
        answer = place.api.get(f"/v1/endpoints/{name}", **how)
        assert answer.status_code == 200, answer.text
        return answer

    assert get(params={"format": "csv"}).text == "_id,amount\n1,5.10\n2,-0.05\n"
    assert get(headers={"Accept": "text/csv"}).text == "_id,amount\n1,5.10\n2,-0.05\n"
    lines = get(params={"format": "ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.text.splitlines()[0] == '{"_id":1,"amount":5.10}'
    arrow = pa.ipc.open_stream(get(params={"format": "arrow"}).content).read_all()
    assert arrow.column("_id").to_pylist() == [1, 2]
    parquet = pa.parquet.read_table(io.BytesIO(get(params={"format": "parquet"}).content))
    assert parquet.num_rows == 2
    assert place.api.get(f"/v1/endpoints/{name}?format=xml").status_code == 422


def test_an_answer_is_kept_until_something_changes(place: Place) -> None:
    api = place.api
    name = place.publish("select count(*) from {t} where species = 'kept'")
    path = f"/v1/endpoints/{name}"
    first, second = api.get(path), api.get(path)
    assert [each.headers["x-cache"] for each in (first, second)] == ["miss", "hit"]
    assert second.content == first.content
    assert first.headers["cache-control"] == "private, no-cache"
    etag = first.headers["etag"]
    same = api.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    stream(api, place.source_id, [{"id": 900, "species": "kept"}])
    changed = api.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["data"]) == (200, [[1]])
    assert changed.headers["etag"] != etag
    ask_delete = f"delete from {place.table} where _id = 900"
    api.post(f"/databases/{place.deployment_id}/sql", content=ask_delete).raise_for_status()
    assert place.rows(name) == [[0]]


def test_what_no_table_decides_is_not_kept(place: Place) -> None:
    for statement in (
        "select now() as at, count(*) from {t}",
        "select count(*) from fb_exec_requests",
        "select count(*) from bitbrook_requests",
    ):
        name = place.publish(statement)
        answers = [place.api.get(f"/v1/endpoints/{name}") for _ in range(2)]
        assert [each.headers["x-cache"] for each in answers] == ["miss", "miss"], statement
        assert "etag" not in answers[0].headers
        assert answers[0].json()["data"] != answers[1].json()["data"]


def test_a_view_that_changes_changes_the_answer(place: Place) -> None:
    sql = f"/databases/{place.deployment_id}/sql"
    view = unique_name("v")
    place.api.post(sql, content=f"create view {view} as select 1 as n").raise_for_status()
    name = place.publish(f"select n from {view}")
    assert [place.rows(name), place.rows(name)] == [[[1]], [[1]]]
    place.api.post(sql, content=f"create or replace view {view} as select 2 as n")
    assert place.rows(name) == [[2]]


def test_nothing_kept_is_old_while_records_stream_in(place: Place) -> None:
    """Whoever has a record acknowledged sees it in the next call, over hundreds of calls."""
    table = create_table(place.api, place.deployment_id)
    source_id = create_source(place.api, place.deployment_id, table)
    low = {"name": "low", "type": "int"}
    name = place.publish(f"select count(*) from {table} where _id >= $low", low)
    headers = dict(place.api.headers)
    base = str(place.api.base_url)
    acknowledged = [0]
    stale: list[tuple[int, int]] = []
    is_over = threading.Event()

    def call() -> None:
        with httpx.Client(base_url=base, headers=headers) as client:
            while not is_over.is_set():
                known = acknowledged[0]
                found = client.get(f"/v1/endpoints/{name}?low=0").json()["data"][0][0]
                if found < known:
                    stale.append((found, known))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for each in callers:
        each.start()
    for number in range(60):
        stream(place.api, source_id, [{"id": number}])
        acknowledged[0] = number + 1
    is_over.set()
    for each in callers:
        each.join()
    assert not stale
    assert place.rows(name, low=0) == [[60]]


def test_a_table_made_anew_is_another_one(place: Place) -> None:
    sql = f"/databases/{place.deployment_id}/sql"
    table = unique_name("again")
    name = ""
    for value in ("one", "two"):
        place.api.post(sql, content=f"create table {table} (_id id, s string)").raise_for_status()
        place.api.post(sql, content=f"insert into {table} values (1, '{value}')").raise_for_status()
        name = name or place.publish(f"select s from {table}")
        assert place.rows(name) == [[value]]
        place.api.post(sql, content=f"drop table {table}").raise_for_status()
        wait_until_gone(place.api, f"/v1/tables/{place.deployment_id}/{table}")
        assert place.api.get(f"/v1/endpoints/{name}").status_code in {400, 404}


def test_rates(place: Place) -> None:
    name = place.publish("select 1", requests_per_s=3)
    answers = [place.api.get(f"/v1/endpoints/{name}") for _ in range(10)]
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert answers[0].headers["ratelimit-limit"] == "3"
    assert answers[0].headers["ratelimit-remaining"] == "2"
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["ratelimit-remaining"] == "0"
    # Another caller has a rate of their own.
    key = place.api.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}).json()["key"]
    with httpx.Client(base_url=place.api.base_url, headers={"X-API-Key": key}) as other:
        assert other.get(f"/v1/endpoints/{name}").status_code == 200
    place.api.patch(f"/v1/endpoints/{name}", json={"requests_per_s": 0}).raise_for_status()
    answers = [place.api.get(f"/v1/endpoints/{name}") for _ in range(10)]
    assert {each.status_code for each in answers} == {200}
    assert "ratelimit-limit" not in answers[0].headers


@pytest.fixture
def bound(place: Place) -> Iterator[tuple[httpx.Client, str, str]]:
    """A client with the key of two endpoints, and their names."""
    names = [
        place.publish("select count(*) from {t} where _id > $n", {"name": "n", "type": "int"})
        for _ in range(2)
    ]
    body = {"name": "k", "scopes": ["endpoint"], "endpoints": names}
    answer = place.api.post("/v1/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    headers = {"X-API-Key": answer.json()["key"]}
    with httpx.Client(base_url=place.api.base_url, headers=headers) as client:
        yield client, names[0], names[1]


def test_a_key_of_endpoints_does_nothing_else(
    place: Place, bound: tuple[httpx.Client, str, str]
) -> None:
    client, one, other = bound
    third = place.publish("select 1")
    assert client.get(f"/v1/endpoints/{one}?n=2").json()["data"] == [[1]]
    assert client.get(f"/v1/endpoints/{other}?n=0").json()["data"] == [[3]]
    assert client.get(f"/v1/endpoints/{one}/openapi.json").status_code == 200
    paths = client.get("/v1/endpoints/openapi.json").json()["paths"]
    assert sorted(paths) == sorted(f"/v1/endpoints/{name}" for name in (one, other))
    statement = {"language": "sql", "statement": "select 1"}
    for method, path, body in (
        ("get", f"/v1/endpoints/{third}", None),
        ("get", f"/v1/endpoints/{third}/openapi.json", None),
        ("get", f"/v1/endpoints/{one}/definition", None),
        ("get", "/v1/endpoints", None),
        ("delete", f"/v1/endpoints/{one}", None),
        ("patch", f"/v1/endpoints/{one}", {"description": "mine"}),
        ("post", f"/v1/endpoints/{one}/versions", {"statement": "select 2"}),
        ("post", f"/v1/deployments/{place.deployment_id}/query", statement),
        ("post", f"/v1/sinks/{place.source_id}", {"records": []}),
        ("get", "/v1/deployments", None),
        ("get", "/v1/queries", None),
        ("get", "/v1/saved-queries", None),
        ("get", "/v1/users", None),
        ("get", "/v1/api-keys", None),
        ("post", "/v1/api-keys", {"name": "more", "scopes": ["query"]}),
    ):
        answer = client.request(method, path, json=body)
        assert answer.status_code == 403, (method, path, answer.text)


def test_keys_of_endpoints_that_cannot_be(place: Place) -> None:
    name = place.publish("select 1")
    for body, status in (
        ({"scopes": ["query"], "endpoints": [name]}, 422),
        ({"scopes": ["endpoint"], "endpoints": ["nope"]}, 404),
        ({"scopes": ["endpoint"], "endpoints": [name], "source_id": place.source_id}, 422),
    ):
        answer = place.api.post("/v1/api-keys", json={"name": "k", **body})
        assert answer.status_code == status, answer.text


def test_documents(place: Place) -> None:
    name = place.publish(
        "select _id from {t} where amount > $least and species in ($kinds)",
        {"name": "least", "type": "decimal", "default": 0, "min": 0, "description": "from here"},
        {"name": "kinds", "type": "list(string)", "enum": ["setosa", "virginica"]},
        description="Which ones are more.\nIn detail.",
    )
    document = place.api.get(f"/v1/endpoints/{name}/openapi.json").json()
    operation = document["paths"][f"/v1/endpoints/{name}"]["get"]
    assert operation["summary"] == "Which ones are more."
    least, kinds, *about = operation["parameters"]
    assert least["schema"] == {"type": "number", "minimum": 0, "default": 0}
    assert (least["required"], kinds["required"]) == (False, True)
    assert kinds["schema"]["items"]["enum"] == ["setosa", "virginica"]
    assert [each["name"] for each in about] == ["version", "tag", "format"]
    assert "text/csv" in operation["responses"]["200"]["content"]
    every = place.api.get("/v1/endpoints/openapi.json").json()
    assert f"/v1/endpoints/{name}" in every["paths"]


def test_calls_and_changes_leave_their_rows(place: Place, server: ServerProcess) -> None:
    name = place.publish("select count(*) from {t}")
    place.api.get(f"/v1/endpoints/{name}")
    place.api.get(f"/v1/endpoints/{name}")
    place.api.get(f"/v1/endpoints/{name}?nope=1")
    rows = ask_sql(
        place.api,
        place.deployment_id,
        "select version, status, is_cached, rows_returned from bitbrook_endpoints "
        f"where endpoint = '{name}' order by time",
    )
    assert rows == [[1, 200, False, 1], [1, 200, True, 1], [None, 422, False, None]]
    place.api.delete(f"/v1/endpoints/{name}").raise_for_status()
    acts = place.api.get("/v1/audit", params={"resource": name}).json()["entries"]
    assert "delete_endpoint" in {each["action"] for each in acts}
