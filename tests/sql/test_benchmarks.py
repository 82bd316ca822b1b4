"""The benchmarks' statements answer what DuckDB answers over the same records.

The Star Schema Benchmark's thirteen queries, those in the manner of ClickBench and the four over
taxi rides, at a fraction of the scale at which they are measured; and without reading records out
of the engine.
"""

from pathlib import Path
from types import ModuleType

import pytest
from benchmarks import clickbench, ssb, taxi
from benchmarks.statements import Ours, Theirs, differences

RECORDS = 50_000


@pytest.mark.parametrize("module", [ssb, clickbench, taxi], ids=lambda module: module.__name__)
def test_every_answer_is_duckdbs(module: ModuleType, tmp_path: Path) -> None:
    """Every row of every statement, in order where there is one."""
    ours, theirs = Ours(module.SCHEMA, tmp_path), Theirs(module.SCHEMA.name)
    try:
        for part in module.parts(RECORDS):
            ours.load(part)
            theirs.load(part)
        faults = [differences(statement, ours, theirs) for statement in module.STATEMENTS]
        assert not [fault for fault in faults if fault is not None]
        # Statements that answer nothing would prove nothing; one is after two in a million.
        assert sum(not ours.rows(statement.sql) for statement in module.STATEMENTS) <= 1
        for statement in module.STATEMENTS:
            steps = " ".join(row[2] for row in ours.rows(f"explain {statement.sql}"))
            assert "ExtractRecords" not in steps, statement.name
    finally:
        ours.close()
        theirs.close()
