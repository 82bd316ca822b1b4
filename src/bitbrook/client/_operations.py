"""Every operation of the API as a flow: which call it is and what its answer becomes.

Written once for both clients. The class that an answer becomes is the caller's, so that each client
gets its own handles. Knows nothing of connections.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from bitbrook.client._calls import delete, get, patch, path_of, post
from bitbrook.client._ends import check_end
from bitbrook.client._exceptions import (
    ConfigurationError,
    CreationFailed,
    NotFound,
    RecordsRefused,
    WaitTimedOut,
)
from bitbrook.client._exchange import Retries, ask, exchange
from bitbrook.client._foreign import plain
from bitbrook.client._literals import bind, is_reading, is_reading_pql
from bitbrook.client._models import (
    DeploymentModel,
    FieldDefinition,
    FieldOptions,
    Minute,
    Outcomes,
    Refusal,
    RetryResult,
    Shape,
    SourceError,
    SourceModel,
    SourceSchema,
    TableModel,
)
from bitbrook.client._names import UPLOAD_NAME, Tokens, Upload
from bitbrook.client._result import ARROW, JSON, Result, read_result
from bitbrook.client._steps import Call, Flow, Pause

D = TypeVar("D", bound=DeploymentModel)
B = TypeVar("B", bound=TableModel)
S = TypeVar("S", bound=SourceModel)
M = TypeVar("M", bound=DeploymentModel | TableModel | SourceModel)

_RUNNING = frozenset({"RUNNING", "ACTIVE"})
_FIRST_POLL_S = 0.02
_POLL_S_MAX = 1.0

_EXPORTS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".parquet": "parquet",
}

_FORMS = {"json": JSON, "arrow": f"{ARROW}, {JSON};q=0.5"}
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


def list_shapes(retries: Retries) -> Flow[list[Shape]]:
    """Return the shapes on offer, smallest first."""
    answer = yield from ask(
        get("/v1/service-properties/deployment:shapes"), dict[str, list[Shape]], retries
    )
    return answer["shapes"]


def create_deployment(name: str, shape: str, type_: type[D], retries: Retries) -> Flow[D]:
    """Return a new deployment, CREATING."""
    body = {"name": name, "deployment_options": {"shape": shape}}
    return (yield from ask(post("/v1/deployments", body), type_, retries))


def list_deployments(type_: type[D], retries: Retries) -> Flow[list[D]]:
    """Return all deployments of the organisation."""
    listed: Any = dict.__class_getitem__((str, list.__class_getitem__(type_)))
    answer = yield from ask(get("/v1/deployments"), listed, retries)
    found: list[D] = answer["deployments"]
    return found


def get_deployment(id_: str, type_: type[D], retries: Retries) -> Flow[D]:
    """Return one deployment."""
    return (yield from ask(get(path_of("deployments", id_)), type_, retries))


def delete_deployment(id_: str, retries: Retries) -> Flow[None]:
    """Have a deployment deleted."""
    yield from exchange(delete(path_of("deployments", id_)), retries)


def create_table(
    deployment_id: str,
    name: str,
    *,
    keys: bool | None,
    description: str,
    type_: type[B],
    retries: Retries,
) -> Flow[B]:
    """Return a new table."""
    body: dict[str, Any] = {"name": name, "description": description}
    if keys is not None:
        body["options"] = {"keys": keys}
    return (yield from ask(post(path_of("tables", deployment_id), body), type_, retries))


def list_tables(deployment_id: str, type_: type[B], retries: Retries) -> Flow[list[B]]:
    """Return all tables of a deployment."""
    listed: Any = dict.__class_getitem__((str, list.__class_getitem__(type_)))
    answer = yield from ask(get(path_of("tables", deployment_id)), listed, retries)
    found: list[B] = answer["tables"]
    return found


def get_table(deployment_id: str, name: str, type_: type[B], retries: Retries) -> Flow[B]:
    """Return one table."""
    return (yield from ask(get(path_of("tables", deployment_id, name)), type_, retries))


def delete_table(deployment_id: str, name: str, retries: Retries) -> Flow[None]:
    """Have a table deleted."""
    yield from exchange(delete(path_of("tables", deployment_id, name)), retries)


def export_table(
    deployment_id: str, name: str, path: Path, form: str | None, retries: Retries
) -> Flow[Path]:
    """Return the file, which has the whole table now.

    Raises:
        AnswerCut: it has not, and the connection did not tell.
    """
    form = form or _EXPORTS.get(path.suffix.lower(), "")
    if form not in _EXPORTS.values():
        known = ", ".join(sorted(set(_EXPORTS.values())))
        raise ConfigurationError(f"format {form!r} of {path.name} is unknown; give one of {known}")
    call = Call(
        "GET",
        f"{path_of('tables', deployment_id, name, 'export')}?format={form}&end=record",
        is_idempotent=True,
        saves_to=path,
    )
    yield from exchange(call, retries)
    check_end(path, form)
    return path


def add_field(
    deployment_id: str,
    table: str,
    field: str,
    options: FieldOptions,
    *,
    type_: type[B],
    retries: Retries,
) -> Flow[B]:
    """Return the table with a field more."""
    path = path_of("tables", deployment_id, table, "fields", field)
    return (yield from ask(post(path, {"options": options}), type_, retries))


def drop_field(
    deployment_id: str, table: str, field: str, type_: type[B], retries: Retries
) -> Flow[B]:
    """Return the table without a field."""
    call = delete(path_of("tables", deployment_id, table, "fields", field))
    yield from exchange(call, retries)
    return (yield from get_table(deployment_id, table, type_, retries))


def create_source(
    name: str,
    deployment_id: str,
    table: str,
    schema: SourceSchema | Mapping[str, Any],
    *,
    type_: type[S],
    retries: Retries,
) -> Flow[S]:
    """Return a new source, CREATING."""
    body = {
        "name": name,
        "sink_details": {"deployment_id": deployment_id, "table": table},
        "schema": schema,
    }
    return (yield from ask(post("/v1/sinks", body), type_, retries))


def list_sources(type_: type[S], retries: Retries) -> Flow[list[S]]:
    """Return all sources of the organisation."""
    listed: Any = dict.__class_getitem__((str, list.__class_getitem__(type_)))
    answer = yield from ask(get("/v1/sinks"), listed, retries)
    found: list[S] = answer["sinks"]
    return found


def get_source(id_: str, type_: type[S], retries: Retries) -> Flow[S]:
    """Return one source."""
    return (yield from ask(get(path_of("sinks", id_)), type_, retries))


def change_source(
    id_: str,
    definition: Sequence[FieldDefinition | Mapping[str, Any]],
    *,
    allow_missing_fields: bool | None,
    rate_limits: Mapping[str, int | None] | None,
    paused: bool | None,
    type_: type[S],
    retries: Retries,
) -> Flow[S]:
    """Return the source, changed in what is given."""
    schema: dict[str, Any] = {"definition": definition} if definition else {}
    if allow_missing_fields is not None:
        schema["allow_missing_fields"] = allow_missing_fields
    given = {"schema": schema or None, "rate_limits": rate_limits, "paused": paused}
    body = {name: value for name, value in given.items() if value is not None}
    return (yield from ask(patch(path_of("sinks", id_), body), type_, retries))


def delete_source(id_: str, retries: Retries) -> Flow[None]:
    """Have a source deleted."""
    yield from exchange(delete(path_of("sinks", id_)), retries)


def list_errors(id_: str, retries: Retries) -> Flow[list[SourceError]]:
    """Return the last records that a source could not take, newest first."""
    call = get(path_of("sinks", id_, "errors"))
    answer = yield from ask(call, dict[str, list[SourceError]], retries)
    return answer["errors"]


def list_minutes(id_: str, retries: Retries) -> Flow[list[Minute]]:
    """Return what a source took, minute by minute."""
    call = get(path_of("sinks", id_, "metrics"))
    answer = yield from ask(call, dict[str, list[Minute]], retries)
    return answer["metrics"]


def send_records(
    source_id: str,
    records: Iterable[Any],
    key: str | None,
    *,
    on_error: str = "partial",
    durability: str | None = None,
    retries: Retries,
) -> Flow[Outcomes]:
    """Return the outcome of each record; what succeeded is durable and visible.

    Raises:
        RecordsRejected: one was at fault, and `on_error` is reject; nothing was stored.
    """
    body = encode_body([encode_record(record) for record in records])
    asked = {"on_error": on_error if on_error != "partial" else None, "durability": durability}
    query = urlencode({name: value for name, value in asked.items() if value})
    call = records_call(source_id, body, key or uuid4().hex, query)
    return (yield from ask(call, Outcomes, retries))


def push_records(
    source_id: str, records: Iterable[Any], key: str | None, retries: Retries
) -> Flow[str]:
    """Return the token of a write of all of these records.

    Raises:
        RecordsRefused: some were refused; the others are stored.
    """
    encoded = [encode_record(record) for record in records]
    call = records_call(source_id, encode_body(encoded), key or uuid4().hex)
    outcomes = yield from ask(call, Outcomes, retries)
    if outcomes.error_count:
        raise RecordsRefused(refusals_of(encoded, outcomes), outcomes.error_count)
    return outcomes.min_seq


def refusals_of(records: Sequence[bytes], outcomes: Outcomes) -> list[Refusal]:
    """Return those of these records that were refused."""
    return [
        Refusal(decode_record(records[at]), each.error_code, each.error_message)
        for at, each in outcomes.errors
    ]


def decode_record(record: bytes) -> Any:
    """Return an encoded record; numbers with a point are Decimals."""
    return _decoder.decode(record)


def retry_errors(id_: str, ids: Iterable[str] | None, retries: Retries) -> Flow[RetryResult]:
    """Return what became of a source's refused records that were taken again."""
    body = {} if ids is None else {"ids": list(ids)}
    call = post(path_of("sinks", id_, "errors", "retry"), body, is_idempotent=True)
    return (yield from ask(call, RetryResult, retries))


def records_call(source_id: str, body: bytes, key: str, query: str = "") -> Call:
    """Return the call that sends a body of records under an Idempotency-Key."""
    path = path_of("sinks", source_id) + (f"?{query}" if query else "")
    return Call("POST", path, body, {"idempotency-key": key}, is_idempotent=True)


def run_sql(
    deployment_id: str,
    statement: str,
    parameters: Sequence[object],
    form: str,
    *,
    upload: Upload | None,
    min_seq: Tokens = "",
    retries: Retries,
) -> Flow[Result]:
    """Return the result of a SQL statement. Only one that reads is repeated."""
    bound = bind(statement, parameters)
    headers = {"accept": _media_type(form), **_fence(min_seq)}
    is_idempotent = is_reading(statement)
    if upload is None:
        call = _query(deployment_id, "sql", bound, headers, is_idempotent=is_idempotent)
    else:
        call = Call(
            "POST",
            path_of("deployments", deployment_id, "query"),
            headers=headers,
            form={"statement": bound},
            files=_files_of(upload),
        )
    response = yield from exchange(call, retries)
    return read_result(response)


def run_pql(
    deployment_id: str, statement: str, retries: Retries, *, min_seq: Tokens = ""
) -> Flow[list[Any]]:
    """Return one answer a call. A statement that writes is not repeated."""
    is_idempotent = is_reading_pql(statement)
    headers = _fence(min_seq)
    call = _query(deployment_id, "pql", statement, headers, is_idempotent=is_idempotent)
    answer = yield from ask(call, dict[str, list[Any]], retries)
    return answer["results"]


def wait_until_running(look: Callable[[], Flow[M]], timeout_s: float) -> Flow[M]:
    """Return what `look` shows once it runs.

    Raises:
        CreationFailed: it never will.
        WaitTimedOut: it does not yet.
    """
    for pause_s in _pauses(timeout_s):
        shown = yield from look()
        if shown.status in _RUNNING:
            return shown
        if shown.status not in {"CREATING", "UPDATING"}:
            reason = getattr(shown, "failure_reason", None) or "it is being deleted"
            raise CreationFailed(f"{shown.name} is {shown.status}: {reason}")
        yield Pause(pause_s)
    raise WaitTimedOut(f"{shown.name} is still {shown.status} after {timeout_s:g} s")


def wait_until_gone(look: Callable[[], Flow[M]], timeout_s: float) -> Flow[None]:
    """Return once there is nothing to see.

    Raises:
        WaitTimedOut: there still is.
    """
    for pause_s in _pauses(timeout_s):
        try:
            shown = yield from look()
        except NotFound:
            return
        yield Pause(pause_s)
    raise WaitTimedOut(f"{shown.name} is still {shown.status} after {timeout_s:g} s")


def encode_record(record: Any) -> bytes:
    """Return a record as JSON; times are RFC 3339, Decimals keep their digits, NaN is null.

    Raises:
        TypeError: a value has no JSON.
    """
    return msgspec.json.encode(record, enc_hook=plain)


def encode_body(records: Sequence[bytes]) -> bytes:
    """Return the body of a request with these records."""
    if not records:
        return b'{"records":[]}'
    return b'{"records":[{"value":' + b'},{"value":'.join(records) + b"}]}"


def _fence(min_seq: Tokens) -> dict[str, str]:
    """Return the header of the tokens that a statement has to see."""
    tokens = min_seq if isinstance(min_seq, str) else ",".join(filter(None, min_seq))
    return {"x-min-seq": tokens} if tokens else {}


def _pauses(timeout_s: float) -> Iterator[float]:
    """Give growing pauses until the time is up."""
    deadline_s = time.monotonic() + timeout_s
    pause_s = _FIRST_POLL_S
    yield pause_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        pause_s = min(pause_s * 1.5, _POLL_S_MAX)
        yield min(pause_s, left_s)


def _files_of(upload: Upload) -> dict[str, Path]:
    if isinstance(upload, str | PathLike):
        return {UPLOAD_NAME: Path(upload)}
    if "statement" in upload or not upload:
        raise ConfigurationError("upload takes a file, or files by names other than 'statement'")
    return {name: Path(path) for name, path in upload.items()}


def _media_type(form: str) -> str:
    try:
        return _FORMS[form]
    except KeyError:
        raise ConfigurationError(f"format {form!r} is unknown; give json or arrow") from None


def _query(
    deployment_id: str,
    language: str,
    statement: str,
    headers: Mapping[str, str],
    *,
    is_idempotent: bool,
) -> Call:
    body = msgspec.json.encode({"language": language, "statement": statement})
    path = path_of("deployments", deployment_id, "query")
    return Call("POST", path, body, headers, is_idempotent=is_idempotent)
