"""A list of numbers is a vector where it has as many as the field, all of them near a float32.

Tried with lists of other lengths, numbers beyond, missing ones, and through a whole source.
"""

from typing import Any

import pytest

from bitbrook.schema.field_types import FieldSchema, FieldType
from bitbrook.sources.config import SourceType, read_config
from bitbrook.sources.faults import Fault
from bitbrook.sources.vectors import VectorConverter

FIELD = FieldSchema("v", FieldType.VECTOR, dimensions=2)


def test_columns() -> None:
    """Good ones at their places, faults at theirs."""
    leaves: list[Any] = [[1, 2.5], None, [1], [], [3e38, -3e38], [1e39, 0], [0.1, 0], [1, 2, 3]]
    converted = VectorConverter(FIELD).convert(leaves)
    assert converted.faults is not None
    assert converted.faults.tolist() == [
        Fault.NONE,
        Fault.MISSING,
        Fault.MALFORMED,
        Fault.MALFORMED,
        Fault.NONE,
        Fault.OUT_OF_RANGE,
        Fault.NONE,
        Fault.MALFORMED,
    ]
    shown = converted.column.to_pylist()
    assert shown[0] == [1.0, 2.5]
    assert [line is None for line in shown] == [False, True, True, True, False, True, False, True]
    assert shown[6] == [pytest.approx(0.1, rel=1e-7), 0.0]
    assert VectorConverter(FIELD).convert([[1.0, 2.0]]).faults is None
    assert len(VectorConverter(FIELD).convert([]).column) == 0


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({}, "Dimensions is missing"),
        ({"Dimensions": 0}, "Dimensions 0 is not a whole number from 1 to 4096"),
        ({"dimensions": 5000}, "Dimensions 5000 is not"),
        ({"Dimensions": 3, "Scale": 1}, "Scale does not go with type vector"),
    ],
)
def test_configurations_that_cannot_be(config: dict[str, Any], fault: str) -> None:
    """Each says why."""
    _, faults = read_config(SourceType.VECTOR, config)
    assert any(fault in each for each in faults), faults


def test_dimensions_go_with_vectors_alone() -> None:
    """And are read in any case."""
    assert read_config(SourceType.VECTOR, {"DIMENSIONS": "3"})[0].dimensions == 3
    assert "only with vector" in read_config(SourceType.INT, {"Dimensions": 3})[1][0]
