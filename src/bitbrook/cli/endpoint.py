"""`bitbrook endpoint`: statements published under names, from the command line."""

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from bitbrook.cli.failing import fail
from bitbrook.cli.http_calls import CallFailed, Calls, connected
from bitbrook.cli.target_options import ServerUrl

app = typer.Typer(name="endpoint", help="Statements as endpoints.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="the endpoint's name")]


@app.callback()
def endpoint() -> None:
    """Statements as endpoints: publish, list, show, call, tag, delete.

    Who calls comes from BITBROOK_TOKEN, BITBROOK_API_KEY, or BITBROOK_EMAIL and BITBROOK_PASSWORD.
    """


@app.command()
def publish(
    name: Name,
    statement: Annotated[str, typer.Argument(help="the statement, or @FILE that holds it")],
    *,
    deployment: Annotated[str, typer.Option(help="name or id of the deployment, if new")] = "",
    language: Annotated[str, typer.Option(help="sql or pql")] = "sql",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            help='such as from:timestamp, limit:int=10, or JSON {"name": ..., "type": ...}; '
            "repeatable"
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="what it answers, if new")] = "",
    rate: Annotated[int | None, typer.Option(help="calls a second of one caller, if new")] = None,
    tag: Annotated[str, typer.Option(help="a tag that means this version, such as live")] = "",
    url: ServerUrl = "",
) -> None:
    """Publish a statement: as a new endpoint, or as another version of one."""
    version: dict[str, Any] = {
        "statement": _read(statement),
        "language": language,
        "parameters": [read_parameter(each) for each in parameter or ()],
        "tag": tag or None,
    }
    with _calls(url) as calls:
        if calls.find(f"/v1/endpoints/{quote(name, safe='')}/definition") is None:
            body = version | {
                "name": name,
                "deployment_id": _deployment_id(calls, deployment),
                "description": description,
                "requests_per_s": rate,
            }
            shown = calls.call("POST", "/v1/endpoints", body)
        else:
            path = f"/v1/endpoints/{quote(name, safe='')}/versions"
            shown = calls.call("POST", path, version)
        newest = shown["versions"][-1]["version"]
        called = shown["called_version"]
        meant = "which is called" if newest == called else f"version {called} is called"
        print(f"endpoint {name} has version {newest}, {meant}")


@app.command("list")
def list_endpoints(*, url: ServerUrl = "") -> None:
    """List endpoints: name, version that is called, tags, description."""
    with _calls(url) as calls:
        for each in calls.call("GET", "/v1/endpoints")["endpoints"]:
            tags = " ".join(f"{tag}={version}" for tag, version in each["tags"].items())
            first_line = each["description"].partition("\n")[0]
            print("\t".join([each["name"], str(each["called_version"]), tags, first_line]))


@app.command()
def show(
    name: Name,
    *,
    openapi: Annotated[bool, typer.Option("--openapi", help="as an OpenAPI document")] = False,
    url: ServerUrl = "",
) -> None:
    """Show what an endpoint is made of, as JSON."""
    ending = "openapi.json" if openapi else "definition"
    with _calls(url) as calls:
        shown = calls.call("GET", f"/v1/endpoints/{quote(name, safe='')}/{ending}")
        print(json.dumps(shown, indent=2, ensure_ascii=False))


@app.command()
def call(
    name: Name,
    parameters: Annotated[
        list[str] | None, typer.Argument(help="name=value; a name again adds to its list")
    ] = None,
    *,
    form: Annotated[
        str, typer.Option("--format", help="json, ndjson, csv, arrow or parquet")
    ] = "json",
    version: Annotated[int | None, typer.Option(help="which version")] = None,
    tag: Annotated[str, typer.Option(help="which version, by a tag")] = "",
    output: Annotated[Path | None, typer.Option(help="file for the answer")] = None,
    url: ServerUrl = "",
) -> None:
    """Call an endpoint and print its answer."""
    given = [_given(each) for each in parameters or ()]
    given.append(("format", form))
    if version is not None:
        given.append(("version", str(version)))
    if tag:
        given.append(("tag", tag))
    with _calls(url) as calls:
        content = calls.content(f"/v1/endpoints/{quote(name, safe='')}?{urlencode(given)}")
        if output is not None:
            output.write_bytes(content)
            return
        sys.stdout.buffer.write(content)
        if not content.endswith(b"\n") and form == "json":
            sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()


@app.command()
def tag(
    name: Name,
    word: Annotated[str, typer.Argument(help="the tag, such as live")],
    version: Annotated[int | None, typer.Argument(help="the version that it means")] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="have it mean nothing")] = False,
    url: ServerUrl = "",
) -> None:
    """Have a tag mean a version from now on."""
    if remove == (version is not None):
        fail("give a version for the tag, or --remove", exit_code=2)
    path = f"/v1/endpoints/{quote(name, safe='')}/tags/{quote(word, safe='')}"
    with _calls(url) as calls:
        if remove:
            calls.call("DELETE", path)
            print(f"{word} of endpoint {name} means nothing any more")
        else:
            calls.call("POST", path, {"version": version})
            print(f"{word} of endpoint {name} means version {version}")


@app.command()
def delete(name: Name, *, url: ServerUrl = "") -> None:
    """Delete an endpoint with all its versions."""
    with _calls(url) as calls:
        calls.delete(f"/v1/endpoints/{quote(name, safe='')}")
        print(f"endpoint {name} is gone")


def read_parameter(written: str) -> dict[str, Any]:
    """Return a parameter as it is declared to the API.

    `name:type`, `name:type?` of one that may be left out, `name:type=default`, or JSON.
    """
    if written.lstrip().startswith("{"):
        try:
            declared: dict[str, Any] = json.loads(written)
        except ValueError as error:
            fail(f"parameter {written[:60]!r} is not JSON: {error}", exit_code=2)
        return declared
    declaration, has_default, default = written.partition("=")
    name, _, type_ = declaration.partition(":")
    type_ = type_ or "string"
    declared = {"name": name.strip(), "type": type_.strip().removesuffix("?")}
    if has_default:
        declared["default"] = _default(default, declared["type"])
    elif type_.strip().endswith("?"):
        declared["required"] = False
    return declared


def _default(text: str, type_: str) -> Any:
    if type_.startswith("list("):
        inner = type_.removeprefix("list(").rstrip(")")
        return [_default(part.strip(), inner) for part in text.split(",") if part.strip()]
    if type_ in {"int", "bool"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _given(written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not equals:
        fail(f"parameter {written!r} has no value; write name=value", exit_code=2)
    return name, value


def _read(statement: str) -> str:
    if not statement.startswith("@"):
        return statement
    try:
        return Path(statement[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{statement[1:]}: {error}", exit_code=2)


def _deployment_id(calls: Calls, wanted: str) -> str:
    """Return the id of a deployment by its name or id; of the only one if none is wanted."""
    found = calls.call("GET", "/v1/deployments")["deployments"]
    matching = [each for each in found if wanted in {each["id"], each["name"], ""}]
    if len(matching) != 1:
        names = ", ".join(each["name"] for each in found) or "none"
        fail(f"which deployment? give --deployment, one of: {names}", exit_code=2)
    id_: str = matching[0]["id"]
    return id_


class _calls:  # noqa: N801 - reads as what is done
    """Calls of the server; what it refuses ends the verb with its reason."""

    def __init__(self, url: str) -> None:
        self._connected = connected(url or None)

    def __enter__(self) -> Calls:
        try:
            return self._connected.__enter__()
        except CallFailed as failure:
            fail(failure.message)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connected.__exit__(kind, error, traceback)
        if isinstance(error, CallFailed):
            fail(error.message)
