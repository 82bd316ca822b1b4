"""One call of every route, made on a real server while the site is built: the examples of a page.

The calls stand in an order in which each finds what it needs, and each says which of its answer the
later ones use. What was asked and answered is what the page shows; nothing is written by hand.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
from docs.site.json_text import folded, written
from docs.site.server import ADDRESS, EMAIL, PASSWORD

LINES_MAX = 12
"""Lines of an answer in text that are shown."""

POLLS_MAX = 1_500
SIGNATURE = "X-Hub-Signature-256"
LITERAL = ("table", "field", "endpoint_name", "tag")
"""Parts of paths that a reader types as they are; the others are the shell's variables."""

_SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": True,
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        {"name": "species", "path": ["species"], "type": "string", "config": {"Mutex": True}},
        {
            "name": "petal_length",
            "path": ["petal", "length"],
            "type": "decimal",
            "config": {"Scale": 1},
        },
    ],
}
_SECRET = "a secret of GitHub's"
_SINK = {"deployment_id": "{deployment_id}", "table": "iris"}


class Call(NamedTuple):
    """A call to make. `path`: as the API's description has it; `body`: `{name}`s are filled in.

    `keeps`: what later calls may name, and where it stands in the answer. `until`: the status that
    what was created must have before the next call. `caller`: whose token is sent. `secret`: of the
    webhook that this is, which is signed with it.
    """

    method: str
    path: str
    body: Any = None
    query: str = ""
    status: int = 200
    keeps: Mapping[str, str] = MappingProxyType({})
    until: str = ""
    caller: str = "TOKEN"
    content_type: str = ""
    secret: str = ""
    is_endless: bool = False


class Example(NamedTuple):
    """A call that was made: the command, the status of its answer, and the answer with its kind."""

    command: str
    status: int
    kind: str
    answer: str


_FIRST = (
    Call(
        "POST",
        "/",
        {"USERNAME": EMAIL, "PASSWORD": PASSWORD},
        caller="",
        keeps={"TOKEN": "AuthenticationResult.IdToken"},
    ),
    Call("GET", "/.well-known/jwks.json", caller=""),
    Call("GET", "/v1/sign-in-options", caller=""),
    Call("GET", "/v1/oidc/login", caller="", status=404),
    Call("GET", "/v1/oidc/callback", query="state=...&code=...", caller="", status=404),
    Call("POST", "/v1/oidc/tokens", {"code": "..."}, caller="", status=404),
    Call("GET", "/healthz", caller=""),
    Call("GET", "/readyz", caller=""),
    Call("GET", "/metrics", caller=""),
    Call("GET", "/v1/languages"),
    Call("GET", "/v1/service-properties/deployment:shapes"),
    Call(
        "POST",
        "/v1/deployments",
        {"name": "garden", "deployment_options": {"shape": "8GB"}},
        status=201,
        keeps={"deployment_id": "id", "database_id": "id"},
        until="RUNNING",
    ),
    Call("GET", "/v1/deployments"),
    Call("GET", "/v1/deployments/{deployment_id}"),
    Call(
        "PATCH",
        "/v1/deployments/{deployment_id}",
        {"deployment_options": {"shape": "64GB"}},
        until="RUNNING",
    ),
    Call(
        "POST",
        "/v1/tables/{deployment_id}",
        {"name": "iris", "description": "iris flowers"},
        status=201,
        keeps={"table": "name"},
    ),
    Call(
        "POST",
        "/v1/schema-checks",
        {"deployment_id": "{deployment_id}", "table": "iris", "schema": _SCHEMA},
    ),
    Call(
        "POST",
        "/v1/sinks",
        {"name": "iris_stream", "sink_details": _SINK, "schema": _SCHEMA},
        status=201,
        keeps={"source_id": "id"},
        until="RUNNING",
    ),
)

_RECORDS = (
    Call("GET", "/v1/sinks"),
    Call("GET", "/v1/sinks/{source_id}"),
    Call(
        "POST",
        "/v1/sinks/{source_id}",
        {
            "records": [
                {"value": {"id": 1, "species": "setosa", "petal": {"length": "1.4"}}},
                {"value": {"id": 2, "species": "virginica", "petal": {"length": "long"}}},
            ]
        },
    ),
    Call("GET", "/v1/sinks/{source_id}/errors"),
    Call("POST", "/v1/sinks/{source_id}/errors/retry"),
    Call("GET", "/v1/sinks/{source_id}/metrics"),
    Call("PUT", "/v1/sinks/{source_id}/webhook", {"provider": "github", "secret": _SECRET}),
    Call("GET", "/v1/sinks/{source_id}/webhook"),
    Call(
        "POST",
        "/v1/sinks/{source_id}/webhook",
        {"id": 3, "species": "versicolor"},
        caller="",
        secret=_SECRET,
    ),
    Call("DELETE", "/v1/sinks/{source_id}/webhook", status=204),
    Call(
        "PATCH",
        "/v1/sinks/{source_id}",
        {"rate_limits": {"records_per_s": 100_000, "bytes_per_s": None}},
    ),
    Call("POST", "/v1/sinks/{source_id}/pause"),
    Call("POST", "/v1/sinks/{source_id}/resume"),
    Call(
        "POST",
        "/v1/tables/{deployment_id}/{table}/fields/{field}",
        {"options": {"type": "int", "min": 0, "max": 100}},
        status=201,
    ),
    Call("DELETE", "/v1/tables/{deployment_id}/{table}/fields/{field}", status=202),
    Call("GET", "/v1/tables/{deployment_id}"),
    Call("GET", "/v1/tables/{deployment_id}/{table}"),
    Call("GET", "/v1/tables/{deployment_id}/{table}/export", query="format=csv"),
    Call(
        "POST",
        "/v1/deployments/{deployment_id}/query",
        {"language": "pql", "statement": "[iris]Count(Row(species='setosa'))"},
    ),
    Call(
        "POST",
        "/databases/{database_id}/query/sql",
        "select species, count(*) from iris group by species",
        content_type="text/plain",
    ),
    Call("GET", "/v1/queries"),
    Call("DELETE", "/v1/queries/{query_id}", status=404),
    Call("GET", "/v1/deployments/{deployment_id}/queries", query="limit=1"),
    Call(
        "POST",
        "/v1/saved-queries",
        {
            "name": "by species",
            "language": "sql",
            "statement": "select species, count(*) from iris group by species",
        },
        status=201,
        keeps={"saved_query_id": "id"},
    ),
    Call("GET", "/v1/saved-queries"),
    Call("PATCH", "/v1/saved-queries/{saved_query_id}", {"is_shared": True}),
    Call("DELETE", "/v1/saved-queries/{saved_query_id}", status=204),
    Call("GET", "/v1/live", is_endless=True),
)

_ASKED = "select species, count(*) as n from iris where petal_length >= $least group by species"
_LEAST = {"name": "least", "type": "decimal", "default": 0}

_ENDPOINTS = (
    Call(
        "POST",
        "/v1/endpoints",
        {
            "name": "long_flowers",
            "deployment_id": "{deployment_id}",
            "statement": _ASKED,
            "parameters": [_LEAST],
            "tag": "live",
        },
        status=201,
        keeps={"endpoint_name": "name"},
    ),
    Call("GET", "/v1/endpoints"),
    Call("GET", "/v1/endpoints/{endpoint_name}", query="least=1&format=csv"),
    Call("GET", "/v1/endpoints/{endpoint_name}/definition"),
    Call(
        "POST",
        "/v1/endpoints/{endpoint_name}/versions",
        {"statement": f"{_ASKED} order by n desc", "parameters": [_LEAST]},
        status=201,
    ),
    Call("POST", "/v1/endpoints/{endpoint_name}/tags/{tag}", {"version": 2}),
    Call("DELETE", "/v1/endpoints/{endpoint_name}/tags/{tag}"),
    Call("PATCH", "/v1/endpoints/{endpoint_name}", {"requests_per_s": 100}),
    Call("GET", "/v1/endpoints/openapi.json"),
    Call("GET", "/v1/endpoints/{endpoint_name}/openapi.json"),
    Call("DELETE", "/v1/endpoints/{endpoint_name}", status=204),
)

_PEOPLE = (
    Call(
        "POST",
        "/v1/invites",
        {"email": "ada@example.org", "role": "user"},
        status=201,
        keeps={"INVITE": "token"},
    ),
    Call("GET", "/v1/invites"),
    Call(
        "POST",
        "/v1/invites/accept",
        {"token": "{INVITE}", "password": "a password of her own"},
        caller="",
        status=201,
        keeps={"user_id": "id"},
    ),
    Call("GET", "/v1/users"),
    Call("GET", "/v1/users/me"),
    Call("GET", "/v1/users/{user_id}"),
    Call("PATCH", "/v1/users/{user_id}", {"role": "admin"}),
    Call("POST", "/v1/users/{user_id}/deactivate"),
    Call("POST", "/v1/users/{user_id}/activate"),
    Call("POST", "/v1/users/{user_id}/password-reset", status=201, keeps={"RESET": "token"}),
    Call(
        "POST",
        "/v1/password-reset",
        {"token": "{RESET}", "password": "another of her own"},
        caller="",
        status=204,
    ),
)

_ADA = (
    Call(
        "POST",
        "/",
        {"USERNAME": "ada@example.org", "PASSWORD": "another of her own"},
        caller="",
        keeps={
            "ADA": "AuthenticationResult.IdToken",
            "REFRESH_TOKEN": "AuthenticationResult.RefreshToken",
        },
    ),
    Call(
        "POST",
        "/v1/users/me/password",
        {"old_password": "another of her own", "new_password": "the third of her own"},
        caller="ADA",
        status=204,
    ),
    Call("POST", "/v1/sign-out", {"refresh_token": "{REFRESH_TOKEN}"}, caller="", status=204),
)

_LAST = (
    Call("DELETE", "/v1/users/{user_id}"),
    Call(
        "POST",
        "/v1/invites",
        {"email": "ben@example.org"},
        status=201,
        keeps={"invite_id": "id"},
    ),
    Call("DELETE", "/v1/invites/{invite_id}", status=204),
    Call(
        "POST",
        "/v1/api-keys",
        {"name": "robot", "scopes": ["ingest"], "source_id": "{source_id}"},
        status=201,
        keeps={"api_key_id": "id"},
    ),
    Call("GET", "/v1/api-keys"),
    Call("DELETE", "/v1/api-keys/{api_key_id}", status=204),
    Call("GET", "/v1/audit", query="limit=1"),
    Call("GET", "/v1/audit/export", query="action=delete_saved_query"),
    Call("DELETE", "/v1/sinks/{source_id}", status=202, until="gone"),
    Call("DELETE", "/v1/tables/{deployment_id}/{table}", status=202, until="gone"),
    Call("DELETE", "/v1/deployments/{deployment_id}", status=202, until="gone"),
)

CALLS = (*_FIRST, *_RECORDS, *_ENDPOINTS, *_PEOPLE, *_ADA, *_LAST)


class TourFailed(Exception):
    """A call was not answered as the tour expects."""


def take_tour(url: str) -> dict[tuple[str, str], Example]:
    """Return the first example of each route, by its method and path.

    Raises:
        TourFailed: an answer is not the one that was expected.
    """
    known = {"field": "height", "query_id": "0123456789abcdef", "tag": "live"}
    examples: dict[tuple[str, str], Example] = {}
    with httpx.Client(base_url=url, timeout=60.0) as client:
        for call in CALLS:
            example, answered = _make(client, call, known, url)
            examples.setdefault((call.method, call.path), example)
            for name, place in call.keeps.items():
                known[name] = _at(answered, place)
            if call.until:
                _wait(client, call, known)
    return examples


def _make(client: httpx.Client, call: Call, known: dict[str, str], url: str) -> tuple[Example, Any]:
    path = _filled(call.path, known) + (f"?{call.query}" if call.query else "")
    headers = {"Authorization": f"Bearer {known[call.caller]}"} if call.caller else {}
    content = b""
    if call.body is not None:
        text = call.body if isinstance(call.body, str) else json.dumps(call.body)
        content = _filled(text, known).encode()
        headers["Content-Type"] = call.content_type or "application/json"
    if call.secret:
        digest = hmac.new(call.secret.encode(), content, hashlib.sha256).hexdigest()
        headers[SIGNATURE] = f"sha256={digest}"
    if call.is_endless:
        with client.stream(call.method, path, headers=headers) as stream:
            status, kind = stream.status_code, "text"
            text = "\n".join(_first_event(stream.iter_lines()))
    else:
        answer = client.request(call.method, path, headers=headers, content=content)
        status, text = answer.status_code, answer.text
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        kind = "json" if is_json else "text"
    if status != call.status:
        raise TourFailed(f"{call.method} {path} answered {status}, not {call.status}: {text}")
    answered = json.loads(text) if kind == "json" and text else None
    shown = _shown(text.replace(url, ADDRESS), kind)
    return Example(_command(call, known), status, kind, shown), answered


def _first_event(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if not line:
            return
        yield line


def _filled(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _at(answered: Any, place: str) -> str:
    for key in place.split("."):
        answered = answered[key]
    return str(answered)


def _wait(client: httpx.Client, call: Call, known: dict[str, str]) -> None:
    """Return when what a call created runs, or what it deleted is gone."""
    path = call.path
    if call.method == "POST":
        path += f"/{{{next(iter(call.keeps))}}}"
    headers = {"Authorization": known["TOKEN"]}
    for _ in range(POLLS_MAX):
        answer = client.get(_filled(path, known), headers=headers)
        is_gone = answer.status_code == httpx.codes.NOT_FOUND
        if is_gone or answer.json().get("status") == call.until:
            return
        time.sleep(0.02)
    raise TourFailed(f"{path} is not {call.until}: {answer.text}")


def variable(name: str) -> str:
    """Return the shell's variable for a part of a path: `$DEPLOYMENT` for `deployment_id`."""
    names = {"database_id": "DEPLOYMENT", "user_id": "USER_ID"}
    return f"${names.get(name, name.removesuffix('_id').upper())}"


def _command(call: Call, known: dict[str, str]) -> str:
    """Return the call as somebody would type it."""
    shown = {name: known[name] if name in LITERAL else variable(name) for name in known}
    path = _filled(call.path, shown) + (f"?{call.query}" if call.query else "")
    place = f'"$URL{path}"' if "?" in path else f"$URL{path}"
    words = [f"curl -X {call.method} {place}" if call.method != "GET" else f"curl {place}"]
    if call.caller:
        words.append(f'-H "Authorization: Bearer ${call.caller}"')
    if call.secret:
        words.append(f'-H "{SIGNATURE}: sha256=$SIGNATURE"')
    if call.content_type:
        words.append(f"-H 'Content-Type: {call.content_type}'")
    if isinstance(call.body, str):
        words.append(f'-d "{call.body}"')
    elif call.body is not None:
        words.append(f"-d '{_quoted(call.body, shown)}'")
    line = " ".join(words)
    return line if len(line) <= 90 else " \\\n  ".join(words)


def _quoted(body: Any, shown: dict[str, str]) -> str:
    """Return a body as it stands between the shell's single quotes."""
    text = written(body).replace("'", "'\\''")
    for name, words in shown.items():
        text = text.replace(f"{{{name}}}", f"'{words}'")
    return text


def _shown(text: str, kind: str) -> str:
    """Return an answer as the page shows it: whole if it is short, tokens only begun."""
    if kind == "json" and text:
        return folded(text)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join([*lines[:LINES_MAX], "..."] if len(lines) > LINES_MAX else lines)
