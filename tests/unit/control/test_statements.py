"""Who may see and end which statements, how many are remembered, and how many may run at a time.

Tried by users, administrators, another organisation and keys of each kind; with more statements
than are remembered, of a deployment that is deleted, ended twice and in every way there is.
"""

from typing import Any

import pytest

from bitbrook.auth.policy import Binding, BoundKind, Scope
from bitbrook.control.statements import HISTORY_MAX, TEXT_CHARACTERS_MAX
from bitbrook.errors import (
    Cancelled,
    InvalidStatement,
    NotAllowed,
    NotFound,
    QuotaExceeded,
    Stopping,
    TimedOut,
)
from bitbrook.query.database import StatementStatus


def begin(home: Any, caller: Any, text: str = "select 1", deployment_id: str = "") -> Any:
    """A statement of a caller that runs."""
    queries = home.service.queries
    database = queries.database(caller, deployment_id or home.deployment_id(caller))
    with queries.statement(database, "sql", text) as statement:
        return statement


def ids(entries: Any) -> list[str]:
    return [entry.id for entry in entries]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (None, StatementStatus.SUCCEEDED, None),
        (InvalidStatement("no such thing"), StatementStatus.FAILED, "no such thing"),
        (Cancelled("gone"), StatementStatus.CANCELLED, "gone"),
        (TimedOut("too long"), StatementStatus.TIMED_OUT, "too long"),
        (KeyError("/a/path"), StatementStatus.FAILED, "something went wrong in the server"),
    ],
)
def test_an_end_is_remembered(home: Any, admin: Any, error: Any, status: Any, told: Any) -> None:
    queries, statements = home.service.queries, home.service.queries.statements
    statement = begin(home, admin)
    deployment_id = statement.entry.deployment_id
    (running,) = statements.running(admin)
    assert (running.id, running.status) == (statement.id, StatementStatus.RUNNING)
    assert ids(queries.past(admin, deployment_id, 10)) == [statement.id]
    home.clock.turn(1.5)
    assert statements.running(admin)[0].duration_us == 1_500_000
    statement.end(error, rows_returned=3, answer_bytes=40)
    home.clock.turn(1.0)
    # Only the first end counts.
    statement.end(Cancelled("later"))
    assert statements.running(admin) == []
    (entry,) = queries.past(admin, deployment_id, 10)
    assert (entry.status, entry.error, entry.duration_us) == (status, told, 1_500_000)
    assert (entry.rows_returned, entry.answer_bytes) == (3, 40)


def test_a_failure_ends_a_statement(home: Any, admin: Any) -> None:
    queries = home.service.queries
    database = queries.database(admin, home.deployment_id(admin))
    with pytest.raises(ZeroDivisionError), queries.statement(database, "sql", "select 1 / 0"):
        raise ZeroDivisionError
    assert queries.statements.running(admin) == []
    assert queries.past(admin, database.deployment_id, 1)[0].status == StatementStatus.FAILED


def test_who_sees_and_ends_what(home: Any, admin: Any) -> None:
    statements = home.service.queries.statements
    ann, bob, eve = home.join("ann@example.org"), home.join("bob@example.org"), home.foreigner()
    iris = home.deployment_id(admin)
    other = home.deployment(admin, "other").id
    by_ann, by_bob = begin(home, ann), begin(home, bob, deployment_id=other)
    assert ids(statements.running(admin)) == [by_ann.id, by_bob.id]
    assert ids(statements.running(admin, other)) == [by_bob.id]
    assert ids(statements.running(ann)) == [by_ann.id]
    assert ids(statements.running(eve)) == []
    for caller, deployment_id in ((bob, None), (eve, None), (ann, other), (admin, other)):
        with pytest.raises(NotFound, match=f"query '{by_ann.id}' not found"):
            statements.cancel(caller, by_ann.id, deployment_id)
    assert not by_ann.budget.cancelled.is_set()
    statements.cancel(ann, by_ann.id, iris)
    statements.cancel(admin, by_bob.id)
    assert by_ann.budget.cancelled.is_set()
    assert by_bob.budget.cancelled.is_set()
    by_ann.end()
    by_bob.end()
    with pytest.raises(NotFound):
        statements.cancel(admin, by_ann.id)
    queries = home.service.queries
    assert ids(queries.past(admin, iris, 10)) == ids(queries.past(ann, iris, 10)) == [by_ann.id]
    assert queries.past(bob, iris, 10) == []
    with pytest.raises(NotFound):
        queries.past(eve, iris, 10)


def test_keys_see_what_their_user_does_where_they_are_bound(home: Any, admin: Any) -> None:
    service = home.service
    statements = service.queries.statements
    iris, other = home.deployment_id(admin), home.deployment(admin, "other").id
    by_ann = begin(home, home.join("ann@example.org"))
    here, there = begin(home, admin), begin(home, admin, deployment_id=other)

    def key(scopes: set[Scope], binding: Binding | None = None) -> Any:
        made = service.api_keys.create(admin, "key", frozenset(scopes), binding)
        return service.identity.authenticate_key(made.key)

    # Without the right of an administrator a key sees its user's own.
    assert ids(statements.running(key({Scope.QUERY}))) == [here.id, there.id]
    assert by_ann.id in ids(statements.running(key({Scope.ADMIN})))
    bound = key({Scope.QUERY}, Binding(BoundKind.DEPLOYMENT, other))
    assert ids(statements.running(bound)) == [there.id]
    with pytest.raises(NotFound):
        statements.cancel(bound, here.id)
    with pytest.raises(NotAllowed):
        service.queries.past(bound, iris, 10)
    for refused in (statements.running, lambda caller: statements.cancel(caller, here.id)):
        with pytest.raises(NotAllowed):
            refused(key({Scope.INGEST}))


def test_the_last_thousand_are_remembered(home: Any, admin: Any) -> None:
    queries = home.service.queries
    deployment_id = home.deployment_id(admin)
    begun = [begin(home, admin, f"select {n}") for n in range(HISTORY_MAX + 5)]
    for statement in begun:
        statement.end()
    kept = queries.past(admin, deployment_id, HISTORY_MAX + 5)
    assert ids(kept) == [statement.id for statement in reversed(begun[5:])]
    long = begin(home, admin, "x" * 5_000)
    assert len(long.entry.text) == TEXT_CHARACTERS_MAX
    # A deployment that is gone takes its history along, once another one has one.
    home.service.deployments.delete(admin, deployment_id)
    home.service.lifecycle.settle()
    other = home.deployment(admin, "other").id
    begin(home, admin, deployment_id=other).end()
    assert queries.statements.past(admin, deployment_id, 10) == []
    assert len(queries.past(admin, other, 10)) == 1


def test_so_many_at_a_time(home: Any, admin: Any) -> None:
    queries = home.restart(deployment_statements_max=2).queries
    iris, other = home.deployment_id(admin), home.deployment(admin, "other").id
    with queries.admitted(admin, iris) as database, queries.admitted(admin, iris):
        assert database.deployment_id == iris
        with pytest.raises(QuotaExceeded, match="2 may") as refusal, queries.admitted(admin, iris):
            pass
        assert refusal.value.retry_after_s > 0
        with queries.admitted(admin, other):
            pass
    with queries.admitted(admin, iris), queries.admitted(admin, iris):
        pass
    with pytest.raises(NotFound), queries.admitted(home.foreigner(), iris):
        pass


def test_a_service_that_closes_begins_nothing(home: Any, admin: Any) -> None:
    queries = home.service.queries
    database = queries.database(admin, home.deployment_id(admin))
    with queries.statement(database, "sql", "select 1") as statement:
        queries.close()
        assert statement.budget.cancelled.is_set()
    with pytest.raises(Stopping), queries.statement(database, "sql", "select 1"):
        pass
    assert ids(queries.statements.running(admin)) == [statement.id]
