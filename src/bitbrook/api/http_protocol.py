"""A connection's requests, whose heads are bounded in time and in size.

uvicorn waits for the head of a request as long as its client likes; here a client that dawdles is
answered 408 and let go, so that it cannot hold a connection for nothing. Bodies are bounded by
`bodies`, connections between requests by uvicorn. A request that the server itself could not take,
for want of memory, is answered 503: 400 would tell its client not to send it again.
"""

import asyncio
import sys
from typing import Any

from httptools import HttpParserCallbackError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 64 << 10
"""Bytes of a request's line and headers, beyond what comes in one piece."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with patience for heads. See the module."""

    head_timeout_s = 30.0

    def connection_made(  # type: ignore[override] # as uvicorn's own is
        self, transport: asyncio.Transport
    ) -> None:
        """Expect the head of the first request."""
        self._head_bytes = 0
        self._is_in_head = False
        self._is_between = True
        self._head_timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Take what came; give up a head that has grown too long."""
        # What a piece holds of the body before is not the head's.
        is_of_head = self._is_in_head or self._is_between
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data) if is_of_head else 0
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(b"431 Request Header Fields Too Large", "the headers are too long")
            elif self._head_timer is None:
                # The usual head comes in one piece and costs no timer.
                self._expect_head()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._head_bytes = 0
        self._is_in_head = True
        self._is_between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head."""
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request; what comes next is another's head."""
        self._is_between = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed; called while the parser's error is handled."""
        if not isinstance(sys.exception(), HttpParserCallbackError):
            super().send_400_response(msg)
            return
        # The request was well; what was done with its parts failed.
        self._stop_timer()
        if self.cycle is None or not self.cycle.response_started:
            self._write(b"503 Service Unavailable", "the server could not take this; try again")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._stop_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self._is_in_head:
            reason = f"the headers did not come within {self.head_timeout_s:g} s"
            self._refuse(b"408 Request Timeout", reason)
        else:
            self.transport.close()

    def _refuse(self, status: bytes, reason: str) -> None:
        """Answer a head that is not whole, and close."""
        self._stop_timer()
        self._is_in_head = False
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if not is_answering:
            self._write(status, reason)
        self.transport.close()

    def _write(self, status: bytes, reason: str) -> None:
        body = reason.encode()
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, len(body), body)
        )


def bounded_protocol(head_timeout_s: float) -> Any:
    """Return the protocol with a patience of so many seconds, for uvicorn to make."""
    return type("BoundedProtocol", (BoundedProtocol,), {"head_timeout_s": head_timeout_s})
