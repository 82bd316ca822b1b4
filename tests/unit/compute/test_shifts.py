"""A Shift over several partitions becomes the records that it selects, wherever it stands.

Expressions are given shifts in every place an expression can be; the record ids of operands come
from a dictionary, and what has no shift must come out as the very same object, without a question.
"""

from typing import Any

import numpy as np
import pytest

from bitbrook.algebra.expressions import (
    All,
    Difference,
    Expression,
    HasRow,
    Intersect,
    Not,
    Records,
    Shift,
    Union,
    Xor,
)
from bitbrook.algebra.questions import CountRecords, RowCounts
from bitbrook.compute.shifts import without_shifts

ROW = HasRow("f", (1,))
LAST = 2**64 - 1


def ids_of(known: dict[Expression, list[int]]) -> Any:
    """Answers for these expressions alone."""
    return lambda expression: np.array(known[expression], dtype=np.uint64)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Shift(ROW, 2), Records((3, 12))),
        (Shift(ROW, -5), Records((5,))),
        (Shift(ROW, LAST - 10), Records((LAST - 9, LAST))),
        (Shift(ROW, LAST), Records(())),
        (Not(Shift(ROW)), Not(Records((2, 11)))),
        (Union((ROW, Shift(ROW))), Union((ROW, Records((2, 11))))),
        (Intersect((Shift(ROW), ROW)), Intersect((Records((2, 11)), ROW))),
        (Difference((All(), Xor((Shift(ROW),)))), Difference((All(), Xor((Records((2, 11)),))))),
    ],
)
def test_shifts_become_records(expression: Expression, expected: Expression) -> None:
    """Moved ids stand for the shift; those that leave the range of ids are gone."""
    question = RowCounts("g", expression, like="a%")
    resolved = without_shifts(question, ids_of({ROW: [1, 10]}))
    assert resolved == RowCounts("g", expected, like="a%")


def test_a_shift_of_a_shift() -> None:
    """The inner one is answered first."""
    known: dict[Expression, list[int]] = {ROW: [1], Records((2,)): [2]}
    resolved = without_shifts(CountRecords(Shift(Shift(ROW), 10)), ids_of(known))
    assert resolved == CountRecords(Records((12,)))


def test_other_questions_stay_as_they_are() -> None:
    """No question is asked, and nothing is copied."""
    question = CountRecords(Intersect((Not(ROW), Union((All(), Records((1,)))))))
    assert without_shifts(question, ids_of({})) is question
