"""A schema registry for tests: an HTTP server that speaks the two GET routes that readers use.

The number of a schema is the place at which it was put, from 1.
"""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import fastavro


class RegistryServer:
    """The registry. `asked`: the paths of all requests. `is_failing`: whether it answers 503."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_failing = False
        self._schemas: list[dict[str, Any]] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                found = registry._find(self.path)
                status = 503 if registry.is_failing else 404 if found is None else 200
                body = json.dumps(found or {"error_code": 40403}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, schema: Any, references: list[dict[str, Any]] | None = None) -> int:
        """Return the number of a schema, which it has from now on."""
        entry: dict[str, Any] = {"schema": json.dumps(schema)}
        if references:
            entry["references"] = references
        self._schemas.append(entry)
        return len(self._schemas)

    def _find(self, path: str) -> dict[str, Any] | None:
        match path.strip("/").split("/"):
            case ["schemas", "ids", number]:
                at = int(number)
            case ["subjects", subject, "versions", "1"]:
                at = int(subject.removeprefix("subject-"))
            case _:
                return None
        return self._schemas[at - 1] if 0 < at <= len(self._schemas) else None


def avro_message(number: int, schema: Any, value: Any, *referred: Any) -> bytes:
    """Return a message in the registry's form."""
    named: dict[str, Any] = {}
    for each in referred:
        fastavro.parse_schema(each, named_schemas=named)
    parsed = fastavro.parse_schema(schema, named_schemas=named)
    stream = io.BytesIO()
    stream.write(b"\0" + number.to_bytes(4, "big"))
    fastavro.schemaless_writer(stream, parsed, value)
    return stream.getvalue()
