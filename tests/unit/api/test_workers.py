"""Blocking work runs on as many threads as were given, and more than may wait is refused at once.

Fills a pool to its brim, lets calls fail, and looks at what a thread knows of its request.
"""

import asyncio
import threading

import pytest

from bitbrook.api.workers import Workers, on_thread
from bitbrook.errors import Overloaded
from bitbrook.telemetry.requests import current_request_id, serving


def test_more_than_may_wait_is_refused() -> None:
    async def fill() -> None:
        workers = Workers("test", threads=2, waiting_max=3)
        gate = threading.Event()
        started = [asyncio.create_task(workers.run(gate.wait, 10)) for _ in range(5)]
        await asyncio.sleep(0)
        assert workers.pending == 5
        with pytest.raises(Overloaded, match="5 test requests"):
            await workers.run(gate.wait, 10)
        gate.set()
        assert await asyncio.gather(*started) == [True] * 5
        # There is room again.
        assert await workers.run(gate.wait, 10) is True
        workers.close()
        assert workers.pending == 0

    asyncio.run(fill())


def test_failures_come_back_and_free_their_place() -> None:
    async def fail() -> None:
        workers = Workers("test", threads=1, waiting_max=0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await workers.run(lambda: 1 // 0)
        workers.close()
        assert workers.pending == 0

    asyncio.run(fail())


def test_a_thread_knows_its_request() -> None:
    async def ask() -> None:
        workers = Workers("test", threads=1, waiting_max=1)
        with serving("one"):
            assert await workers.run(current_request_id) == "one"
            assert await on_thread(current_request_id)() == "one"
        assert await workers.run(current_request_id) is None
        workers.close()

    asyncio.run(ask())


def test_a_blocking_handler_keeps_its_name_and_words() -> None:
    def handler(number: int) -> int:
        """Return the double."""
        assert threading.current_thread() is not threading.main_thread()
        return 2 * number

    wrapped = on_thread(handler)
    assert (wrapped.__name__, wrapped.__doc__) == ("handler", "Return the double.")
    assert asyncio.run(wrapped(21)) == 42
