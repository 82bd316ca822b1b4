"""Callers may do what their role, scopes and binding all allow.

Tried with every role, scope and right, and with bindings to the right, the wrong and no thing.
"""

import itertools

import pytest

from bitbrook.auth.policy import (
    RIGHTS_OF_ROLE,
    RIGHTS_OF_SCOPE,
    Binding,
    BoundKind,
    Caller,
    Right,
    Role,
    Scope,
    rights_of,
)
from bitbrook.errors import NotAllowed


def caller(
    role: Role = Role.USER, scopes: frozenset[Scope] | None = None, bound_to: Binding | None = None
) -> Caller:
    return Caller("o", "u", "ada@example.org", role, rights_of(role, scopes), bound_to)


@pytest.mark.parametrize(("role", "right"), [*itertools.product(Role, Right)])
def test_a_role_gives_its_rights_and_no_others(role: Role, right: Right) -> None:
    if right in RIGHTS_OF_ROLE[role]:
        caller(role).require(right)
    else:
        with pytest.raises(NotAllowed, match=right):
            caller(role).require(right)


@pytest.mark.parametrize(("role", "scope"), [*itertools.product(Role, Scope)])
def test_a_scope_never_adds_to_a_role(role: Role, scope: Scope) -> None:
    rights = rights_of(role, frozenset({scope}))
    assert rights == RIGHTS_OF_ROLE[role] & RIGHTS_OF_SCOPE[scope]
    assert rights_of(role, frozenset()) == frozenset()


def test_only_administrators_administrate() -> None:
    assert Right.ADMIN not in rights_of(Role.USER, frozenset(Scope))
    assert rights_of(Role.ADMIN, frozenset({Scope.QUERY, Scope.INGEST})) == {
        Right.VIEW,
        Right.QUERY,
        Right.CALL,
        Right.INGEST,
    }


def test_a_binding_to_a_deployment() -> None:
    bound = caller(bound_to=Binding(BoundKind.DEPLOYMENT, "d1"))
    bound.require(Right.INGEST, deployment_id="d1", source_id="s1")
    bound.require(Right.QUERY, deployment_id="d1")
    for place in ({}, {"deployment_id": "d2"}, {"source_id": "d1"}, {"deployment_id": None}):
        with pytest.raises(NotAllowed, match="bound to deployment d1"):
            bound.require(Right.QUERY, **place)
    bound.require_somewhere(Right.QUERY)


def test_a_binding_to_a_source() -> None:
    bound = caller(bound_to=Binding(BoundKind.SOURCE, "s1"))
    bound.require(Right.INGEST, deployment_id="d1", source_id="s1")
    for place in ({}, {"deployment_id": "d1"}, {"deployment_id": "s1"}, {"source_id": "s2"}):
        with pytest.raises(NotAllowed, match="bound to source s1"):
            bound.require(Right.INGEST, **place)


def test_a_key_of_endpoints_reaches_those_alone() -> None:
    bound = Binding(BoundKind.ENDPOINT, "e1", ("e2",))
    rights = rights_of(Role.ADMIN, frozenset({Scope.ENDPOINT}))
    assert rights == {Right.CALL}
    caller = Caller("o", "u", "a@b", Role.ADMIN, rights, bound_to=bound, api_key_id="k")
    caller.require(Right.CALL, deployment_id="d", endpoint_id="e2")
    for right, of in (
        (Right.CALL, {"endpoint_id": "e3"}),
        (Right.CALL, {"deployment_id": "d"}),
        (Right.CALL, {}),
        (Right.QUERY, {"endpoint_id": "e1"}),
    ):
        with pytest.raises(NotAllowed):
            caller.require(right, **of)
