"""A statement with the token of a write sees it, or says how far the table is.

Writes and asks in both languages, on every path, with one token and several; mixes tokens up, cuts
them, and takes them to other tables and deployments. Then a server is restored from a backup that
is older than a write, goes on beyond the sequence of that write, and must still not take its token
for seen.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from api_client import create_deployment, create_source, create_table
from command import run
from server_process import ServerProcess


def push(api: httpx.Client, source_id: str, *values: dict[str, Any]) -> str:
    body = {"records": [{"value": value} for value in values]}
    answer = api.post(f"/v1/sinks/{source_id}", json=body)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["min_seq"]
    assert answer.headers["x-min-seq"] == token
    return token


def ask(
    api: httpx.Client, path: str, statement: str, token: str, language: str = "pql"
) -> httpx.Response:
    headers = {"X-Min-Seq": token}
    if language == "text":
        return api.post(path, content=statement, headers=headers)
    return api.post(path, json={"language": language, "statement": statement}, headers=headers)


def test_tokens_are_seen_on_every_path(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    other = create_table(api, deployment_id)
    other_source = create_source(api, deployment_id, other)
    paths = [
        f"/v1/deployments/{deployment_id}/query",
        f"/v2/databases/{deployment_id}/query",
        f"/v1/{deployment_id}/query",
    ]
    for number, path in enumerate(paths, 1):
        token = push(api, source_id, {"id": number, "amount": "1"})
        answer = ask(api, path, f"[{table}]Count(All())", token)
        assert (answer.status_code, answer.json()) == (200, {"results": [number]}), answer.text
        counted = ask(api, path, f"select count(*) from {table}", token, "sql")
        assert counted.json()["data"] == [[number]]
    token = push(api, source_id, {"id": 99})
    listed = f"select _id from {table}"
    text = ask(api, f"/databases/{deployment_id}/query/sql", listed, token, "text")
    assert [99] in text.json()["data"]
    tokens = f"{token}, {push(api, other_source, {'id': 99, 'species': 'a'})}"
    joined = f"select t.species from {table} s join {other} t on s._id = t._id"
    assert ask(api, paths[0], joined, tokens, "sql").json()["data"] == [["a"]]


def test_what_is_no_token_of_this(
    api: httpx.Client, deployment_id: str, table: str, source_id: str
) -> None:
    path = f"/v1/deployments/{deployment_id}/query"
    statement = f"[{table}]Count(All())"
    token = push(api, source_id, {"id": 1})
    mixed = token[:10] + ("A" if token[10] != "A" else "B") + token[11:]
    for wrong in (token[:-1], mixed, "s1.", "x", token[3:], f"{token},", "é", "s1." + "A" * 400):
        answer = api.post(
            path,
            json={"language": "pql", "statement": statement},
            headers={"X-Min-Seq": wrong.encode()},
        )
        assert answer.status_code == 400, (wrong, answer.text)
        error = answer.json()["error"]
        assert (error["code"], error["field"]) == ("InvalidFence", "X-Min-Seq")
    other = create_table(api, deployment_id)
    foreign = push(api, create_source(api, deployment_id, other), {"id": 1})
    answer = ask(api, path, statement, foreign)
    assert answer.status_code == 400, answer.text
    assert f"of table '{other}', which the statement does not read" in answer.json()["message"]
    elsewhere = create_deployment(api)
    for language, text in (("pql", statement), ("sql", f"select count(*) from {table}")):
        answer = ask(api, f"/v1/deployments/{elsewhere}/query", text, token, language)
        assert answer.status_code == 400, answer.text
        assert "this deployment does not have" in answer.json()["message"]
    assert ask(api, path, statement, ",".join([token] * 65)).status_code == 400


def test_nothing_stored_has_no_token_and_a_repetition_has_one(
    api: httpx.Client, source_id: str
) -> None:
    nothing = api.post(f"/v1/sinks/{source_id}", json={"records": [{"value": {"id": "x"}}]})
    assert "min_seq" not in nothing.json()
    assert "x-min-seq" not in nothing.headers
    body = {"records": [{"value": {"id": 1}}]}
    headers = {"Idempotency-Key": "twice"}
    first, again = (
        api.post(f"/v1/sinks/{source_id}", json=body, headers=headers).json() for _ in range(2)
    )
    assert first == again
    assert first["min_seq"]


def test_after_a_restore_of_an_older_backup(tmp_path: Path) -> None:
    kept, lost, pql = "", "", "[t]Count(All())"
    key = {"Idempotency-Key": "before the restart"}
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        deployment_id = create_deployment(api)
        api.post(f"/v1/tables/{deployment_id}", json={"name": "t"})
        source_id = create_source(api, deployment_id, "t")
        kept = push(api, source_id, {"id": 1})
        body = {"records": [{"value": {"id": 4}}]}
        api.post(f"/v1/sinks/{source_id}", json=body, headers=key)
        run("backup", "create", tmp_path / "backups", "--data", tmp_path / "data")
        lost = push(api, source_id, {"id": 2})
    with ServerProcess(tmp_path / "data") as server, server.client(server.token()) as api:
        path = f"/v1/deployments/{deployment_id}/query"
        assert ask(api, path, pql, lost).json() == {"results": [3]}
        again = api.post(f"/v1/sinks/{source_id}", json=body, headers=key).json()
        assert ask(api, path, pql, again["min_seq"]).status_code == 200
    run("backup", "restore", tmp_path / "backups", tmp_path / "restored")
    with ServerProcess(tmp_path / "restored") as server, server.client(server.token()) as api:
        assert ask(api, path, pql, kept).json() == {"results": [2]}
        for number in range(3, 7):
            behind = ask(api, path, pql, lost)
            assert behind.status_code == 503, behind.text
            assert int(behind.headers["retry-after"]) >= 1
            error = behind.json()["error"]
            assert error["code"] == "Behind"
            assert (error["needed"], error["reached"]) == ({"0": 3}, {"0": 2})
            assert "restored from a backup" in error["message"]
            # Beyond the sequence that the lost write had.
            latest = push(api, source_id, {"id": number})
        assert ask(api, path, pql, latest).json() == {"results": [5]}


@pytest.mark.parametrize("statement", ["insert into {} (_id, amount) values (7, 1)"])
def test_a_writing_statement_is_not_refused_afterwards(
    api: httpx.Client, deployment_id: str, table: str, source_id: str, statement: str
) -> None:
    token = push(api, source_id, {"id": 1})
    path = f"/v1/deployments/{deployment_id}/query"
    answer = ask(api, path, statement.format(table), token, "sql")
    assert answer.status_code == 200, answer.text
