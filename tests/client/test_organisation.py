"""Who may do what, what runs, and changing what there is: from the SDK, in both its kinds.

Invites somebody who then is a user, loses the right and gets it back; makes keys and tries them
beyond their bounds; ends a statement that runs; changes sources under way; fetches whole tables.
"""

import asyncio
import threading
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from api_client import unique_name
from bitbrook.client import (
    AsyncClient,
    Client,
    ConfigurationError,
    Conflict,
    Deployment,
    FieldDefinition,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimits,
    Refused,
    Source,
)
from server_process import EMAIL, PASSWORD, ServerProcess

SLOW = "select count(*) from t a inner join t b on a.n < b.n inner join t c on b.n < c.n"


def test_users_come_and_go(client: Client, server: ServerProcess) -> None:
    email = f"{unique_name('u')}@example.org"
    invite = client.invites.create(email)
    assert invite.link is not None
    assert invite.token is not None
    assert invite.token not in repr(invite)
    assert email in [each.email for each in client.invites.list()]
    user = client.invites.accept(invite.token, "a long enough password")
    assert (user.email, user.role, user.status) == (email, "user", "active")
    assert client.users.get(user.id) == client.users.find(email) == user
    with Client(server.url, email=email, password="a long enough password") as theirs:
        assert theirs.users.me() == user
        with pytest.raises(NotAllowed):
            theirs.invites.create("x@example.org")
        theirs.users.change_password("a long enough password", "another password")
    assert client.users.change_role(user, "admin").role == "admin"
    with Client(server.url, email=email, password="another password") as theirs:
        assert theirs.users.me().role == "admin"
        assert client.users.deactivate(user).status == "deactivated"
        with pytest.raises(NotAuthenticated):
            theirs.users.me()
        assert client.users.activate(user.id).status == "active"
        assert theirs.users.me().status == "active"
        assert client.users.remove(user).status == "left"
    assert client.users.find("nobody@example.org") is None
    revoked = client.invites.create(f"{unique_name('u')}@example.org", "admin")
    client.invites.revoke(revoked)
    with pytest.raises(Refused):
        client.invites.accept(revoked.token or "", "a long enough password")


def test_keys(client: Client, server: ServerProcess, source: Source) -> None:
    made = client.api_keys.create(unique_name("k"), ["ingest"], source=source)
    assert made.key is not None
    assert made.key not in repr(made)
    assert made.bound_to is not None
    assert (made.bound_to.kind, made.bound_to.id) == ("source", source.id)
    with Client(server.url, api_key=made.key) as keyed:
        assert keyed.sources.send(source.id, [{"id": 1}]).success_count == 1
        with pytest.raises((NotAllowed, NotFound)):
            keyed.deployments.sql(source.deployment_id, "select 1")
        assert made.id in [each.id for each in client.api_keys.list()]
        client.api_keys.revoke(made)
        with pytest.raises(NotAuthenticated):
            keyed.sources.send(source.id, [{"id": 2}])


def test_statements_are_seen_and_ended(
    client: Client, deployment: Deployment, source: Source
) -> None:
    for start in range(0, 6_000, 2_000):
        source.send([{"id": number, "n": number} for number in range(start, start + 2_000)])
    raised: list[BaseException] = []

    def run() -> None:
        try:
            deployment.sql(SLOW)
        except Refused as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline_s = time.monotonic() + 60
    running = []
    while not running:
        running = [each for each in client.queries.list() if each.statement == SLOW]
        assert time.monotonic() < deadline_s
    assert client.queries.cancel(running[0]).id == running[0].id
    thread.join(60)
    assert [type(each).__name__ for each in raised] == ["Refused"]
    past = client.queries.past(deployment, limit=1)
    assert [(each.statement, each.status) for each in past] == [(SLOW, "CANCELLED")]
    with pytest.raises(NotFound):
        client.queries.cancel(running[0].id)


def test_sources_change(client: Client, source: Source) -> None:
    wider = source.add_fields(
        [FieldDefinition("price", "decimal", config={"Scale": 2}), {"name": "on", "type": "bool"}]
    )
    assert [each.name for each in wider.schema.definition][-2:] == ["price", "on"]
    assert wider.send([{"id": 1, "price": "1.25", "on": True}]).success_count == 1
    with pytest.raises(Conflict, match="price"):
        source.add_fields([FieldDefinition("price", "int")])
    strict = client.sources.add_fields(source, [], allow_missing_fields=False)
    assert not strict.schema.allow_missing_fields
    paused = source.pause()
    assert paused.status == "PAUSED"
    with pytest.raises(Conflict, match="PAUSED"):
        source.send([{"id": 2}])
    assert source.resume().status == "RUNNING"
    limited = source.limit_rates(records_per_s=100_000)
    assert limited.rate_limits == RateLimits(100_000, 0)
    assert source.limit_rates(records_per_s=0).rate_limits == RateLimits()
    minute = source.metrics()[-1]
    assert (minute.records, minute.error_codes) == (1, {})


def test_a_repeated_key_applies_nothing(source: Source) -> None:
    first = source.send([{"id": 1}, {"id": "x"}], idempotency_key="once")
    assert source.send([{"id": 1}, {"id": "x"}], idempotency_key="once") == first
    assert (source.metrics()[-1].requests, len(source.errors())) == (1, 1)


def test_tables_are_exported(deployment: Deployment, source: Source, tmp_path: Path) -> None:
    source.send([{"id": number, "amount": "1.25", "species": "a"} for number in range(1_000)])
    table = deployment.tables.get("t")
    path = table.export(tmp_path / "t.parquet")
    assert pyarrow.parquet.read_table(path)["_id"].to_pylist() == list(range(1_000))
    lines = deployment.tables.export("t", tmp_path / "t.txt", format="ndjson").read_text()
    assert lines.count("\n") == 1_000
    with pytest.raises(ConfigurationError, match="csv"):
        table.export(tmp_path / "t.xls")
    missing = tmp_path / "u.csv"
    with pytest.raises(NotFound):
        deployment.tables.export("nothing", missing)
    assert not missing.exists()


def test_the_same_awaited(server: ServerProcess, source: Source, tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncClient(server.url, email=EMAIL, password=PASSWORD) as client:
            assert (await client.users.me()).email == EMAIL
            invite = await client.invites.create(f"{unique_name('u')}@example.org")
            await client.invites.revoke(invite)
            key = await client.api_keys.create(unique_name("k"), ["query"])
            assert key.id in [each.id for each in await client.api_keys.list()]
            await client.api_keys.revoke(key)
            found = await client.sources.get(source.id)
            assert (await found.pause()).status == "PAUSED"
            assert (await found.resume()).status == "RUNNING"
            await found.add_fields([FieldDefinition("more", "int")])
            await found.send([{"id": 1, "more": 5}])
            await client.deployments.sql(source.deployment_id, "select more from t")
            (last,) = await client.queries.past(source.deployment_id, limit=1)
            assert last.statement == "select more from t"
            path = await client.tables.export(source.deployment_id, "t", tmp_path / "t.csv")
            assert "5" in path.read_text()

    asyncio.run(run())
