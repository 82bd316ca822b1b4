"""A changed byte in any stored file is refused by name, or changes nothing at all.

A process is killed so that every kind of file exists: blocks of shards, rows and record keys, the
log's database, its write-ahead file. Then one byte at a time is flipped, in every kind of file, and
the table is opened: what opens must be exactly what was written.
"""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bitbrook.engine.batch import Batch, Operation, OperationKind
from bitbrook.engine.table import Table
from bitbrook.engine.writer import Writer
from bitbrook.errors import Damaged
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema
from bitbrook.stores.log import Log
from bitbrook.stores.snapshots import LocalSnapshots
from bitbrook.stores.sql import open_engine

SCHEMA = TableSchema(
    "t",
    "things",
    is_keyed=True,
    fields=(
        FieldSchema("amount", FieldType.INT, id=1),
        FieldSchema("species", FieldType.MUTEX, id=2, is_keyed=True),
    ),
)
FLIPS_PER_FILE = 30
LAST_BATCH = 40

WRITE_AND_DIE = f"""
import importlib.util, os, sys
specification = importlib.util.spec_from_file_location("test_damage", {str(Path(__file__))!r})
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)
module.write(module.Path(sys.argv[1]))
os._exit(0)
"""


def open_table(directory: Path) -> tuple[Table, Writer, Log]:
    log = Log(open_engine(f"sqlite:///{directory}/log.db"))
    writer = Writer(log)
    snapshots = LocalSnapshots(directory / "snapshots")
    try:
        return Table.open(SCHEMA, log=log, snapshots=snapshots, writer=writer), writer, log
    except Damaged:
        writer.close()
        log.close()
        raise


def write(directory: Path) -> None:
    """Write batches, with a checkpoint half-way: the files are left as a kill leaves them."""
    table, _, _ = open_table(directory)
    for number in range(1, LAST_BATCH + 1):
        columns = {
            "_id": pa.array([f"record {number}.{i}" for i in range(50)]),
            "amount": pa.array([number * 1_000 + i for i in range(50)]),
            "species": pa.array([f"species {number % 5}"] * 50),
        }
        operation = Operation(OperationKind.UPSERT, pa.RecordBatch.from_pydict(columns))
        table.submit({0: Batch([operation])}).result()
        if number == LAST_BATCH // 2:
            table.checkpoint()


def contents(directory: Path) -> str:
    """Everything the table holds, as text."""
    table, writer, log = open_table(directory)
    (partition,) = table._partitions
    shard = partition.shards[0]
    positions = np.array(shard.exists.to_array(), dtype=np.uint32)
    codes = shard.fields[2].values.get(positions)[0]
    held = {
        "keys": partition.keys.keys_at(positions).tolist(),
        "amounts": shard.fields[1].values.get(positions)[0].tolist(),
        "species": partition.dictionaries[2].rows_at(codes).tolist(),
        "sequence": partition.applied_sequence,
    }
    writer.close()
    log.close()
    return json.dumps(held)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original")
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, directory], check=True)
    return directory


@pytest.mark.parametrize(
    "kind", ["log.db", "log.db-wal", "shard", "keys", "rows", "log.db after a clean stop"]
)
def test_a_flipped_byte_is_refused_or_harmless(original: Path, tmp_path: Path, kind: str) -> None:
    base = tmp_path / "base"
    shutil.copytree(original, base)
    (base / "log.db-shm").unlink()
    untouched = tmp_path / "untouched"
    shutil.copytree(base, untouched)
    expected = contents(untouched)
    if kind.endswith("clean stop"):
        base = untouched
    name = kind.split(maxsplit=1)[0]
    (path,) = base.rglob(f"{name}-*") if not name.startswith("log") else [base / name]
    content = path.read_bytes()
    # The last transaction of a write-ahead file looks like a torn one when it is changed.
    places = len(content) if name != "log.db-wal" else len(content) * 9 // 10
    chance = random.Random(kind)
    refused = 0
    for _ in range(FLIPS_PER_FILE):
        changed = bytearray(content)
        changed[chance.randrange(places)] ^= 1 << chance.randrange(8)
        directory = tmp_path / "changed"
        shutil.copytree(base, directory)
        (directory / path.relative_to(base)).write_bytes(changed)
        try:
            assert contents(directory) == expected
        except Damaged:
            refused += 1
        shutil.rmtree(directory)
    if name in {"shard", "keys", "rows", "log.db-wal"}:
        assert refused == FLIPS_PER_FILE
