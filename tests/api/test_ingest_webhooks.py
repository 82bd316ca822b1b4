"""A webhook is taken if its source's secret signed it lately, and once.

Signs by each provider's documented formula, with `hmac` alone; then changes a byte of the body, of
the signature, of the time and of the secret, repeats deliveries, fails too often, and looks for the
secret in everything that the server shows, logs and keeps.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api_client import ask_sql, create_deployment, create_source, create_table
from server_process import ServerProcess

SECRET = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"
SCHEMA: dict[str, Any] = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "type": "string"},
        {"name": "kind", "path": ["type"], "type": "string", "config": {"Mutex": True}},
        {"name": "amount", "path": ["data", "amount"], "type": "int"},
    ],
}
Sign = Callable[[bytes, int], dict[str, str]]


def mac(algorithm: str, *parts: bytes, secret: str = SECRET) -> Any:
    return hmac.new(secret.encode(), b"".join(parts), algorithm)


def stripe(body: bytes, at: int, secret: str = SECRET) -> dict[str, str]:
    digest = mac("sha256", str(at).encode(), b".", body, secret=secret).hexdigest()
    return {"Stripe-Signature": f"t={at},v0=abc,v1={'0' * 64},v1={digest}"}


def github(body: bytes, _: int) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={mac('sha256', body).hexdigest()}"}


def segment(body: bytes, _: int) -> dict[str, str]:
    return {"x-signature": mac("sha1", body).hexdigest()}


def shop(body: bytes, _: int) -> dict[str, str]:
    return {"X-Shop-Hmac": base64.b64encode(mac("sha512", body).digest()).decode()}


def chat(body: bytes, at: int) -> dict[str, str]:
    digest = mac("sha256", b"v0:", str(at).encode(), b":", body).hexdigest()
    return {"X-Chat-Signature": f"v0={digest}", "X-Chat-Request-Timestamp": str(at)}


FORMS: dict[str, tuple[dict[str, Any], Sign]] = {
    "stripe": ({"provider": "stripe"}, stripe),
    "github": ({"provider": "github"}, github),
    "segment": ({"provider": "segment"}, segment),
    "shop": (
        {
            "provider": "general",
            "header": "X-Shop-Hmac",
            "algorithm": "sha512",
            "encoding": "base64",
        },
        shop,
    ),
    "chat": (
        {
            "provider": "general",
            "header": "X-Chat-Signature",
            "prefix": "v0=",
            "timestamp_header": "X-Chat-Request-Timestamp",
            "signed": "v0:{timestamp}:{body}",
        },
        chat,
    ),
}


@pytest.fixture(scope="module")
def places(api: httpx.Client) -> tuple[str, str]:
    deployment_id = create_deployment(api)
    return deployment_id, create_table(api, deployment_id)


@pytest.fixture
def source_id(api: httpx.Client, places: tuple[str, str]) -> str:
    return create_source(api, *places, SCHEMA)


def hook(api: httpx.Client, source_id: str, **given: Any) -> None:
    body = {"secret": SECRET, **given}
    answer = api.put(f"/v1/sinks/{source_id}/webhook", json=body)
    assert answer.status_code == 200, answer.text


def deliver(
    anonymous: httpx.Client, source_id: str, body: bytes, headers: dict[str, str]
) -> httpx.Response:
    path = f"/v1/sinks/{source_id}/webhook"
    return anonymous.post(path, content=body, headers=headers)


def body_of(id_: str, amount: int = 7) -> bytes:
    # Spaces and order as no encoder of ours writes them.
    return b'{ "type":"charge" ,\n"data":{"amount":%d}, "id" : "%s"}' % (amount, id_.encode())


@pytest.mark.parametrize("form", FORMS)
def test_what_the_secret_signed_is_taken_once(
    api: httpx.Client,
    anonymous: httpx.Client,
    places: tuple[str, str],
    source_id: str,
    form: str,
) -> None:
    given, sign = FORMS[form]
    hook(api, source_id, **given)
    now = int(time.time())
    body = body_of(form)
    headers = sign(body, now)
    taken = deliver(anonymous, source_id, body, headers)
    assert taken.status_code == 200, taken.text
    assert taken.json()["success_count"] == 1
    query = f"select kind, amount from {places[1]} where _id = '{form}'"
    assert ask_sql(api, places[0], query) == [["charge", 7]]
    changed = [
        (body.replace(b"7", b"8"), headers),
        (body + b" ", headers),
        (body, {}),
        (body, {name: value[:-4] + "AAAA" for name, value in headers.items()}),
        (body, dict.fromkeys(headers, "")),
        (body, dict.fromkeys(headers, "t=1,v1=zz")),
    ]
    for wrong, with_headers in changed:
        refused = deliver(anonymous, source_id, wrong, with_headers)
        assert refused.status_code == 401, (with_headers, refused.text)
        assert refused.json()["error"]["code"] == "InvalidSignature"
        assert "www-authenticate" not in refused.headers
    again = deliver(anonymous, source_id, body, headers)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "Conflict")
    assert ask_sql(api, places[0], query) == [["charge", 7]]


@pytest.mark.parametrize("form", ["stripe", "chat"])
def test_times_are_bounded(
    api: httpx.Client, anonymous: httpx.Client, source_id: str, form: str
) -> None:
    given, sign = FORMS[form]
    hook(api, source_id, **given, tolerance_s=60)
    now = int(time.time())
    for off_s, status in ((-600, 401), (-50, 200), (50, 200), (600, 401)):
        body = body_of(f"{form} {off_s}")
        answer = deliver(anonymous, source_id, body, sign(body, now + off_s))
        assert answer.status_code == status, (off_s, answer.text)
    body = body_of("later")
    headers = {name: value.replace(str(now), "x") for name, value in sign(body, now).items()}
    assert deliver(anonymous, source_id, body, headers).status_code == 401


def test_records_are_found_where_they_are(
    api: httpx.Client, anonymous: httpx.Client, places: tuple[str, str], source_id: str
) -> None:
    def send(value: Any) -> httpx.Response:
        body = json.dumps(value).encode()
        return deliver(anonymous, source_id, body, github(body, 0))

    hook(api, source_id, provider="github")
    several = send([{"id": "a1"}, {"id": 5}, {"id": "a2"}]).json()
    assert (several["success_count"], several["error_count"]) == (2, 1)
    (refused,) = api.get(f"/v1/sinks/{source_id}/errors").json()["errors"]
    assert refused["record"] == {"id": 5}
    hook(api, source_id, provider="github", records_path=["payload", "events"])
    assert send({"payload": {"events": [{"id": "b1"}]}}).json()["success_count"] == 1
    assert send({"payload": {"events": {"id": "b2"}}}).json()["success_count"] == 1
    assert send({"payload": {"events": []}}).json()["success_count"] == 0
    for wrong in ({"payload": {}}, {"payload": 7}, [1]):
        assert send(wrong).status_code == 400, wrong
    no_json = b"{"
    assert deliver(anonymous, source_id, no_json, github(no_json, 0)).status_code == 400
    rows = ask_sql(api, places[0], f"select _id from {places[1]}")
    assert {"a1", "a2", "b1", "b2"} <= {row[0] for row in rows}
    api.post(f"/v1/sinks/{source_id}/pause")
    assert send({"payload": {"events": [{"id": "c"}]}}).status_code == 409


def test_how_it_is_signed_is_shown_and_the_secret_is_not(
    api: httpx.Client, server: ServerProcess, source_id: str
) -> None:
    path = f"/v1/sinks/{source_id}/webhook"
    assert api.get(path).status_code == api.delete(path).status_code == 404
    given, _ = FORMS["chat"]
    put = api.put(path, json={"secret": SECRET, **given})
    shown = api.get(path)
    assert put.json() == shown.json()
    told = shown.json()
    assert told["endpoint"].endswith(path)
    assert {name: told[name] for name in given} == given
    assert (told["algorithm"], told["encoding"], told["tolerance_s"]) == ("sha256", "hex", 300)
    texts = [put.text, shown.text, api.get(f"/v1/sinks/{source_id}").text, server.errors()]
    texts += [api.get("/v1/audit").text, api.get("/v1/sinks").text]
    assert SECRET not in "".join(texts)
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"provider": "nobody"},
        {"provider": "stripe", "secret": "short"},
        {"provider": "stripe", "header": "X-Mine"},
        {"provider": "github", "algorithm": "sha512"},
        {"provider": "general"},
        {"provider": "general", "header": "X Y"},
        {"provider": "general", "header": "X-Y", "signed": "{body}{body}"},
        {"provider": "general", "header": "X-Y", "signed": "no body"},
        {"provider": "general", "header": "X-Y", "signed": "{timestamp}.{body}"},
        {"provider": "general", "header": "X-Y", "timestamp_header": "X-T"},
        {"provider": "segment", "tolerance_s": 0},
        {"provider": "segment", "secrets": []},
    ],
    ids=str,
)
def test_ways_of_signing_that_cannot_be(
    api: httpx.Client, source_id: str, wrong: dict[str, Any]
) -> None:
    answer = api.put(f"/v1/sinks/{source_id}/webhook", json={"secret": SECRET, **wrong})
    assert answer.status_code in {400, 422}, answer.text
    assert SECRET not in answer.text
    assert api.get(f"/v1/sinks/{source_id}/webhook").status_code == 404


def test_whoever_fails_too_often_is_not_looked_at(
    api: httpx.Client, anonymous: httpx.Client, source_id: str, places: tuple[str, str]
) -> None:
    hook(api, source_id, provider="github")
    wrong = github(b"something else", 0)
    statuses = [
        deliver(anonymous, source_id, b"%d" % number, wrong).status_code for number in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    body = body_of("late")
    late = deliver(anonymous, source_id, body, github(body, 0))
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60
    other = create_source(api, *places, SCHEMA)
    hook(api, other, provider="github")
    assert deliver(anonymous, other, body, github(body, 0)).status_code == 200
    assert deliver(anonymous, "nothing", b"{}", {}).status_code == 404


def test_digests_are_what_hashlib_makes() -> None:
    """The vectors are RFC 4231's second case, so that the formula itself is held too."""
    made = hmac.new(b"Jefe", b"what do ya want for nothing?", hashlib.sha256).hexdigest()
    assert made == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
