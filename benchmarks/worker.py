"""A measured system in a process of its own, asked through a pipe one question at a time."""

import gc
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.systems.base import Answer, Files, System


def make_system(name: str, directory: Path) -> System:
    """Return a system by name, over an empty directory."""
    if name == "bitbrook":
        from benchmarks.systems.bitbrook_engine import Bitbrook

        return Bitbrook(directory)
    if name == "duckdb":
        from benchmarks.systems.duckdb_peer import DuckDB

        return DuckDB(directory)
    from benchmarks.systems.chdb_peer import ChDB

    return ChDB(directory)


class Worker:
    """The near end of the pipe."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, directory, far_end), daemon=True)
        self._process.start()

    def load(self, files: Files) -> float:
        """Load the tables; return seconds."""
        return self._call("load", files)

    def settle(self) -> None:
        """Let the system bring its tables into the form that they stay in."""
        self._call("settle")

    def time(self, workload: str, literals: dict[str, Any]) -> tuple[float, Answer] | None:
        """Return seconds and the answer, None if the system has no answer to such a workload."""
        return self._call("time", workload, literals)

    def memory_bytes(self) -> int:
        """Return the resident memory that loading added."""
        return self._call("memory")

    def stored_bytes(self) -> int:
        """Return the bytes on disk."""
        return self._call("stored")

    def close(self) -> None:
        """End the process."""
        self._call("close")
        self._process.join()

    def _call(self, *message: Any) -> Any:
        self._pipe.send(message)
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(name: str, directory: Path, pipe: Connection) -> None:
    system = make_system(name, directory)
    empty_bytes = _resident_bytes()
    while True:
        message = pipe.recv()
        try:
            match message:
                case ("load", files):
                    started = time.perf_counter()
                    system.load(files)
                    pipe.send(time.perf_counter() - started)
                case ("settle",):
                    system.settle()
                    pipe.send(None)
                case ("time", workload, literals):
                    pipe.send(_timed(system, workload, literals))
                case ("memory",):
                    gc.collect()
                    pipe.send(_resident_bytes() - empty_bytes)
                case ("stored",):
                    pipe.send(system.stored_bytes())
                case ("close",):
                    system.close()
                    pipe.send(None)
                    return
        except Exception as error:
            pipe.send(RuntimeError(f"{name}: {error!r}"))


def _timed(system: System, workload: str, literals: dict[str, Any]) -> tuple[float, Answer] | None:
    started = time.perf_counter()
    try:
        answer = system.answer(workload, literals)
    except NotImplementedError:
        return None
    return time.perf_counter() - started, answer


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("Linux tells the resident memory")
