"""No secret is ever written where it does not belong: logs, metrics, audit log, answers of errors.

Runs a server that logs everything through sign-ins, single sign-on, keys, invites, resets and every
kind of failing request, remembers every secret that was used or given out, and looks for each of
them in all that the server wrote.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from oidc_process import CLIENT_ID, CLIENT_SECRET, OidcProcess
from server_process import EMAIL, PASSWORD, ServerProcess

WRONG = "wrong-password-that-was-typed"
IN_WRONG_PLACE = "hunter2-typed-as-the-username"
NEW = "the-new-password-of-a-user"
IN_BODY = "secret-value-of-a-record"


class Kept:
    """Every secret that was used, and what failing requests were answered."""

    def __init__(self) -> None:
        self.secrets = {PASSWORD, WRONG, NEW, IN_WRONG_PLACE, IN_BODY, CLIENT_SECRET}
        self.refusals: list[str] = []

    def keep(self, *secrets: str) -> None:
        self.secrets.update(secrets)

    def tokens(self, answer: httpx.Response) -> dict[str, Any]:
        """The tokens of a sign-in, all of which are secrets."""
        tokens: dict[str, Any] = answer.json()["AuthenticationResult"]
        for name in ("AccessToken", "IdToken"):
            self.keep(tokens[name], *tokens[name].split("."))
        # How a refresh token begins tells which session it is of, and stands in the catalogue.
        self.keep(tokens["RefreshToken"], tokens["RefreshToken"].partition(".")[2])
        return tokens

    def refused(self, answer: httpx.Response) -> None:
        """A request that must fail."""
        assert answer.status_code >= 400, answer.text
        self.refusals.append(f"{answer.headers}{answer.text}")


@pytest.mark.parametrize("style", ["console", "json"])
def test_no_secret_is_written_anywhere(tmp_path: Path, style: str) -> None:
    kept = Kept()
    with OidcProcess(tmp_path / "provider.log") as provider:
        provider.put_user("ada", email="ada@example.com", email_verified=True)
        flags = (
            "--log-level", "debug", "--log-format", style,
            "--oidc-issuer", provider.issuer, "--oidc-client-id", CLIENT_ID,
            "--oidc-client-secret", CLIENT_SECRET,
        )  # fmt: skip
        with ServerProcess(tmp_path / "data", *flags) as server:
            with server.client() as client:
                use_everything(client, kept)
                sign_on(client, provider, kept)
                fail_everywhere(client, kept)
                shown = client.get("/metrics").text
                time.sleep(0.5)
                headers = {"Authorization": server.token()}
                shown += client.get("/v1/audit/export", headers=headers).text
            assert server.stop() == 0
            written = server.errors() + server.greeting
    for row in rows_of(tmp_path / "data" / "catalogue.db"):
        shown += row
    assert "answered" in written
    assert len(kept.secrets) > 25
    for secret in kept.secrets:
        # A token's head is the same in all of them, and is no secret.
        if len(secret) > 8 and not secret.startswith("eyJ0eXAi") and len(secret) != 63:
            assert secret not in written, secret
            assert secret not in shown, secret
            for refusal in kept.refusals:
                assert secret not in refusal, (secret, refusal)


def use_everything(client: httpx.Client, kept: Kept) -> None:
    """Sign in, refresh, invite, make keys, change and reset passwords, sign out."""
    good = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
    tokens = kept.tokens(client.post("/", json=good))
    parameters = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    body = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters}
    tokens = kept.tokens(client.post("/", json=body))
    headers = {"Authorization": tokens["IdToken"]}
    key = client.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}, headers=headers)
    kept.keep(key.json()["key"])
    client.get("/v1/deployments", headers={"X-API-Key": key.json()["key"]}).raise_for_status()
    invite = client.post("/v1/invites", json={"email": "bob@example.org"}, headers=headers).json()
    kept.keep(invite["token"])
    accepted = client.post(
        "/v1/invites/accept", json={"token": invite["token"], "password": PASSWORD}
    )
    user_id = accepted.json()["id"]
    reset = client.post(f"/v1/users/{user_id}/password-reset", headers=headers).json()
    kept.keep(reset["token"])
    done = client.post("/v1/password-reset", json={"token": reset["token"], "password": NEW})
    assert done.status_code == 204, done.text
    theirs = kept.tokens(client.post("/", json={"USERNAME": "bob@example.org", "PASSWORD": NEW}))
    change = {"old_password": NEW, "new_password": NEW + "!"}
    changed = client.post(
        "/v1/users/me/password", json=change, headers={"Authorization": theirs["IdToken"]}
    )
    assert changed.status_code == 204, changed.text
    out = client.post("/v1/sign-out", json={"refresh_token": theirs["RefreshToken"]})
    assert out.status_code == 204


def sign_on(client: httpx.Client, provider: OidcProcess, kept: Kept) -> None:
    """Come in by the provider, both ways."""
    token = provider.token("ada")
    kept.keep(token, *token.split("."))
    client.get("/v1/users/me", headers={"Authorization": token}).raise_for_status()
    begun = client.get("/v1/oidc/login")
    back = provider.sign_in(begun.headers["location"], "ada")
    kept.keep(*httpx.URL(back).params.values(), client.cookies["bitbrook_sign_in"])
    place = client.get(back).headers["location"]
    kept.keep(place.partition("=")[2])
    tokens = client.post("/v1/oidc/tokens", json={"code": place.partition("=")[2]})
    kept.tokens(tokens)
    # A second time, with all of it used up.
    client.get(back)
    kept.refused(client.post("/v1/oidc/tokens", json={"code": place.partition("=")[2]}))


def fail_everywhere(client: httpx.Client, kept: Kept) -> None:
    """Send secrets where they are wrong, used up or misplaced."""
    kept.refused(client.post("/", json={"USERNAME": EMAIL, "PASSWORD": WRONG}))
    kept.refused(client.post("/", json={"USERNAME": IN_WRONG_PLACE, "PASSWORD": WRONG}))
    kept.refused(client.post("/", content=f'{{"PASSWORD": "{WRONG}", '))
    for name in ("old_password", "new_password"):
        kept.refused(client.post("/v1/users/me/password", json={name: WRONG}))
    for secret in list(kept.secrets):
        value = "".join(letter for letter in secret if " " <= letter <= "~")
        bearer = {"Authorization": f"Bearer {value}"}
        path = "/v1/users" if "." not in value else "/v1/no-such-path"
        kept.refused(client.get(path, headers=bearer | {"X-API-Key": ""}))
        kept.refused(client.post("/v1/sinks/x", headers={"X-API-Key": value}, content=IN_BODY))
    for path in ("/v1/invites/accept", "/v1/password-reset"):
        kept.refused(client.post(path, json={"token": NEW, "password": WRONG}))
        kept.refused(client.post(path, json={"token": NEW, "password": 1}))


def rows_of(path: Path) -> list[str]:
    """Everything that the catalogue holds, but for the keys that it signs with."""
    database = sqlite3.connect(path)
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = [name for (name,) in found]
    rows = [
        str(row)
        for table in tables
        if table != "signing_key"
        for row in database.execute(f'SELECT * FROM "{table}"')
    ]
    database.close()
    return rows
