"""Nobody gets in without good credentials, and good ones get in whatever form they come in.

Sends the token call as scripts for the original send it, and every credential that must not work:
wrong, tampered, truncated, of another kind, used twice, revoked.
"""

import json
import time
from pathlib import Path

import httpx
import pytest

from server_process import EMAIL, PASSWORD, ServerProcess

GOOD = {"USERNAME": EMAIL, "PASSWORD": PASSWORD}
COGNITO = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "any", "AuthParameters": GOOD}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "application/x-www-form-urlencoded",
        "application/x-amz-json-1.1",
        "Content-Type: application/json",
        "tapplication/json",
        "",
    ],
)
@pytest.mark.parametrize("body", [GOOD, COGNITO])
def test_token_call_takes_any_content_type(
    anonymous: httpx.Client, body: dict[str, object], content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = anonymous.post("/", content=json.dumps(body), headers=headers)
    assert answer.status_code == 200, answer.text
    result = answer.json()["AuthenticationResult"]
    assert list(result) == ["AccessToken", "ExpiresIn", "IdToken", "RefreshToken", "TokenType"]
    assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
    assert answer.json()["ChallengeParameters"] == {}
    # Somebody's script greps for the token up to a comma.
    assert f'"IdToken":"{result["IdToken"]}",' in answer.text


def test_wrong_password_and_unknown_user_answer_alike(anonymous: httpx.Client) -> None:
    wrong = anonymous.post("/", json=GOOD | {"PASSWORD": "not the password"})
    unknown = anonymous.post("/", json={"USERNAME": "nobody@example.org", "PASSWORD": "x" * 10})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json() == {
        "__type": "NotAuthorizedException",
        "message": "Incorrect username or password.",
    }


@pytest.mark.parametrize(
    "body", [b"{}", b'{"USERNAME": "a@b"}', b"", b"[]", b"{", b"null", b"\xff"]
)
def test_token_call_refuses_what_it_cannot_read(anonymous: httpx.Client, body: bytes) -> None:
    answer = anonymous.post("/", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_both_forms_of_authorization(server: ServerProcess) -> None:
    token = server.token()
    for header in (token, f"Bearer {token}", f"bearer {token}"):
        with server.client(header) as client:
            assert client.get("/v1/deployments").status_code == 200


def test_bad_tokens_are_refused(server: ServerProcess) -> None:
    token = server.token()
    head, payload, signature = token.split(".")
    tampered = payload[:-2] + ("AA" if payload[-2:] != "AA" else "BB")
    bad = [
        "nonsense",
        "Bearer",
        "Bearer nonsense",
        token[:-3],
        f"{head}.{tampered}.{signature}",
        f"{head}.{payload}.",
        f"Basic {token}",
        "a.b.c",
        "é",
    ]
    for header in bad:
        with httpx.Client(base_url=server.url) as client:
            raw = [(b"Authorization", header.encode("latin-1"))]
            for method, path in (("GET", "/v1/deployments"), ("POST", "/v1/sinks/x")):
                answer = client.request(method, path, headers=raw)
                assert answer.status_code == 401, (header, answer.text)
                assert answer.json()["error"]["code"] == "NotAuthenticated"
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/deployments"),
        ("POST", "/v1/deployments"),
        ("GET", "/v1/sinks/abc"),
        ("POST", "/v1/sinks/abc"),
        ("POST", "/v1/deployments/abc/query"),
        ("POST", "/sql"),
        ("GET", "/v1/users"),
        ("DELETE", "/v1/tables/a/b"),
    ],
)
def test_no_credentials(anonymous: httpx.Client, method: str, path: str) -> None:
    assert anonymous.request(method, path, content=b"{").status_code == 401


def test_refresh_tokens_rotate_and_are_good_once(anonymous: httpx.Client) -> None:
    first = anonymous.post("/", json=GOOD).json()["AuthenticationResult"]

    def refresh(token: str) -> httpx.Response:
        parameters = {"REFRESH_TOKEN": token}
        return anonymous.post(
            "/", json={"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters}
        )

    second = refresh(first["RefreshToken"]).json()["AuthenticationResult"]
    headers = {"Authorization": second["IdToken"]}
    assert anonymous.get("/v1/deployments", headers=headers).status_code == 200
    # The first one was used: whoever sends it again has copied it, and the session ends.
    assert refresh(first["RefreshToken"]).status_code == 401
    assert refresh(second["RefreshToken"]).status_code == 401
    assert anonymous.get("/v1/deployments", headers=headers).status_code == 401


def test_sign_out_ends_a_session(anonymous: httpx.Client) -> None:
    tokens = anonymous.post("/", json=GOOD).json()["AuthenticationResult"]
    answer = anonymous.post("/v1/sign-out", json={"refresh_token": tokens["RefreshToken"]})
    assert answer.status_code == 204
    headers = {"Authorization": tokens["IdToken"]}
    assert anonymous.get("/v1/deployments", headers=headers).status_code == 401


def test_public_keys_are_published(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    for key in answer.json()["keys"]:
        assert key["kid"]
        assert "d" not in key


def test_guessing_is_slowed_down(anonymous: httpx.Client) -> None:
    body = {"USERNAME": "guessed@example.org", "PASSWORD": "wrong password"}
    statuses = []
    for _ in range(14):
        answer = anonymous.post("/", json=body)
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            break
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["message"]


def test_tokens_expire_and_sessions_go_on(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "data", "--token-ttl-s", "1") as server,
        server.client() as client,
    ):
        tokens = client.post("/", json=GOOD).json()["AuthenticationResult"]
        assert tokens["ExpiresIn"] == 1
        headers = {"Authorization": tokens["IdToken"]}
        deadline = time.monotonic() + 10
        while (answer := client.get("/v1/deployments", headers=headers)).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer.status_code == 401
        assert "expired" in answer.json()["message"]
        assert client.post("/v1/sinks/x", headers=headers, json={}).status_code == 401
        parameters = {"REFRESH_TOKEN": tokens["RefreshToken"]}
        body = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters}
        assert client.post("/", json=body).status_code == 200
