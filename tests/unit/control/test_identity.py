"""Whoever signs in is known until their time is over, and nobody else ever is.

Tried with wrong and repeated passwords and tokens, a clock that is turned, deactivation in the
middle of a session, refresh tokens used twice and by several threads at once, and restarts.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bitbrook.auth.policy import Right, Role
from bitbrook.errors import BitbrookError, NotAuthenticated, QuotaExceeded
from bitbrook.stores.catalogue_rows import SessionRow

ADMIN = "ada@example.org"
PASSWORD = "correct horse"


def test_both_tokens_speak_for_who_signed_in(home: Any) -> None:
    tokens = home.service.identity.sign_in(f"  {ADMIN.upper()} ", PASSWORD)
    assert tokens.expires_in_s == 3_600
    assert tokens.access != tokens.id
    for token in (tokens.access, tokens.id):
        caller = home.service.identity.authenticate(token)
        assert (caller.email, caller.role) == (ADMIN, Role.ADMIN)
        assert caller.rights == frozenset(Right)


def test_nobody_learns_who_exists(home: Any) -> None:
    refusals = []
    for email, password in ((ADMIN, "wrong horse"), ("nobody@example.org", PASSWORD), ("", "")):
        with pytest.raises(NotAuthenticated) as refusal:
            home.service.identity.sign_in(email, password)
        refusals.append(refusal.value.message)
    assert set(refusals) == {"Incorrect username or password."}


def test_guessing_is_slowed_down_for_known_and_unknown_alike(home: Any) -> None:
    for email in (ADMIN, "nobody@example.org"):
        for _ in range(10):
            with pytest.raises(NotAuthenticated):
                home.service.identity.sign_in(email, "wrong horse")
        with pytest.raises(QuotaExceeded, match="try again in 1 s"):
            home.service.identity.sign_in(email, PASSWORD)
    home.clock.turn(1)
    home.service.identity.sign_in(ADMIN, PASSWORD)
    with pytest.raises(NotAuthenticated):
        home.service.identity.sign_in(ADMIN, "wrong horse")


def test_tokens_end_after_an_hour_and_a_refresh_goes_on(home: Any) -> None:
    identity = home.service.identity
    tokens = identity.sign_in(ADMIN, PASSWORD)
    home.clock.turn(3_600)
    with pytest.raises(NotAuthenticated, match="expired"):
        identity.authenticate(tokens.id)
    fresh = identity.refresh(tokens.refresh)
    assert identity.authenticate(fresh.id).email == ADMIN
    assert fresh.refresh != tokens.refresh
    home.clock.turn(30 * 86_400)
    with pytest.raises(NotAuthenticated, match="sign in again"):
        identity.refresh(fresh.refresh)


def test_a_refresh_token_that_comes_twice_ends_its_session(home: Any) -> None:
    identity = home.service.identity
    tokens, others = identity.sign_in(ADMIN, PASSWORD), identity.sign_in(ADMIN, PASSWORD)
    fresh = identity.refresh(tokens.refresh)
    with pytest.raises(NotAuthenticated):
        identity.refresh(tokens.refresh)
    for token in (tokens.access, fresh.id):
        with pytest.raises(NotAuthenticated, match="session"):
            identity.authenticate(token)
    with pytest.raises(NotAuthenticated):
        identity.refresh(fresh.refresh)
    assert identity.authenticate(others.id)
    assert identity.refresh(others.refresh)


def test_of_many_refreshes_at_once_one_succeeds(home: Any) -> None:
    tokens = home.service.identity.sign_in(ADMIN, PASSWORD)

    def refresh(_: int) -> bool:
        try:
            home.service.identity.refresh(tokens.refresh)
        except NotAuthenticated:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(refresh, range(8))) == 1


@pytest.mark.parametrize("token", ["", ".", "x", "a.b", "a.b.c", "ä.ö", "x" * 20_000])
def test_what_is_no_token_is_refused(home: Any, token: str) -> None:
    identity = home.service.identity
    for way in (identity.refresh, identity.authenticate, identity.authenticate_key):
        with pytest.raises(NotAuthenticated):
            way(token)
    identity.sign_out(token)


def test_part_of_a_refresh_token_ends_no_session_for_others(home: Any) -> None:
    identity = home.service.identity
    tokens = identity.sign_in(ADMIN, PASSWORD)
    session_id = identity.authenticate(tokens.id).session_id
    with pytest.raises(NotAuthenticated):
        identity.refresh(f"{session_id}.x")
    identity.sign_out(f"{session_id}.x")
    assert identity.authenticate(tokens.id)


def test_signing_out_ends_the_session_also_after_a_restart(home: Any) -> None:
    tokens = home.service.identity.sign_in(ADMIN, PASSWORD)
    others = home.service.identity.sign_in(ADMIN, PASSWORD)
    home.service.identity.sign_out(tokens.refresh)
    for identity in (home.service.identity, home.restart().identity):
        with pytest.raises(NotAuthenticated, match="session"):
            identity.authenticate(tokens.access)
        with pytest.raises(NotAuthenticated):
            identity.refresh(tokens.refresh)
        assert identity.authenticate(others.access)


def test_sessions_outlive_a_restart(home: Any) -> None:
    tokens = home.service.identity.sign_in(ADMIN, PASSWORD)
    before = home.service.identity.authenticate(tokens.id)
    identity = home.restart().identity
    assert identity.authenticate(tokens.id) == before
    assert identity.authenticate(identity.refresh(tokens.refresh).id)


def test_a_deactivated_user_is_out_at_once(home: Any, admin: Any) -> None:
    home.join("bob@example.org")
    identity = home.service.identity
    tokens = identity.sign_in("bob@example.org", PASSWORD)
    bob = identity.authenticate(tokens.id)
    key = home.service.api_keys.create(bob, "k", ["query"]).key
    home.service.users.deactivate(admin, bob.user_id)
    attempts: list[Any] = [
        lambda identity: identity.authenticate(tokens.id),
        lambda identity: identity.authenticate(tokens.access),
        lambda identity: identity.authenticate_key(key),
        lambda identity: identity.refresh(tokens.refresh),
        lambda identity: identity.sign_in("bob@example.org", PASSWORD),
    ]
    for identity in (home.service.identity, home.restart().identity):
        for attempt in attempts:
            with pytest.raises(NotAuthenticated, match="deactivated"):
                attempt(identity)
        with pytest.raises(NotAuthenticated, match="Incorrect"):
            identity.sign_in("bob@example.org", "wrong horse")
    home.service.users.activate(admin, bob.user_id)
    assert home.service.identity.authenticate_key(key).user_id == bob.user_id
    assert home.caller("bob@example.org").user_id == bob.user_id
    with pytest.raises(NotAuthenticated, match="session"):
        home.service.identity.authenticate(tokens.id)


def test_old_sessions_are_forgotten_in_time(home: Any) -> None:
    ended = home.service.identity.sign_in(ADMIN, PASSWORD)
    home.service.identity.sign_out(ended.refresh)
    home.clock.turn(40 * 86_400)
    home.service.identity.sign_in(ADMIN, PASSWORD)
    catalogue = home.service.identity._members.catalogue
    with catalogue.reading() as rows:
        assert len(rows.all(SessionRow)) == 1
    assert home.service.identity._members._ended_s == {}


def test_no_secret_is_stored_or_logged(home: Any, admin: Any, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    tokens = home.service.identity.sign_in(ADMIN, PASSWORD)
    fresh = home.service.identity.refresh(tokens.refresh)
    key = home.service.api_keys.create(admin, "k", ["admin"])
    invite = home.service.users.invite(admin, "bob@example.org")
    with pytest.raises(BitbrookError) as refusal:
        home.service.identity.refresh(tokens.refresh)
    home.stop()
    secrets = [PASSWORD, key.key, invite.token, fresh.id, fresh.access]
    secrets += [token.refresh.partition(".")[2] for token in (tokens, fresh)]
    stored = b"".join(path.read_bytes() for path in home.settings.data.rglob("*") if path.is_file())
    told = caplog.text + repr([tokens, key, invite, home.settings, refusal.value])
    assert "signed in" in told
    for secret in secrets:
        assert secret.encode() not in stored
        assert secret not in told
    assert (home.settings.data.stat().st_mode & 0o077) == 0
