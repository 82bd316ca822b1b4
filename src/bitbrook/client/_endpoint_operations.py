"""Operations on endpoints, as flows. See `_operations`."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from bitbrook.client._calls import delete, get, patch, path_of, post
from bitbrook.client._endpoint_models import Endpoint, EndpointParameter
from bitbrook.client._exceptions import ConfigurationError, Conflict
from bitbrook.client._exchange import Retries, ask, exchange
from bitbrook.client._foreign import plain, time_text
from bitbrook.client._result import ARROW, JSON, Result, read_result
from bitbrook.client._steps import Call, Flow

_FORMS = {"json": JSON, "arrow": f"{ARROW}, {JSON};q=0.5"}

Declared = EndpointParameter | Mapping[str, Any]


def publish_endpoint(
    name: str,
    statement: str,
    *,
    deployment_id: str | None,
    language: str,
    parameters: Iterable[Declared],
    description: str,
    requests_per_s: int | None,
    tag: str | None,
    retries: Retries,
) -> Flow[Endpoint]:
    """Return an endpoint that is new, or has a version more.

    Raises:
        ConfigurationError: it is new, and no deployment is named.
    """
    version: dict[str, Any] = {
        "statement": statement,
        "language": language,
        "parameters": list(parameters),
        "tag": tag,
    }
    if deployment_id is None:
        call = post(path_of("endpoints", name, "versions"), version)
        return (yield from ask(call, Endpoint, retries))
    body = {
        **version,
        "name": name,
        "deployment_id": deployment_id,
        "description": description,
        "requests_per_s": requests_per_s,
    }
    try:
        return (yield from ask(post("/v1/endpoints", body), Endpoint, retries))
    except Conflict:
        known = yield from get_endpoint(name, retries)
        if known.deployment_id != deployment_id:
            message = f"endpoint {name!r} is of another deployment; delete it or choose a name"
            raise ConfigurationError(message) from None
    call = post(path_of("endpoints", name, "versions"), version)
    return (yield from ask(call, Endpoint, retries))


def list_endpoints(retries: Retries) -> Flow[list[Endpoint]]:
    """Return the endpoints that the caller may see."""
    answer = yield from ask(get("/v1/endpoints"), dict[str, list[Endpoint]], retries)
    return answer["endpoints"]


def get_endpoint(name: str, retries: Retries) -> Flow[Endpoint]:
    """Return one endpoint."""
    return (yield from ask(get(path_of("endpoints", name, "definition")), Endpoint, retries))


def change_endpoint(name: str, change: Mapping[str, Any], retries: Retries) -> Flow[Endpoint]:
    """Return an endpoint, changed."""
    return (yield from ask(patch(path_of("endpoints", name), change), Endpoint, retries))


def tag_endpoint(name: str, tag: str, version: int, retries: Retries) -> Flow[Endpoint]:
    """Return an endpoint one of whose versions a tag means."""
    path = path_of("endpoints", name, "tags", tag)
    call = post(path, {"version": version}, is_idempotent=True)
    return (yield from ask(call, Endpoint, retries))


def untag_endpoint(name: str, tag: str, retries: Retries) -> Flow[None]:
    """Have a tag mean nothing any more."""
    yield from exchange(delete(path_of("endpoints", name, "tags", tag)), retries)


def delete_endpoint(name: str, retries: Retries) -> Flow[None]:
    """Delete an endpoint with all its versions."""
    yield from exchange(delete(path_of("endpoints", name)), retries)


def call_endpoint(
    name: str,
    parameters: Mapping[str, object],
    *,
    version: int | None,
    tag: str | None,
    form: str,
    retries: Retries,
) -> Flow[Result]:
    """Return the rows that an endpoint of SQL answers."""
    if form not in _FORMS:
        raise ConfigurationError(f"format {form!r} is unknown; give json or arrow")
    call = _call(name, parameters, version, tag)
    call = Call(call.method, call.path, headers={"accept": _FORMS[form]}, is_idempotent=True)
    return read_result((yield from exchange(call, retries)))


def call_pql_endpoint(
    name: str,
    parameters: Mapping[str, object],
    *,
    version: int | None,
    tag: str | None,
    retries: Retries,
) -> Flow[list[Any]]:
    """Return what an endpoint of PQL answers, one answer a call of its statement."""
    call = _call(name, parameters, version, tag)
    answer = yield from ask(call, dict[str, list[Any]], retries)
    return answer["results"]


def describe_endpoints(name: str | None, retries: Retries) -> Flow[dict[str, Any]]:
    """Return the OpenAPI document of one endpoint, or of all."""
    parts = ("endpoints", "openapi.json") if name is None else ("endpoints", name, "openapi.json")
    return (yield from ask(get(path_of(*parts)), dict[str, Any], retries))


def _call(
    name: str, parameters: Mapping[str, object], version: int | None, tag: str | None
) -> Call:
    given: list[tuple[str, str]] = []
    for key, value in parameters.items():
        if value is not None:
            listed = value if isinstance(value, list | tuple | set | frozenset) else [value]
            given += [(key, _text(each)) for each in listed]
    if version is not None:
        given.append(("version", str(version)))
    if tag is not None:
        given.append(("tag", tag))
    query = urlencode(given)
    return get(path_of("endpoints", name) + (f"?{query}" if query else ""))


def _text(value: object) -> str:
    """Return a value as the address of a call writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return time_text(value)
        case date():
            return value.isoformat()
        case float():
            return format(Decimal(float.__repr__(value)), "f")
        case Decimal():
            return format(value, "f")
        case str() | int():
            return str(value)
        case _:
            try:
                return _text(plain(value))
            except TypeError as fault:
                raise ConfigurationError(f"a parameter cannot be sent: {fault}") from None
