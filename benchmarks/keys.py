"""`python -m benchmarks.keys`: new keys a second into ten million, and bytes a key, side by side.

bitbrook's table of keys, alone and as part of a table of records, beside Python's dictionary,
SQLite and, where it is installed, LMDB: each maps a key of 21 characters to its number, in a
process of its own. Keys come in batches of BATCH, all new, then all known. SQLite and LMDB commit
each batch without a sync; durable records are synced.
"""

import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from benchmarks.systems.base import directory_bytes
from bitbrook.bitmap.key_table import KeyTable, warm
from bitbrook.compute.local import LocalCompute
from bitbrook.engine.allocator import give_back
from bitbrook.engine.batch import ID_COLUMN, Batch, Operation, OperationKind
from bitbrook.schema.field_types import TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

KEY_BYTES = 21
SCALE = int(float(os.environ.get("SCALE", "1e7")))
BATCH = int(os.environ.get("BATCH", "10000"))
MEASURED = int(os.environ.get("MEASURED", "500000"))
OWED_PER_S = 200_000


class Store(Protocol):
    """Keys and their numbers. `octets`: the keys of a batch end to end, 21 bytes each."""

    def add(self, octets: np.ndarray) -> None:
        """Give every key a number: the next one, or the one it has."""

    def disk_bytes(self) -> int:
        """Return the bytes of its file, 0 without one."""


class Table:
    """bitbrook's."""

    def __init__(self, _: Path) -> None:
        warm()
        self._table = KeyTable()

    def add(self, octets: np.ndarray) -> None:
        bounds = np.arange(0, len(octets) + 1, KEY_BYTES, dtype=np.int64)
        self._table.find_or_add(octets, bounds)

    def disk_bytes(self) -> int:
        return 0


class Engine:
    """bitbrook's, of records that are written through the log and checkpointed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = Log(open_engine(f"sqlite:///{directory / 'log.db'}"))
        self._compute = LocalCompute(self._log, LocalSnapshots(directory / "snapshots"))
        self._compute.open_table(TableSchema("keyed", "keyed", is_keyed=True))

    def add(self, octets: np.ndarray) -> None:
        bounds = np.arange(0, len(octets) + 1, KEY_BYTES, dtype=np.int32)
        keys = pa.Array.from_buffers(
            pa.string(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(octets)]
        )
        records = pa.RecordBatch.from_arrays([keys], [ID_COLUMN])
        self._compute.write("keyed", Batch([Operation(OperationKind.UPSERT, records)]))

    def disk_bytes(self) -> int:
        self._compute.checkpoint()
        return directory_bytes(self._directory)


class Dictionary:
    """Python's, from bytes to int."""

    def __init__(self, _: Path) -> None:
        self._numbers: dict[bytes, int] = {}

    def add(self, octets: np.ndarray) -> None:
        numbers = self._numbers
        for key in _keys(octets):
            numbers.setdefault(key, len(numbers))

    def disk_bytes(self) -> int:
        return 0


class SQLite:
    """A table without row ids, the key as primary key; 256 MiB of page cache."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "keys.db"
        self._connection = sqlite3.connect(self._path)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("PRAGMA cache_size=-262144")
        self._connection.execute(
            "CREATE TABLE keys (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID"
        )
        self._count = 0

    def add(self, octets: np.ndarray) -> None:
        rows = [(key, self._count + i) for i, key in enumerate(_keys(octets))]
        with self._connection:
            before = self._connection.total_changes
            self._connection.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?)", rows)
        self._count += self._connection.total_changes - before

    def disk_bytes(self) -> int:
        return self._path.stat().st_size


class LMDB:
    """A memory-mapped tree."""

    def __init__(self, directory: Path) -> None:
        lmdb = import_module("lmdb")
        self._path = directory / "keys.lmdb"
        self._environment = lmdb.open(str(self._path), map_size=1 << 34, sync=False, subdir=False)
        self._count = 0

    def add(self, octets: np.ndarray) -> None:
        with self._environment.begin(write=True) as transaction:
            for key in _keys(octets):
                number = self._count.to_bytes(4, "little")
                self._count += transaction.put(key, number, overwrite=False)

    def disk_bytes(self) -> int:
        return self._path.stat().st_blocks * 512


STORES: dict[str, Callable[[Path], Store]] = {
    "bitbrook": Table,
    "bitbrook, durable records": Engine,
    "dict": Dictionary,
    "SQLite": SQLite,
    **({"LMDB": LMDB} if find_spec("lmdb") else {}),
}


def main() -> None:
    """Print a Markdown table, one line a store."""
    print(
        f"{SCALE:,} keys of {KEY_BYTES} bytes, batches of {BATCH:,}; {os.getloadavg()[0]:.1f} load"
    )
    print("\n| keys | new keys a second | owed | known keys a second | memory | disk |")
    print("|---|---:|---:|---:|---:|---:|")
    context = multiprocessing.get_context("spawn")
    for name in STORES:
        with context.Pool(1) as pool:
            new, known, memory, disk = pool.apply(measure, (name,))
        owed = f"{OWED_PER_S:,}" if name.startswith("bitbrook") else "-"
        print(f"| {name} | {new:,.0f} | {owed} | {known:,.0f} | {memory:.1f} B | {disk:.1f} B |")


def measure(name: str) -> tuple[float, float, float, float]:
    """Return new and known keys a second (medians of batches), and bytes a key: memory, disk."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as directory:
        # Random, so that trees are met anywhere.
        random = np.random.default_rng(7)
        store = STORES[name](Path(directory))
        before = _resident_bytes()
        for _ in range(0, SCALE, BATCH):
            store.add(_random_keys(random))
        give_back()
        memory = (_resident_bytes() - before) / SCALE
        batches = [_random_keys(random) for _ in range(0, MEASURED, BATCH)]
        new = [_timed(store, batch) for batch in batches]
        known = [_timed(store, batch) for batch in batches]
        return (
            BATCH / statistics.median(new),
            BATCH / statistics.median(known),
            memory,
            store.disk_bytes() / (SCALE + MEASURED),
        )


def _timed(store: Store, octets: np.ndarray) -> float:
    started = time.perf_counter()
    store.add(octets)
    return time.perf_counter() - started


def _random_keys(random: np.random.Generator) -> np.ndarray:
    """Return a batch of keys end to end: `user-` and 16 random letters."""
    keys = np.empty((BATCH, KEY_BYTES), dtype=np.uint8)
    keys[:, :5] = np.frombuffer(b"user-", dtype=np.uint8)
    keys[:, 5:] = random.integers(ord("a"), ord("p") + 1, (BATCH, KEY_BYTES - 5), dtype=np.uint8)
    return keys.ravel()


def _keys(octets: np.ndarray) -> list[bytes]:
    body: Any = octets.tobytes()
    return [body[start : start + KEY_BYTES] for start in range(0, len(body), KEY_BYTES)]


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("Linux tells the resident memory")


if __name__ == "__main__":
    main()
