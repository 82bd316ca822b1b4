"""Whom a configured identity provider vouches for comes in, in the role of their groups.

Tried with a real provider in a process of its own: ID tokens as bearer tokens, a browser's sign-in,
a provider that gets new keys, is down or is another one, tokens that are expired, for another
audience, unsigned, or signed with the public key as a shared secret, and users who were
deactivated, have left, or were never invited.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from oidc_process import CLIENT_ID, CLIENT_SECRET, OidcProcess
from server_process import EMAIL, PASSWORD, ServerProcess
from two_organisations import NOBODY, make_directory

REFETCH_S = 0.2


def flags(provider: OidcProcess, **options: str) -> list[str]:
    settings = {
        "oidc-issuer": provider.issuer,
        "oidc-client-id": CLIENT_ID,
        "oidc-client-secret": CLIENT_SECRET,
        "oidc-admin-groups": "operators, chiefs",
        "oidc-refetch-s": str(REFETCH_S),
        **{name.replace("_", "-"): text for name, text in options.items()},
    }
    return [part for name, text in settings.items() for part in (f"--{name}", text)]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProcess]:
    """A provider that lasts."""
    with OidcProcess(tmp_path_factory.mktemp("provider") / "log") as running:
        for name, groups in (("ada", ["operators"]), ("bob", ["staff"]), ("cyd", [])):
            running.put_user(name, email=f"{name}@example.com", email_verified=True, groups=groups)
        yield running


@pytest.fixture(scope="module")
def sso(tmp_path_factory: pytest.TempPathFactory, provider: OidcProcess) -> Iterator[ServerProcess]:
    """A server with two organisations that trusts the provider."""
    data = tmp_path_factory.mktemp("sso") / "data"
    make_directory(data)
    with ServerProcess(data, *flags(provider)) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture(scope="module")
def admin(sso: ServerProcess) -> Iterator[httpx.Client]:
    with sso.client(sso.token()) as client:
        yield client


def whoami(server: ServerProcess, token: str) -> httpx.Response:
    with server.client(f"Bearer {token}") as client:
        return client.get("/v1/users/me")


def user_id_of(admin: httpx.Client, email: str) -> str:
    users = admin.get("/v1/users").json()["users"]
    return str(next(each["id"] for each in users if each["email"] == email))


def test_a_token_of_the_provider_is_a_bearer_token(
    sso: ServerProcess, provider: OidcProcess, admin: httpx.Client
) -> None:
    ada, bob = (whoami(sso, provider.token(name)).json() for name in ("ada", "bob"))
    assert (ada["email"], ada["role"]) == ("ada@example.com", "admin")
    assert (bob["email"], bob["role"]) == ("bob@example.com", "user")
    with sso.client(provider.token("ada")) as client:
        users = client.get("/v1/users").json()["users"]
    assert {each["email"] for each in users} >= {EMAIL, "ada@example.com", "bob@example.com"}
    # A second token is the same user; their groups are looked at anew.
    provider.put_user("bob", email="bob@example.com", email_verified=True, groups=["chiefs"])
    again = whoami(sso, provider.token("bob")).json()
    assert (again["id"], again["role"]) == (bob["id"], "admin")
    provider.put_user("bob", email="bob@example.com", email_verified=True, groups=[])
    assert whoami(sso, provider.token("bob")).json()["role"] == "user"
    # Without a password of ours there is none to sign in with.
    for guess in ("", "!", "None"):
        body = {"USERNAME": "bob@example.com", "PASSWORD": guess or "x"}
        assert httpx.post(sso.url, json=body).status_code == 401


def test_deactivated_and_departed_users_stay_out(
    sso: ServerProcess, provider: OidcProcess, admin: httpx.Client
) -> None:
    token = provider.token("cyd")
    cyd = whoami(sso, token).json()["id"]
    admin.post(f"/v1/users/{cyd}/deactivate").raise_for_status()
    for bearer in (token, provider.token("cyd")):
        answer = whoami(sso, bearer)
        assert answer.status_code == 401
        assert "not active" in answer.json()["message"]
    admin.post(f"/v1/users/{cyd}/activate").raise_for_status()
    assert whoami(sso, token).status_code == 200
    admin.delete(f"/v1/users/{cyd}").raise_for_status()
    assert whoami(sso, token).status_code == 401
    assert whoami(sso, provider.token("cyd")).status_code == 401
    # Invited anew, they come back as somebody new.
    admin.post("/v1/invites", json={"email": "cyd@example.com"}).raise_for_status()
    back = whoami(sso, provider.token("cyd"))
    assert back.status_code == 200, back.text
    assert back.json()["id"] != cyd


def test_addresses_must_be_verified(sso: ServerProcess, provider: OidcProcess) -> None:
    provider.put_user("mallory", email=EMAIL, groups=["operators"])
    answer = whoami(sso, provider.token("mallory"))
    assert answer.status_code == 401
    assert "verified" in answer.json()["message"]
    provider.put_user("noname", email_verified=True)
    assert whoami(sso, provider.token("noname")).status_code == 401


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def forgeries(provider: OidcProcess, tmp_path: Path) -> dict[str, str]:
    """Tokens that nobody may be let in with."""
    good = provider.token("ada")
    head, payload, signature = good.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    key = provider.keys()[0]
    public = RSAKey.import_key(key).as_pem(private=False)
    confused = f"{encoded({'alg': 'HS256', 'kid': header.get('kid')})}.{payload}"
    mac = hmac.digest(public, confused.encode(), hashlib.sha256)
    found = {
        "no algorithm": f"{encoded({'alg': 'none'})}.{payload}.",
        "no signature": f"{head}.{payload}.",
        "public key as secret": f"{confused}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}",
        "tampered": f"{head}.{encoded(claims | {'sub': 'bob'})}.{signature}",
        "another audience": provider.token("ada", client_id="another-client"),
        "later": f"{head}.{encoded(claims | {'exp': claims['exp'] + 9_999})}.{signature}",
    }
    with OidcProcess(tmp_path / "other") as other:
        other.put_user("ada", email="ada@example.com", email_verified=True, groups=["operators"])
        found["another issuer"] = other.token("ada")
        _, theirs, _ = found["another issuer"].split(".")
        pretended = json.loads(base64.urlsafe_b64decode(theirs + "==")) | {"iss": provider.issuer}
        _, _, their_signature = found["another issuer"].split(".")
        found["another's key"] = f"{head}.{encoded(pretended)}.{their_signature}"
    return found


def test_forged_tokens_are_refused(
    sso: ServerProcess, provider: OidcProcess, tmp_path: Path
) -> None:
    for what, token in forgeries(provider, tmp_path).items():
        answer = whoami(sso, token)
        assert answer.status_code == 401, (what, answer.text)
    assert whoami(sso, provider.token("ada")).status_code == 200


def browser_sign_in(
    server: ServerProcess, provider: OidcProcess, subject: str
) -> tuple[httpx.Client, str]:
    """A browser that has come back from the provider, and where it was led."""
    browser = httpx.Client(base_url=server.url, timeout=60)
    begun = browser.get("/v1/oidc/login")
    assert begun.status_code == 302
    assert "httponly" in begun.headers["set-cookie"].lower()
    assert "samesite=lax" in begun.headers["set-cookie"].lower()
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert asked["nonce"] != asked["state"]
    back = provider.sign_in(begun.headers["location"], subject)
    assert back.startswith(f"{server.url}/v1/oidc/callback?")
    finished = browser.get(back)
    assert finished.status_code == 302
    return browser, finished.headers["location"]


def test_a_browser_signs_in(sso: ServerProcess, provider: OidcProcess) -> None:
    options = httpx.get(f"{sso.url}/v1/sign-in-options").json()
    assert options == {
        "password": True,
        "oidc": {"name": "single sign-on", "login": "/v1/oidc/login"},
    }
    browser, place = browser_sign_in(sso, provider, "ada")
    mark, _, code = place.partition("=")
    assert mark == "/#sign-in-code"
    with httpx.Client(base_url=sso.url) as thief:
        # Without the cookie the code is worth nothing, and is used up.
        assert thief.post("/v1/oidc/tokens", json={"code": code}).status_code == 401
    assert browser.post("/v1/oidc/tokens", json={"code": code}).status_code == 401
    browser.close()
    browser, place = browser_sign_in(sso, provider, "ada")
    code = place.partition("=")[2]
    answer = browser.post("/v1/oidc/tokens", json={"code": code})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()["AuthenticationResult"]
    assert whoami(sso, tokens["IdToken"]).json()["email"] == "ada@example.com"
    assert browser.post("/v1/oidc/tokens", json={"code": code}).status_code == 401
    parameters = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    body = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters}
    assert browser.post("/", json=body).status_code == 200
    browser.close()


def test_a_sign_in_ends_where_it_began(sso: ServerProcess, provider: OidcProcess) -> None:
    with httpx.Client(base_url=sso.url) as attacker, httpx.Client(base_url=sso.url) as victim:
        begun = attacker.get("/v1/oidc/login")
        back = provider.sign_in(begun.headers["location"], "bob")
        victim.get("/v1/oidc/login")
        # The attacker's code in the victim's browser, then again where it belongs.
        for client in (victim, attacker):
            place = unquote(client.get(back).headers["location"])
            assert place.startswith("/#sign-in-error="), place
        for query in ("", "?state=x&code=y", "?error=access_denied", "?state=&code="):
            place = attacker.get(f"/v1/oidc/callback{query}").headers["location"]
            assert place.startswith("/#sign-in-error=")


def test_sign_ins_stand_in_the_audit_log(
    sso: ServerProcess, provider: OidcProcess, admin: httpx.Client
) -> None:
    browser, place = browser_sign_in(sso, provider, "ada")
    browser.post("/v1/oidc/tokens", json={"code": place.partition("=")[2]}).raise_for_status()
    browser.close()
    found = admin.get("/v1/audit", params={"user": "ada@example.com"}).json()["entries"]
    assert found[0]["action"] == "exchange_code"
    assert found[0]["outcome"] == "done"


def test_expired_tokens(tmp_path: Path) -> None:
    with OidcProcess(tmp_path / "log", ttl_s=-120) as provider:
        provider.put_user("ada", email="ada@example.com", email_verified=True)
        with ServerProcess(tmp_path / "data", *flags(provider)) as server:
            answer = whoami(server, provider.token("ada"))
            assert answer.status_code == 401
            assert "expired" in answer.json()["message"]
            browser = httpx.Client(base_url=server.url)
            back = provider.sign_in(browser.get("/v1/oidc/login").headers["location"], "ada")
            assert "expired" in unquote(browser.get(back).headers["location"])
            browser.close()


def test_keys_rotate_and_the_provider_may_be_down(tmp_path: Path) -> None:
    first = OidcProcess(tmp_path / "log")
    first.put_user("ada", email="ada@example.com", email_verified=True)
    port, seen, keys = first.port, first.token("ada"), first.keys()
    unseen, late = first.token("ada"), first.token("ada")
    with ServerProcess(tmp_path / "data", *flags(first)) as server:
        assert whoami(server, seen).status_code == 200
        first.stop()
        # What was let in goes on, and the keys that are known still check.
        assert whoami(server, seen).status_code == 200
        assert whoami(server, unseen).status_code == 200
        with OidcProcess(tmp_path / "log", port=port) as second:
            second.put_user("ada", email="ada@example.com", email_verified=True)
            assert second.keys()[0]["n"] != keys[0]["n"]
            token = second.token("ada")
            time.sleep(REFETCH_S * 2)
            assert whoami(server, token).status_code == 200
            # What the key that is gone has signed is refused, but for what was checked before.
            assert whoami(server, late).status_code == 401
            assert whoami(server, seen).status_code == 200
        assert whoami(server, token).status_code == 200
        assert server.token()


def test_only_invited_users(tmp_path: Path, provider: OidcProcess) -> None:
    options = {"oidc_new_users": "invited", "oidc_user_groups": "staff"}
    provider.put_user("dan", email="dan@example.com", email_verified=True, groups=["staff"])
    provider.put_user("eli", email="eli@example.com", email_verified=True, groups=["others"])
    with ServerProcess(tmp_path / "data", *flags(provider, **options)) as server:
        token = provider.token("dan")
        assert "invited" in whoami(server, token).json()["message"]
        with server.client(server.token()) as admin:
            for email in ("dan@example.com", "eli@example.com"):
                admin.post("/v1/invites", json={"email": email}).raise_for_status()
            assert whoami(server, token).status_code == 200
            assert len(admin.get("/v1/invites").json()["invites"]) == 1
            # Not in one of the groups, invited or not.
            answer = whoami(server, provider.token("eli"))
            assert answer.status_code == 401
            assert "groups" in answer.json()["message"]


def test_the_organisation_is_the_one_that_is_configured(
    tmp_path: Path, provider: OidcProcess
) -> None:
    provider.put_user("fay", email="fay@example.com", email_verified=True, tenant="Second")
    provider.put_user("gus", email="gus@example.com", email_verified=True, tenant="Nowhere")
    make_directory(tmp_path / "data")
    with ServerProcess(
        tmp_path / "data", *flags(provider, oidc_organisation_claim="tenant")
    ) as server:
        with server.client(provider.token("fay")) as fay:
            assert fay.get("/v1/users/me").status_code == 200
        with server.client(server.token()) as first:
            emails = {each["email"] for each in first.get("/v1/users").json()["users"]}
            assert emails == {EMAIL}
        answer = whoami(server, provider.token("gus"))
        assert answer.status_code == 401
        assert "organisation" in answer.json()["message"]


def test_an_existing_user_is_found_by_their_address(tmp_path: Path, provider: OidcProcess) -> None:
    provider.put_user("the-admin", email=EMAIL.upper(), email_verified=True, groups=[])
    with ServerProcess(tmp_path / "data", *flags(provider)) as server:
        mine = whoami(server, provider.token("the-admin")).json()
        with server.client(server.token()) as admin:
            assert admin.get("/v1/users/me").json()["id"] == mine["id"]
        # The last administrator stays one, whatever the groups say.
        assert mine["role"] == "admin"
        # The subject counts from now on: another address changes nothing of who it is.
        provider.put_user("the-admin", email="new@example.com", email_verified=True)
        assert whoami(server, provider.token("the-admin")).json()["id"] == mine["id"]


def test_an_unreachable_provider_is_told_from_a_bad_token(
    tmp_path: Path, provider: OidcProcess
) -> None:
    gone = OidcProcess(tmp_path / "log")
    gone.put_user("ada", email="ada@example.com", email_verified=True)
    token = gone.token("ada")
    with ServerProcess(tmp_path / "data", *flags(gone)) as server:
        gone.stop()
        answer = whoami(server, token)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert httpx.get(f"{server.url}/v1/oidc/login").status_code == 503
        # Passwords and open routes go on.
        body = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(server.url, json=body, headers=headers).status_code == 200
        assert httpx.get(f"{server.url}/healthz", headers=NOBODY).status_code == 200
