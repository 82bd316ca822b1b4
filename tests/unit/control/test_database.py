"""Statements see one deployment's tables with their caller's rights, and what was acknowledged.

Tried with PQL reads and writes right after records went through a source, keys of each scope, a
deployment that is not RUNNING, several and no deployments, and an answer beyond its limit.
"""

import json
from typing import Any

import pytest

from bitbrook.errors import Conflict, LimitExceeded, NotAllowed, TableNotFound
from bitbrook.query.pql.run import run_pql


def run(home: Any, caller: Any, statement: str, deployment_id: str | None = None) -> Any:
    """The results of a PQL statement."""
    queries = home.service.queries
    if deployment_id is None:
        database = queries.default_database(caller)
    else:
        database = queries.database(caller, deployment_id)
    with queries.budget() as budget:
        return json.loads(run_pql(statement, database, budget))["results"]


def test_what_a_source_acknowledged_is_seen_also_after_a_restart(home: Any, admin: Any) -> None:
    source = home.source(admin)
    records = [
        {"value": {"id": number, "species": "setosa" if number % 2 else "other", "amount": number}}
        for number in range(100)
    ]
    body = json.dumps({"records": records}).encode()
    home.service.sources.begin_ingest(admin, source.id, body).durable.result(10)
    for _ in range(2):
        assert run(home, admin, "[things]Count(Row(species='setosa'))") == [50]
        assert run(home, admin, "[things]Sum(field=amount)")[0]["value"] == 4950
        home.restart()


def test_statements_write_and_read_what_they_wrote(home: Any, admin: Any) -> None:
    table = home.table(admin)
    database = home.service.queries.database(admin, table.deployment_id)
    database.drop_table("things")
    home.source(admin)
    assert run(home, admin, "[things]Set(7, species='setosa') Count(Row(species='setosa'))") == [
        True,
        1,
    ]


def test_a_table_of_another_deployment_is_not_found(home: Any, admin: Any) -> None:
    home.table(admin)
    other = home.deployment(admin, "other")
    with pytest.raises(TableNotFound):
        run(home, admin, "[things]Count(All())", other.id)


def test_scopes_confine_statements(home: Any, admin: Any) -> None:
    home.source(admin)

    def robot(scope: str) -> Any:
        key = home.service.api_keys.create(admin, "robot", [scope]).key
        return home.service.identity.authenticate_key(key)

    assert run(home, robot("query"), "[things]Count(All())") == [0]
    with pytest.raises(NotAllowed, match="no right to ingest"):
        run(home, robot("query"), "[things]Set(7, species='setosa')")
    with pytest.raises(NotAllowed, match="no right to query"):
        run(home, robot("ingest"), "[things]Count(All())")
    deployment_id = home.deployment_id(admin)
    database = home.service.queries.database(robot("query"), deployment_id)
    for attempt in (
        lambda: database.create_table("more", is_keyed=False, fields=()),
        lambda: database.drop_table("things"),
        lambda: database.drop_field("things", "amount"),
    ):
        with pytest.raises(NotAllowed, match="no right to manage"):
            attempt()
    assert run(home, admin, "[things]Count(All())") == [0]


def test_the_default_database(home: Any, admin: Any) -> None:
    with pytest.raises(Conflict, match="0 deployments"):
        home.service.queries.default_database(admin)
    home.deployment(admin, "one")
    assert home.service.queries.default_database(admin).tables() == []
    home.deployment(admin, "two")
    with pytest.raises(Conflict, match="2 deployments and none is called 'default'"):
        home.service.queries.default_database(admin)
    default = home.deployment(admin, "default")
    home.service.tables.create(admin, default.id, "things")
    assert home.service.queries.default_database(admin).tables()[0].name == "things"


def test_a_deployment_that_does_not_run_is_not_asked(home: Any, admin: Any) -> None:
    home.service.lifecycle.hold()
    made = home.service.deployments.create(admin, "iris", "8GB")
    with pytest.raises(Conflict, match="CREATING"):
        home.service.queries.database(admin, made.id)
    home.service.lifecycle.release()


def test_settings_bound_statements(home: Any, admin: Any) -> None:
    source = home.source(admin)
    body = b'{"records":[{"value":{"id":1,"species":"setosa","amount":2}}]}'
    home.service.sources.begin_ingest(admin, source.id, body).durable.result(10)
    home.restart(answer_bytes_max=5, query_timeout_s=7)
    with home.service.queries.budget() as budget:
        assert budget.deadline_s == home.clock.monotonic_s() + 7
    with pytest.raises(LimitExceeded, match="answer_bytes_max"):
        run(home, admin, "[things]Rows(species)")


def test_views_are_kept_and_share_names_with_tables(home: Any, admin: Any) -> None:
    table = home.table(admin)
    database = home.service.queries.default_database(admin)
    database.create_view("v", "SELECT 1")
    with pytest.raises(Conflict, match="'v' already exists"):
        database.create_view("v", "SELECT 2")
    database.create_view("v", "SELECT 3", replaces=True)
    with pytest.raises(Conflict, match="'things' already exists"):
        database.create_view("things", "SELECT 1", replaces=True)
    with pytest.raises(Conflict, match="view 'v' already"):
        database.create_table("v", is_keyed=False, fields=())
    home.restart()
    database = home.service.queries.default_database(admin)
    assert database.views() == {"v": "SELECT 3"}
    database.drop_table("things")
    home.service.deployments.delete(admin, table.deployment_id)
    home.service.lifecycle.settle()
    database = home.service.queries.database(admin, home.deployment_id(admin))
    assert database.views() == {}
    database.create_view("v", "SELECT 1")
    database.drop_view("v")
    with pytest.raises(TableNotFound, match="'v' not found"):
        database.drop_view("v")
    assert home.restart().queries.default_database(admin).views() == {}
