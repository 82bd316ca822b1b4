"""Avro messages as JSON, by the schemas that a registry keeps.

A message in the registry's form is a zero byte, the schema's number (four bytes, big endian) and
the value. A number means one schema for ever, so each is asked for once. What comes out is JSON
that a source reads exactly: decimals as digits, times as RFC 3339, a 32-bit float as the shortest
text that means it. Speaks to the registry over HTTP and knows nothing of Kafka or of sources.
"""

import io
import time
from collections.abc import Mapping
from typing import Any

import fastavro
import fastavro.read
import httpx
import msgspec
import numpy as np

HEAD_BYTES = 5
TRIES_MAX = 6
TIMEOUT_S = 30.0

_SHORTEST = "bitbrook-shortest"


class UnreadableMessage(Exception):
    """A message that is no record; the text says why."""


class RegistryFailed(Exception):
    """The registry does not answer, or refuses; nothing can be read without it."""


class SchemaRegistry:
    """The schemas of a registry, kept once they are known."""

    def __init__(self, url: str, *, user: str = "", password: str = "") -> None:
        auth = httpx.BasicAuth(user, password) if user else None
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, auth=auth)
        self._parsed: dict[int, Any] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def to_json(self, message: bytes) -> bytes:
        """Return the value of a message as JSON.

        Raises:
            UnreadableMessage: it is no Avro of a schema that the registry has.
            RegistryFailed: the registry cannot be asked.
        """
        if len(message) < HEAD_BYTES or message[0] != 0:
            raise UnreadableMessage("it does not begin with a zero byte and a schema's number")
        number = int.from_bytes(message[1:HEAD_BYTES], "big")
        stream = io.BytesIO(message)
        stream.seek(HEAD_BYTES)
        schema = self._schema(number)
        try:
            value = fastavro.schemaless_reader(stream, schema)
            rest = len(message) - stream.tell()
            if rest:
                raise UnreadableMessage(f"{rest} bytes follow the value of schema {number}")
            return msgspec.json.encode(value)
        except UnreadableMessage:
            raise
        # Bytes that are no Avro fail in as many ways as there are types.
        except Exception as fault:
            reason = str(fault) or type(fault).__name__
            raise UnreadableMessage(f"it is no value of schema {number}: {reason}") from None

    def _schema(self, number: int) -> Any:
        parsed = self._parsed.get(number)
        if parsed is None:
            found = self._get(f"/schemas/ids/{number}", f"there is no schema {number}")
            named: dict[str, Any] = {}
            self._parse_references(found, named)
            parsed = self._parsed[number] = _parse(found, named)
        return parsed

    def _parse_references(self, found: Mapping[str, Any], named: dict[str, Any]) -> None:
        """Read the schemas that one refers to, and those that they refer to, before it."""
        for each in found.get("references", ()):
            if each["name"] not in named:
                path = f"/subjects/{each['subject']}/versions/{each['version']}"
                referred = self._get(path, f"there is no schema at {path}")
                self._parse_references(referred, named)
                _parse(referred, named)

    def _get(self, path: str, absent: str) -> Any:
        reason = ""
        for tried in range(TRIES_MAX):
            try:
                answer = self._http.get(path)
            except httpx.TransportError as fault:
                reason = str(fault) or type(fault).__name__
            else:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise UnreadableMessage(f"{absent} in the registry")
                if answer.is_success:
                    return answer.json()
                reason = f"{answer.status_code} {answer.text[:100]}"
                if not answer.is_server_error:
                    break
            time.sleep(0.2 * 2**tried)
        raise RegistryFailed(f"the schema registry at {self._http.base_url} fails: {reason}")


def _parse(found: Mapping[str, Any], named: dict[str, Any]) -> Any:
    kind = found.get("schemaType", "AVRO")
    if kind != "AVRO":
        raise UnreadableMessage(f"its schema is {kind}, which is not read; use AVRO")
    try:
        # A text alone is the name of a type.
        schema = msgspec.json.decode(found["schema"])
        return fastavro.parse_schema(_with_shortest_floats(schema), named_schemas=named)
    except (msgspec.DecodeError, fastavro.schema.SchemaParseException, KeyError) as fault:
        raise UnreadableMessage(f"its schema cannot be read: {fault}") from None


def _with_shortest_floats(schema: Any) -> Any:
    """Return a schema whose 32-bit floats are read as the shortest number that means them."""
    match schema:
        case "float":
            return {"type": "float", "logicalType": _SHORTEST}
        case list():
            return [_with_shortest_floats(each) for each in schema]
        case {"type": "record" | "error", "fields": fields}:
            read = [{**each, "type": _with_shortest_floats(each["type"])} for each in fields]
            return {**schema, "fields": read}
        case {"type": "array", "items": items}:
            return {**schema, "items": _with_shortest_floats(items)}
        case {"type": "map", "values": values}:
            return {**schema, "values": _with_shortest_floats(values)}
        case {"type": dict() | list() as type_} if "logicalType" not in schema:
            return _with_shortest_floats(type_)
        case {"type": "float"} if "logicalType" not in schema:
            return {**schema, "logicalType": _SHORTEST}
        case _:
            return schema


def _read_shortest(value: float, *_: Any) -> float:
    return float(str(np.float32(value)))


fastavro.read.LOGICAL_READERS[f"float-{_SHORTEST}"] = _read_shortest
