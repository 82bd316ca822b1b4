"""A server that speaks S3 (moto), and remembers what it had answered before it was killed.

moto keeps objects in memory. Here each request that changes something is written to a file before
it is carried out, and a new server carries those out before it listens. (Objects that came in parts
are not found again: their parts are told apart by chance.)
"""

import base64
import io
import json
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client

CHANGES = {"PUT", "POST", "DELETE"}


class Remembering:
    """moto's application, with its changes in a file."""

    def __init__(self, path: Path) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        if path.exists():
            client = Client(self._app)
            for line in path.read_text().splitlines():
                try:
                    method, place, query, headers, body = json.loads(line)
                except json.JSONDecodeError:
                    # It was being written when the server was killed: nobody was answered.
                    continue
                client.open(
                    place,
                    method=method,
                    query_string=query,
                    headers=headers,
                    data=base64.b64decode(body),
                ).close()
        self._file = path.open("a")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in CHANGES:
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        headers = {
            name[5:].replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        request = [
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            environ["QUERY_STRING"],
            headers,
            base64.b64encode(body).decode(),
        ]
        with self._lock:
            self._file.write(f"\n{json.dumps(request)}")
            self._file.flush()
            return list(self._app(environ, start_response))


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), Remembering(Path(sys.argv[2])), threaded=True)
