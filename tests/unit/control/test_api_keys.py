"""An API key does what its scopes, its binding and its user allow, until it is revoked.

Tried with every scope, bindings to things of one's own and of others, keys that try to make wider
keys, users who lose rights afterwards, other organisations, and restarts.
"""

from typing import Any

import pytest

from bitbrook.auth.policy import Binding, BoundKind, Right, Role, Scope
from bitbrook.errors import InvalidValue, NotAllowed, NotAuthenticated, NotFound


def used(home: Any, caller: Any, scopes: list[Scope], bound_to: Binding | None = None) -> Any:
    """The caller that a new key speaks for."""
    made = home.service.api_keys.create(caller, "robot", scopes, bound_to)
    return home.service.identity.authenticate_key(made.key)


def test_a_key_speaks_for_its_user_within_its_scopes(home: Any, admin: Any) -> None:
    key = home.service.api_keys.create(admin, "robot", [Scope.INGEST, Scope.QUERY])
    assert key.key.startswith("bb_")
    assert key.key.startswith(key.prefix)
    for identity in (home.service.identity, home.restart().identity):
        caller = identity.authenticate_key(key.key)
        assert (caller.user_id, caller.api_key_id) == (admin.user_id, key.id)
        assert caller.rights == {Right.VIEW, Right.QUERY, Right.CALL, Right.INGEST}
    [listed] = home.service.api_keys.list(admin)
    assert (listed.id, listed.key, listed.scopes) == (key.id, None, ("ingest", "query"))


def test_a_revoked_key_is_out_at_once(home: Any, admin: Any) -> None:
    key = home.service.api_keys.create(admin, "robot", [Scope.QUERY])
    home.service.api_keys.revoke(admin, key.id)
    for identity in (home.service.identity, home.restart().identity):
        with pytest.raises(NotAuthenticated, match="revoked"):
            identity.authenticate_key(key.key)
    with pytest.raises(NotFound):
        home.service.api_keys.revoke(admin, key.id)
    assert home.service.api_keys.list(admin) == []


def test_a_key_never_has_more_than_its_user(home: Any, admin: Any) -> None:
    bob = home.join("bob@example.org", role=Role.ADMIN)
    key = home.service.api_keys.create(bob, "robot", [Scope.ADMIN])
    identity = home.service.identity
    assert identity.authenticate_key(key.key).rights == frozenset(Right)
    home.service.users.change_role(admin, bob.user_id, Role.USER)
    assert Right.ADMIN not in identity.authenticate_key(key.key).rights


def test_only_who_may_manage_makes_keys(home: Any, admin: Any) -> None:
    for scope in (Scope.QUERY, Scope.INGEST):
        robot = used(home, admin, [scope])
        for attempt in (
            lambda robot=robot: home.service.api_keys.create(robot, "wider", [Scope.ADMIN]),
            lambda robot=robot: home.service.api_keys.list(robot),
            lambda robot=robot: home.service.api_keys.revoke(robot, robot.api_key_id),
        ):
            with pytest.raises(NotAllowed):
                attempt()
    deployment = home.deployment(admin)
    bound = used(home, admin, [Scope.ADMIN], Binding(BoundKind.DEPLOYMENT, deployment.id))
    with pytest.raises(NotAllowed, match="bound"):
        home.service.api_keys.create(bound, "wider", [Scope.ADMIN])
    with pytest.raises(NotAllowed, match="API key cannot change a password"):
        home.service.users.change_password(used(home, admin, [Scope.ADMIN]), "x", "battery staple")


def test_users_see_their_own_keys_and_administrators_all(home: Any, admin: Any) -> None:
    bob = home.join("bob@example.org")
    keys = home.service.api_keys
    of_admin, of_bob = (keys.create(each, "robot", [Scope.QUERY]) for each in (admin, bob))
    assert [key.id for key in keys.list(bob)] == [of_bob.id]
    assert {key.id for key in keys.list(admin)} == {of_admin.id, of_bob.id}
    with pytest.raises(NotFound):
        keys.revoke(bob, of_admin.id)
    with pytest.raises(NotFound):
        keys.revoke(home.foreigner(), of_bob.id)
    keys.revoke(admin, of_bob.id)


def test_a_key_bound_to_a_deployment_stays_in_it(home: Any, admin: Any) -> None:
    one, two = home.deployment(admin, "iris"), home.deployment(admin, "other")
    bound = used(home, admin, [Scope.ADMIN], Binding(BoundKind.DEPLOYMENT, one.id))
    service = home.service
    service.tables.create(bound, one.id, "things")
    assert [each.id for each in service.deployments.list(bound)] == [one.id]
    assert service.deployments.get(bound, one.id).name == "iris"
    source = home.source(admin)
    service.sources.begin_ingest(bound, source.id, b'{"records":[]}').durable.result(10)
    assert [each.id for each in service.sources.list(bound)] == [source.id]
    for attempt in (
        lambda: service.deployments.get(bound, two.id),
        lambda: service.deployments.create(bound, "third", "8GB"),
        lambda: service.deployments.delete(bound, two.id),
        lambda: service.tables.list(bound, two.id),
        lambda: service.queries.database(bound, two.id),
        lambda: service.users.list(bound),
    ):
        with pytest.raises(NotAllowed, match="bound to deployment"):
            attempt()
    assert service.queries.default_database(bound).tables()[0].name == "things"


def test_a_key_bound_to_a_source_only_feeds_it(home: Any, admin: Any) -> None:
    source = home.source(admin)
    other = home.source(admin, name="other")
    bound = used(home, admin, [Scope.INGEST], Binding(BoundKind.SOURCE, source.id))
    sources = home.service.sources
    sources.begin_ingest(bound, source.id, b'{"records":[]}').durable.result(10)
    for attempt in (
        lambda: sources.begin_ingest(bound, other.id, b'{"records":[]}'),
        lambda: sources.get(bound, source.id),
        lambda: sources.delete(bound, source.id),
        lambda: home.service.tables.list(bound, source.deployment_id),
        lambda: home.service.queries.database(bound, source.deployment_id),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_what_a_key_cannot_be(home: Any, admin: Any) -> None:
    keys = home.service.api_keys
    for name, scopes in (
        ("robot", []),
        ("", [Scope.QUERY]),
        ("x" * 231, [Scope.QUERY]),
        ("\n", [Scope.QUERY]),
    ):
        with pytest.raises(InvalidValue):
            keys.create(admin, name, scopes)
    deployment = home.deployment(admin)
    for caller, place in ((admin, "nowhere"), (home.foreigner(), deployment.id)):
        for kind in (BoundKind.DEPLOYMENT, BoundKind.SOURCE):
            with pytest.raises(NotFound):
                keys.create(caller, "robot", [Scope.QUERY], Binding(kind, place))
