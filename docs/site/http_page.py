"""The HTTP reference, made from the description that a server gives of itself.

Every operation there is gets a section: what it asks of its caller, its parameters, the keys of its
body and of its answer, and the example that the tour brought. Paths that mean the same operation
share a section. An operation without an example is a fault, so that none is left out.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from docs.site.tour import Example

SOURCE = Path(__file__).parents[2] / "src" / "bitbrook"
METHODS = ("get", "post", "put", "patch", "delete")
TITLES = {
    "tokens": "Tokens and signing in",
    "deployments": "Deployments",
    "tables": "Tables and fields",
    "sources": "Sources",
    "records": "Records",
    "statements": "Statements",
    "queries": "Statements that run, ran, or are kept",
    "endpoints": "Endpoints",
    "users": "Users, invites and API keys",
    "audit": "The audit log",
    "live": "Live figures",
    "operation": "Watching the server",
}
"""The parts of the page, in order, by the tag of their operations."""

DEPTH_MAX = 4

Node = dict[str, Any]


class Operation(NamedTuple):
    """Something the API does, under one or more paths."""

    method: str
    paths: tuple[str, ...]
    node: Node

    @property
    def tag(self) -> str:
        """The part of the page that it belongs to."""
        return str(self.node["tags"][0])


class MissingExample(Exception):
    """There are operations that the tour does not call."""


def http_page(description: Node, examples: Mapping[tuple[str, str], Example]) -> str:
    """Return the reference as Markdown.

    Raises:
        MissingExample: an operation has none; the message names all of them.
    """
    operations = list(_operations(description))
    missing = [
        f"{operation.method} {operation.paths[0]}"
        for operation in operations
        if _shown_path(operation, examples) is None
    ]
    if missing:
        raise MissingExample(f"docs/site/tour.py has no call of {', '.join(missing)}")
    unknown = {operation.tag for operation in operations} - TITLES.keys()
    if unknown:
        raise MissingExample(
            f"docs/site/http_page.py has no title for {', '.join(sorted(unknown))}"
        )
    order = {call: place for place, call in enumerate(examples)}
    lines: list[str] = []
    for tag, title in TITLES.items():
        chosen = [operation for operation in operations if operation.tag == tag]
        chosen.sort(key=lambda each: order[each.method, _shown_path(each, examples) or ""])
        lines += [f"## {title}", ""]
        for operation in chosen:
            lines += _section(operation, description, examples)
    return "\n".join(lines)


def with_docstrings(description: Node) -> Node:
    """Return a description whose bodies are told in the words of the structs that they are made of.

    The framework gives a body its struct's name and leaves out what the struct says of itself.
    """
    told: dict[str, str] = {}
    # The API's own structs come last, and win over those of the same name that lie below it.
    for path in sorted(SOURCE.rglob("*.py"), key=lambda path: path.parent.name == "api"):
        if path.parent.name != "client":
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    told[node.name] = " ".join((ast.get_docstring(node) or "").split())
    for name, schema in description.get("components", {}).get("schemas", {}).items():
        if name in told:
            schema.setdefault("description", told[name])
    return description


def _operations(description: Node) -> Iterator[Operation]:
    """Give every operation with all of its paths."""
    found: dict[tuple[str, str, str], list[tuple[str, Node]]] = {}
    for path, item in description["paths"].items():
        for method in METHODS:
            if method in item:
                node = item[method]
                key = (method, node["tags"][0], node["summary"])
                found.setdefault(key, []).append((path, node))
    for (method, _, _), places in found.items():
        paths = tuple(path for path, _ in places)
        yield Operation(method.upper(), paths, places[0][1])


def _shown_path(operation: Operation, examples: Mapping[tuple[str, str], Example]) -> str | None:
    """Return the path under which an operation is shown: the one that the tour calls."""
    called = [path for path in operation.paths if (operation.method, path) in examples]
    return called[0] if called else None


def _section(
    operation: Operation, description: Node, examples: Mapping[tuple[str, str], Example]
) -> list[str]:
    path = _shown_path(operation, examples)
    assert path is not None, "every operation has its example"
    node = operation.node
    example = examples[operation.method, path]
    others = [each for each in operation.paths if each != path]
    first, *more = (" ".join(each.split()) for each in node["summary"].split("\n\n"))
    return [
        f'### `{operation.method} {path}` {{ data-toc-label="{_label(first)}" }}',
        "",
        f"{first}.",
        "",
        *(f"{each}{'' if each.endswith('.') else '.'}\n" for each in more),
        f"Asks for: {_permission(node)}. {_also(others)}".rstrip(),
        "",
        *_parameters(node, path),
        *_body(node, description),
        *_answer(node, description),
        "```sh",
        example.command,
        "```",
        "",
        *_example_answer(example),
    ]


def _label(summary: str) -> str:
    """Return the beginning of what an operation does, short enough for a list of contents."""
    return re.split(r"[;:,]| under | by | with ", summary)[0].replace('"', "'")


def _permission(node: Node) -> str:
    permission = node["x-permission"]
    meanings = {"open": "nothing (open)", "signed-in": "any credentials (signed-in)"}
    return meanings.get(permission, f"the right `{permission}`")


def _also(paths: list[str]) -> str:
    return f"Also under {', '.join(f'`{path}`' for path in paths)}." if paths else ""


def _parameters(node: Node, path: str) -> list[str]:
    """Return the parameters, those of the shown path first."""
    rows = [
        f"| `{each['name']}` | {each['in']} | {_type(each.get('schema', {}))} "
        f"| {_cell(each.get('description', ''))} |"
        for each in sorted(node.get("parameters", []), key=lambda each: each["in"] != "path")
        if each["in"] != "path" or f"{{{each['name']}}}" in path
    ]
    return ["| parameter | in | type | |", "|---|---|---|---|", *rows, ""] if rows else []


def _body(node: Node, description: Node) -> list[str]:
    content = node.get("requestBody", {}).get("content", {})
    lines: list[str] = []
    for kind, media in content.items():
        rows = list(_rows(media.get("schema", {}), description, is_sent=True))
        if rows:
            lines += [
                f"Body, `{kind}`. {_told(media, description)}".rstrip(),
                "",
                "| key | type | |",
                "|---|---|---|",
                *rows,
                "",
            ]
        else:
            schema = media.get("schema", {})
            told = schema.get("description") or _type(schema)
            lines += [f"Body, `{kind}`: {told}.", ""]
    return lines


def _answer(node: Node, description: Node) -> list[str]:
    lines: list[str] = []
    for status, answer in node.get("responses", {}).items():
        if not status.isdigit():
            continue
        media = answer.get("content", {}).get("application/json", {})
        rows = list(_rows(media.get("schema", {}), description, is_sent=False))
        if rows:
            lines += [
                f"Answer, {status}. {_told(media, description)}".rstrip(),
                "",
                "| key | type | |",
                "|---|---|---|",
                *rows,
                "",
            ]
        else:
            lines += [f"Answer: {status}.", ""]
    return lines


def _example_answer(example: Example) -> list[str]:
    if not example.answer:
        return [f"answers {example.status} without a body.", ""]
    return [f"```{example.kind}", example.answer, "```", ""]


def _told(media: Node, description: Node) -> str:
    """Return what a body is, as far as the description says it."""
    schema = _resolved(media.get("schema", {}), description)
    return " ".join(schema.get("description", "").split()).replace("<", "&lt;")


def _rows(
    schema: Node, description: Node, *, is_sent: bool, prefix: str = "", depth: int = 0
) -> Iterator[str]:
    """Give a row for each key of an object, those of objects within under their path.

    `is_sent`: whether a caller sends it, and has to know which keys must be there.
    """
    schema = _resolved(schema, description)
    required = set(schema.get("required", ())) if is_sent else set()
    for name, each in schema.get("properties", {}).items():
        inner = _resolved(each, description)
        must = "required" if name in required else ""
        told = _cell(inner.get("description", ""))
        notes = "; ".join(filter(None, (must, told, _choices(inner))))
        yield f"| `{prefix}{name}` | {_type(inner)} | {notes} |"
        if depth + 1 < DEPTH_MAX:
            is_list = inner.get("type") == "array"
            yield from _rows(
                inner.get("items", {}) if is_list else inner,
                description,
                is_sent=is_sent,
                prefix=f"{prefix}{name}{'[]' if is_list else ''}.",
                depth=depth + 1,
            )


def _resolved(schema: Node, description: Node) -> Node:
    """Return a schema with what it refers to in its place."""
    for key in ("oneOf", "anyOf", "allOf"):
        choices = [each for each in schema.get(key, ()) if "$ref" in each]
        if len(choices) == 1:
            schema = {**schema, **choices[0]}
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        told = schema.get("description")
        schema = dict(description["components"]["schemas"][name])
        if told:
            schema["description"] = told
    return schema


def _type(schema: Node) -> str:
    if "type" in schema:
        kind = str(schema["type"])
        if kind == "array":
            inner = schema.get("items", {})
            return f"list of {inner['type']}s" if "type" in inner else "list"
        form = schema.get("format", "")
        return "time" if form == "date-time" else kind
    kinds = [_type(each) for key in ("oneOf", "anyOf") for each in schema.get(key, ())]
    return (
        " or ".join(dict.fromkeys(kinds)) if kinds else "any" if "$ref" not in schema else "object"
    )


def _choices(schema: Node) -> str:
    values = schema.get("enum")
    return f"one of {', '.join(f'`{value}`' for value in values)}" if values else ""


def _cell(text: str) -> str:
    """Return a text as it stands in a table."""
    text = re.sub(r"\s+", " ", text).strip().rstrip(".")
    return text.replace("|", "\\|").replace("<", "&lt;")
