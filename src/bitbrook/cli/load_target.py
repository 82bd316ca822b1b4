"""Where `load` and `kafka` send records: a source that exists, or one of its own for a table."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bitbrook.cli.http_calls import CallFailed, Calls
from bitbrook.cli.input_files import UnreadableFile

POLL_S = 0.1
POLLS_MAX = 600


class Target(NamedTuple):
    """A source that takes records."""

    source_id: str
    name: str


def find_target(calls: Calls, source: str) -> Target:
    """Return a source by its id or name.

    Raises:
        CallFailed: there is none.
    """
    found = _one_of(calls.call("GET", "/v1/sinks")["sinks"], source)
    if found is None:
        raise CallFailed(f"there is no source {source!r}")
    return Target(found["id"], found["name"])


def make_target(
    calls: Calls,
    deployment: str,
    table: str,
    schema_of: Callable[[], dict[str, Any]],
    *,
    kind: str = "load",
) -> Target:
    """Return the source of its own for a table; both are made, or gain fields, if need be.

    `schema_of` says what the records are like; `kind` begins the name of the source.

    Raises:
        CallFailed: there is no such deployment, or the schema contradicts what there is.
        UnreadableFile: nothing is there yet, and nobody can say what the records are like.
    """
    found = _one_of(calls.call("GET", "/v1/deployments")["deployments"], deployment)
    if found is None:
        raise CallFailed(f"there is no deployment {deployment!r}")
    name = f"{kind} {found['name']}/{table}"
    source = _one_of(calls.call("GET", "/v1/sinks")["sinks"], name)
    if source is None:
        schema = schema_of()
        tables = f"/v1/tables/{found['id']}"
        if calls.find(f"{tables}/{table}") is None:
            calls.call("POST", tables, {"name": table})
        details = {"deployment_id": found["id"], "table": table}
        body = {"name": name, "sink_details": details, "schema": schema}
        source = calls.call("POST", "/v1/sinks", body)
    else:
        # What cannot be told of a file with faults is known from one without.
        with contextlib.suppress(UnreadableFile):
            _add_fields(calls, source, schema_of())
    for _ in range(POLLS_MAX):
        if source["status"] != "CREATING":
            break
        time.sleep(POLL_S)
        source = calls.call("GET", f"/v1/sinks/{source['id']}")
    return Target(source["id"], name)


def _add_fields(calls: Calls, source: dict[str, Any], schema: dict[str, Any]) -> None:
    """Add what an earlier load has not met; of what it has, what it was taken for stands."""
    known = {entry["name"] for entry in source["schema"]["definition"]}
    added = [entry for entry in schema["definition"] if entry["name"] not in known]
    if added:
        calls.call("PATCH", f"/v1/sinks/{source['id']}", {"schema": {"definition": added}})


def _one_of(listed: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    return next((each for each in listed if wanted in {each["id"], each["name"]}), None)
