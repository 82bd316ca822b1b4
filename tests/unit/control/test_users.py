"""Users come by invite, change by an administrator's hand, and an organisation is never locked out.

Tried with invites that are old, used, used by many at once, revoked or for a taken address, with
callers without the right, with users of another organisation, and with the last administrator.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bitbrook.auth.policy import Right, Role
from bitbrook.control.users import UserStatus
from bitbrook.errors import Conflict, InvalidValue, NotAllowed, NotAuthenticated, NotFound

PASSWORD = "correct horse"


def test_an_invite_lets_one_user_in_once(home: Any, admin: Any) -> None:
    users = home.service.users
    invite = users.invite(admin, " Bob@Example.org ", Role.ADMIN)
    assert (invite.expires_at - invite.created_at).days == 7
    [listed] = users.invites(admin)
    assert (listed.email, listed.token) == ("bob@example.org", None)
    user = users.accept_invite(invite.token, PASSWORD)
    assert (user.email, user.role, user.status) == ("bob@example.org", "admin", "active")
    assert home.caller("bob@example.org").organisation_id == admin.organisation_id
    assert users.invites(admin) == []
    with pytest.raises(NotFound):
        users.accept_invite(invite.token, PASSWORD)


def test_an_invite_is_good_for_seven_days_also_over_a_restart(home: Any, admin: Any) -> None:
    invites = [home.service.users.invite(admin, f"{name}@example.org") for name in ("bob", "cy")]
    home.clock.turn(7 * 86_400 - 1)
    users = home.restart().users
    assert len(users.invites(admin)) == 2
    users.accept_invite(invites[0].token, PASSWORD)
    home.clock.turn(1)
    assert users.invites(admin) == []
    with pytest.raises(NotFound, match="expired"):
        users.accept_invite(invites[1].token, PASSWORD)


def test_of_many_who_accept_one_gets_in(home: Any, admin: Any) -> None:
    users = home.service.users
    invite = users.invite(admin, "bob@example.org")

    def accept(_: int) -> bool:
        try:
            users.accept_invite(invite.token, PASSWORD)
        except (NotFound, Conflict):
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(accept, range(4))) == 1
    assert len(users.list(admin)) == 2


def test_revoked_and_unknown_invites(home: Any, admin: Any) -> None:
    users = home.service.users
    invite = users.invite(admin, "bob@example.org")
    users.revoke_invite(admin, invite.id)
    for token in (invite.token, "", "x", invite.id):
        with pytest.raises(NotFound):
            users.accept_invite(token, PASSWORD)
    with pytest.raises(NotFound):
        users.revoke_invite(admin, invite.id)


def test_a_bad_password_does_not_use_an_invite_up(home: Any, admin: Any) -> None:
    invite = home.service.users.invite(admin, "bob@example.org")
    with pytest.raises(InvalidValue):
        home.service.users.accept_invite(invite.token, "short")
    home.service.users.accept_invite(invite.token, PASSWORD)


@pytest.mark.parametrize(
    "email", ["", "ada", "@x", "a@", "a b@x", "a@b@c", "a@x\n", "x" * 251 + "@y.z"]
)
def test_what_is_no_address_is_refused(home: Any, admin: Any, email: str) -> None:
    if email.strip() != email:
        assert home.service.users.invite(admin, email).email == email.strip()
        return
    with pytest.raises(InvalidValue, match="no e-mail address"):
        home.service.users.invite(admin, email)


def test_a_taken_address_is_refused(home: Any, admin: Any) -> None:
    twice = [home.service.users.invite(admin, "bob@example.org") for _ in range(2)]
    home.service.users.accept_invite(twice[0].token, PASSWORD)
    with pytest.raises(Conflict):
        home.service.users.accept_invite(twice[1].token, PASSWORD)
    with pytest.raises(Conflict):
        home.service.users.invite(admin, "BOB@example.org")


def test_users_may_only_what_concerns_themselves(home: Any, admin: Any) -> None:
    bob = home.join("bob@example.org")
    users = home.service.users
    assert users.me(bob).email == users.get(bob, bob.user_id).email == "bob@example.org"
    attempts = (
        lambda: users.list(bob),
        lambda: users.get(bob, admin.user_id),
        lambda: users.invite(bob, "cy@example.org"),
        lambda: users.invites(bob),
        lambda: users.revoke_invite(bob, "x"),
        lambda: users.deactivate(bob, bob.user_id),
        lambda: users.activate(bob, bob.user_id),
        lambda: users.remove(bob, bob.user_id),
        lambda: users.change_role(bob, bob.user_id, Role.ADMIN),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed, match=r"no right to admin"):
            attempt()


def test_another_organisations_users_do_not_exist(home: Any, admin: Any) -> None:
    eve = home.foreigner()
    users = home.service.users
    invite = users.invite(admin, "bob@example.org")
    for way in (users.get, users.deactivate, users.activate, users.remove):
        with pytest.raises(NotFound):
            way(eve, admin.user_id)
    with pytest.raises(NotFound):
        users.change_role(eve, admin.user_id, Role.USER)
    with pytest.raises(NotFound):
        users.revoke_invite(eve, invite.id)
    assert [user.email for user in users.list(eve)] == ["eve@example.net"]
    assert users.invites(eve) == []


def test_an_organisation_keeps_an_administrator(home: Any, admin: Any) -> None:
    users = home.service.users
    bob = home.join("bob@example.org", role=Role.ADMIN)
    users.deactivate(bob, admin.user_id)
    attempts = (
        lambda: users.deactivate(bob, bob.user_id),
        lambda: users.remove(bob, bob.user_id),
        lambda: users.change_role(bob, bob.user_id, Role.USER),
    )
    for attempt in attempts:
        with pytest.raises(Conflict, match="last active administrator"):
            attempt()
    users.activate(bob, admin.user_id)
    users.remove(bob, bob.user_id)


def test_a_changed_role_counts_at_once(home: Any, admin: Any) -> None:
    bob = home.join("bob@example.org")
    tokens = home.service.identity.sign_in("bob@example.org", PASSWORD)
    home.service.users.change_role(admin, bob.user_id, Role.ADMIN)
    assert Right.ADMIN in home.service.identity.authenticate(tokens.id).rights
    home.service.users.change_role(admin, bob.user_id, Role.USER)
    assert Right.ADMIN not in home.service.identity.authenticate(tokens.id).rights


def test_who_left_can_be_invited_anew(home: Any, admin: Any) -> None:
    users = home.service.users
    bob = home.join("bob@example.org")
    assert users.remove(admin, bob.user_id).status is UserStatus.LEFT
    with pytest.raises(NotAuthenticated, match="Incorrect"):
        home.caller("bob@example.org")
    with pytest.raises(Conflict, match="invite them anew"):
        users.activate(admin, bob.user_id)
    again = home.join("bob@example.org")
    assert again.user_id != bob.user_id
    home.restart()
    assert home.caller("bob@example.org").user_id == again.user_id
    bobs = [user for user in home.service.users.list(admin) if user.email == "bob@example.org"]
    assert {user.id: user.status for user in bobs} == {bob.user_id: "left", again.user_id: "active"}


def test_a_changed_password_ends_the_other_sessions(home: Any, admin: Any) -> None:
    identity = home.service.identity
    other = identity.sign_in("ada@example.org", PASSWORD)
    with pytest.raises(NotAllowed, match="old password is wrong"):
        home.service.users.change_password(admin, "wrong horse", "battery staple")
    with pytest.raises(InvalidValue):
        home.service.users.change_password(admin, PASSWORD, "short")
    home.service.users.change_password(admin, PASSWORD, "battery staple")
    with pytest.raises(NotAuthenticated, match="session"):
        identity.authenticate(other.id)
    with pytest.raises(NotAuthenticated, match="Incorrect"):
        home.caller()
    home.restart()
    assert home.caller(password="battery staple").user_id == admin.user_id
