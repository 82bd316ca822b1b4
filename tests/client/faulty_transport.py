"""httpx's own transport to a real server, with a witness in between who can lose things.

What the tests need and no server does on demand: an answer that is lost after the server has done
the work, a request that never arrives, one that is held up. Nothing is made up: what is answered at
all, the server answered.
"""

import threading
from collections.abc import Callable

import httpx

Rule = Callable[[httpx.Request], bool]


class FaultyTransport(httpx.BaseTransport):
    """Passes requests on, notes them and what they were answered, and loses what it is told to.

    `lose_request` and `lose_answer`: the next so many of the requests that the rule is about.
    `gate`: requests wait while it is closed.
    """

    def __init__(self, rule: Rule = lambda request: True) -> None:
        self.rule = rule
        self.lose_request = 0
        self.lose_answer = 0
        self.after_loss: Callable[[], object] = lambda: None
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[httpx.Request] = []
        self.statuses: list[int] = []
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or lose it."""
        self.gate.wait()
        request.read()
        self.requests.append(request)
        if self.lose_request and self.rule(request):
            self.lose_request -= 1
            raise httpx.WriteError("lost on the way there", request=request)
        response = self._inner.handle_request(request)
        response.read()
        self.statuses.append(response.status_code)
        if self.lose_answer and self.rule(request):
            self.lose_answer -= 1
            self.after_loss()
            raise httpx.ReadError("lost on the way back", request=request)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def seen(self, method: str, path: str) -> list[httpx.Request]:
        """Return the requests of a method to a path."""
        return [r for r in self.requests if r.method == method and r.url.path == path]
