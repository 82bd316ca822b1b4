"""Many kept-alive connections on one thread, each with one request under way: a cheap generator.

Requests are whole bytes before the first is sent, and of an answer only its status and length are
read: on a machine that the clients share with the server, what they take is lost to the server.
"""

import selectors
import socket
import time
from heapq import heappop, heappush
from typing import NamedTuple

RECEIVE_BYTES = 1 << 18
TIMEOUT_S = 120.0
_STATUS = b"HTTP/1.1 200"


class Plan(NamedTuple):
    """What one connection sends: whole requests in turn, not more often than every `every_s`."""

    requests: list[bytes]
    every_s: float = 0.0


class Connection:
    """One connection and what it found. `latencies_s`: from a request to the end of its answer."""

    def __init__(self, port: int, plan: Plan) -> None:
        self.plan = plan
        self.latencies_s: list[float] = []
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_s = 0.0
        self._sent_s = 0.0
        self._received = b""
        self._missing_bytes = -1

    def send(self) -> None:
        """Send the next request."""
        request = self.plan.requests[len(self.latencies_s) % len(self.plan.requests)]
        self._sent_s = time.perf_counter()
        self.due_s = max(self.due_s + self.plan.every_s, self._sent_s - 1.0)
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come; return whether the answer is whole."""
        arrived = self.socket.recv(RECEIVE_BYTES)
        if not arrived:
            raise ConnectionError("the server closed a connection")
        if self._missing_bytes < 0:
            self._received += arrived
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return False
            if not self._received.startswith(_STATUS):
                raise ConnectionError(self._received[:600].decode("latin-1"))
            self._missing_bytes = _length(self._received[:end]) + end + 4 - len(self._received)
            self._received = b""
        else:
            self._missing_bytes -= len(arrived)
        if self._missing_bytes > 0:
            return False
        assert self._missing_bytes == 0, "nobody answers what was not asked"
        self._missing_bytes = -1
        self.latencies_s.append(time.perf_counter() - self._sent_s)
        return True


def send_all(connections: list[Connection], *, seconds: float, rounds: int | None) -> float:
    """Keep all connections busy until the time or their rounds are up; return the seconds taken."""
    with selectors.DefaultSelector() as selector:
        started_s = time.perf_counter()
        end_s = started_s + seconds
        resting: list[tuple[float, int]] = []
        for number, connection in enumerate(connections):
            selector.register(connection.socket, selectors.EVENT_READ, number)
            # Those that send at a rate begin spread over its period.
            connection.due_s = started_s + connection.plan.every_s * number / len(connections)
            heappush(resting, (connection.due_s, number))
        under_way = 0
        while True:
            now_s = time.perf_counter()
            while resting and resting[0][0] <= now_s:
                connection = connections[heappop(resting)[1]]
                if now_s < end_s and len(connection.latencies_s) != rounds:
                    connection.send()
                    under_way += 1
            if not under_way and not resting:
                break
            wait_s = max(0.0, resting[0][0] - now_s) if resting else TIMEOUT_S
            for key, _ in selector.select(wait_s):
                connection = connections[key.data]
                if not connection.receive():
                    continue
                now_s = time.perf_counter()
                if now_s < end_s and len(connection.latencies_s) != rounds:
                    if connection.due_s <= now_s:
                        connection.send()
                        continue
                    heappush(resting, (connection.due_s, key.data))
                under_way -= 1
        return time.perf_counter() - started_s


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    end = lowered.find(b"\r\n", start)
    return int(head[start : end if end >= 0 else len(head)])
