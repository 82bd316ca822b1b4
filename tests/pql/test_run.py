"""A statement keeps to its budget, and its writes travel in as few batches as they can.

The database is real; a thin recorder in front of it notes what goes through. The budget is spent by
cancelling, by a deadline in the past and by an answer larger than allowed.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bitbrook.algebra.budget import Budget
from bitbrook.algebra.questions import Question
from bitbrook.engine.batch import Batch
from bitbrook.errors import Cancelled, InvalidStatement, InvalidValue, LimitExceeded, TimedOut
from bitbrook.query.pql import run_pql
from bitbrook.schema.field_types import FieldSchema, FieldType, TableSchema


class Recorder:
    """A database that notes the kinds of what is written and the questions it is asked."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.batches: list[list[str]] = []
        self.questions: list[Question] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def ask(self, table: TableSchema, question: Question, budget: Budget) -> Any:
        self.questions.append(question)
        return self._database.ask(table, question, budget)

    def write(self, table: TableSchema, batch: Batch) -> list[int]:
        self.batches.append([operation.kind.value for operation in batch.operations])
        changed: list[int] = self._database.write(table, batch)
        return changed


@pytest.fixture
def recorder(open_database: Callable[..., Any]) -> Recorder:
    """An empty table `t` with a set field, behind a recorder."""
    database = open_database()
    fields = (FieldSchema("f", FieldType.SET), FieldSchema("n", FieldType.INT))
    database.create_table("t", is_keyed=False, fields=fields)
    return Recorder(database)


def run(recorder: Recorder, text: str, budget: Budget | None = None) -> list[Any]:
    answer = run_pql(text, recorder, budget or Budget(), default_table="t")
    results: list[Any] = json.loads(answer)["results"]
    return results


def test_writes_that_follow_each_other_are_one_batch(recorder: Recorder) -> None:
    """Only a call that reads ends a run of writes."""
    run(recorder, "Set(1, f=1) Set(2, f=1) Clear(1, f=1) ClearRow(f=2)")
    assert recorder.batches == [["upsert", "upsert", "clear", "clear_row"]]
    recorder.batches.clear()
    assert run(recorder, "Set(1, f=1) Count(All()) Set(3, f=1) Count(All())") == [True, 2, True, 3]
    assert recorder.batches == [["upsert"], ["upsert"]]
    recorder.batches.clear()
    run(recorder, "Set(4, f=1) Store(Row(f=1), f=2) Set(5, f=1) Delete(Row(f=1)) Set(6, f=1)")
    assert recorder.batches == [["upsert"], ["clear_row", "upsert", "upsert"], ["delete", "upsert"]]
    assert run(recorder, "All()") == [{"columns": [6]}]


def test_a_mistake_is_found_before_anything_is_written(recorder: Recorder) -> None:
    """Names of calls, and writes with their values, are checked for the whole statement first."""
    for text in (
        "Set(1, f=1) Bogus()",
        "Set(1, f=1) Count(Union(Bogus()))",
        "Set(1, f=1) Count(All()) Set(1, f=1.5)",
        "Set(1, f=1) Set(1",
    ):
        with pytest.raises((InvalidStatement, InvalidValue)):
            run(recorder, text)
    assert recorder.batches == []


def test_simple_calls_are_one_question(recorder: Recorder) -> None:
    """A tree without Limit, Sort, Distinct or Rows inside asks once."""
    run(recorder, "Count(Intersect(Row(f=1), Not(Row(f=2)), Row(n > 5), Union(Row(f=3), All())))")
    assert len(recorder.questions) == 1


def test_a_statement_needs_a_table(recorder: Recorder) -> None:
    """Without brackets and without a default the message says how to name one."""
    with pytest.raises(InvalidStatement, match=r"begin it with \[table\]"):
        run_pql("All()", recorder, Budget())


def test_the_budget_ends_a_statement(recorder: Recorder) -> None:
    """Cancelled, past its time, or with an answer that is too large."""
    cancelled = Budget()
    cancelled.cancelled.set()
    with pytest.raises(Cancelled):
        run(recorder, "Count(All())", cancelled)
    with pytest.raises(TimedOut):
        run(recorder, "Count(All())", Budget(deadline_s=0.0))
    run(recorder, "".join(f"Set({n}, f=1)" for n in range(100)))
    with pytest.raises(LimitExceeded, match=r"the answer has 303 bytes and 200 are allowed"):
        run(recorder, "All()", Budget(answer_bytes_max=200))
    with pytest.raises(LimitExceeded):
        run(recorder, "All() All()", Budget(answer_bytes_max=400))
    assert len(run(recorder, "All()", Budget(answer_bytes_max=310))[0]["columns"]) == 100
