"""A server with two organisations, things of the first one, and every kind of credential there is.

Bad credentials are made as somebody would make them who has seen good ones, the public key, and
(for what has expired) even the private one.
"""

import base64
import hmac
import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from joserfc.jwk import RSAKey

from api_client import create_deployment, create_source, create_table, stream
from bitbrook.auth.tokens import TokenSigner, TokenUse, make_signing_key
from bitbrook.clock import Clock
from bitbrook.control.service import Service
from bitbrook.settings import Settings
from bitbrook.stores.catalogue_rows import SigningKeyRow
from server_process import EMAIL, PASSWORD, ServerProcess

OTHER = ("eve@example.net", "another password")


class Earlier(Clock):
    """Two hours ago."""

    def now_s(self) -> float:
        return super().now_s() - 7_200


class Things(NamedTuple):
    """What the first organisation has, by the names of path parameters."""

    ids: dict[str, str]
    admin_id: str
    table: str


def make_directory(data: Path) -> None:
    """A data directory with two organisations, each with an administrator."""
    first = Settings(data=data, organisation="First", admin_email=EMAIL, admin_password=PASSWORD)
    with Service.open(first) as service:
        service.users.create_organisation("Second", *OTHER)


def make_things(owner: httpx.Client) -> Things:
    """One of everything, of the first organisation."""
    deployment_id = create_deployment(owner)
    table = create_table(owner, deployment_id)
    source_id = create_source(owner, deployment_id, table)
    stream(owner, source_id, [{"id": 1, "species": "setosa"}])
    user_id, _ = join(owner, "ann@example.org")
    key = owner.post("/v1/api-keys", json={"name": "k", "scopes": ["query"]}).json()
    invite = owner.post("/v1/invites", json={"email": "new@example.org"}).json()
    endpoint = {
        "name": "count_them",
        "deployment_id": deployment_id,
        "statement": f"select count(*) from {table}",
        "tag": "live",
    }
    owner.post("/v1/endpoints", json=endpoint).raise_for_status()
    ids = {
        "endpoint_name": "count_them",
        "tag": "live",
        "deployment_id": deployment_id,
        "database_id": deployment_id,
        "table": table,
        "field": "species",
        "source_id": source_id,
        "user_id": user_id,
        "api_key_id": key["id"],
        "invite_id": invite["id"],
    }
    return Things(ids, owner.get("/v1/users/me").json()["id"], table)


def join(owner: httpx.Client, email: str) -> tuple[str, str]:
    """A new user of the owner's organisation: their id and a token."""
    invite = owner.post("/v1/invites", json={"email": email}).json()
    accepted = owner.post(
        "/v1/invites/accept", json={"token": invite["token"], "password": PASSWORD}
    )
    assert accepted.status_code == 201, accepted.text
    answer = owner.post("/", json={"USERNAME": email, "PASSWORD": PASSWORD}, headers=NOBODY)
    return accepted.json()["id"], answer.json()["AuthenticationResult"]["IdToken"]


NOBODY = {"Authorization": ""}


def bad_credentials(server: ServerProcess, owner: httpx.Client) -> dict[str, dict[str, str]]:
    """Headers that must let nobody in, by what is wrong with them."""
    token = server.token()
    head, payload, signature = token.split(".")
    rows = signing_keys(server.data)
    claims = json.loads(_decoded(payload))
    leaver_id, leaver = join(owner, "leaver@example.org")
    owner.post(f"/v1/users/{leaver_id}/deactivate").raise_for_status()
    key = owner.post("/v1/api-keys", json={"name": "gone", "scopes": ["admin"]}).json()
    owner.delete(f"/v1/api-keys/{key['id']}").raise_for_status()
    ended = owner.post("/", json={"USERNAME": EMAIL, "PASSWORD": PASSWORD}, headers=NOBODY)
    session = ended.json()["AuthenticationResult"]
    owner.post("/v1/sign-out", json={"refresh_token": session["RefreshToken"]}).raise_for_status()
    promoted = claims | {"sub": "0" * 24}
    tokens = {
        "malformed": "a.b.c",
        "truncated": token[:-4],
        "tampered": f"{head}.{_encoded(promoted)}.{signature}",
        "without algorithm": f"{_encoded({'alg': 'none'})}.{payload}.",
        "without signature": f"{head}.{payload}.",
        "signed with the public key": _signed_with_public_key(rows[0], payload),
        "signed by another server": _issued([make_signing_key(1.0)], claims, Clock()),
        "signed by another under our key's name": _issued(
            [SigningKeyRow(id=rows[0].id, private_key=make_signing_key(1.0).private_key,
                           created_s=1.0)], claims, Clock(),
        ),
        "expired": _issued(rows, claims, Earlier()),
        "of a deactivated user": leaver,
        "of an ended session": session["IdToken"],
    }  # fmt: skip
    found = {what: {"Authorization": f"Bearer {text}"} for what, text in tokens.items()}
    found["nothing"] = NOBODY
    found["an unknown scheme"] = {"Authorization": f"Basic {token}"}
    found["a revoked key"] = NOBODY | {"X-API-Key": key["key"]}
    found["an unknown key"] = NOBODY | {"X-API-Key": "bb_" + "x" * 43}
    return found


def signing_keys(data: Path) -> list[SigningKeyRow]:
    """The keys that a server signs with."""
    database = sqlite3.connect(data / "catalogue.db")
    rows = database.execute("SELECT id, private_key, created_s FROM signing_key").fetchall()
    database.close()
    return [SigningKeyRow(id=id_, private_key=pem, created_s=at) for id_, pem, at in rows]


def _issued(rows: list[SigningKeyRow], claims: dict[str, Any], clock: Clock) -> str:
    signer = TokenSigner(rows, ttl_s=3_600, clock=clock)
    return signer.issue(
        TokenUse.ID, user_id=claims["sub"], email=claims["email"], session_id=claims["sid"]
    )


def _signed_with_public_key(row: SigningKeyRow, payload: str) -> str:
    """A token whose HMAC has the public key for its secret."""
    public = RSAKey.import_key(row.private_key).as_pem(private=False)
    signed = f"{_encoded({'alg': 'HS256', 'kid': row.id})}.{payload}"
    digest = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
