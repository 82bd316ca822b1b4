"""Conditions on string `_id`s: the keys of a table gone through, and those that pass.

The index knows a key by its hash, not by its order. To go through the keys alone costs a fraction
of reading the other columns of every record, which is what a range of keys would take otherwise.
"""

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.query.sql.tree import Call, Column, Constant, Expression, Scan

Test = tuple[str, str]

_COMPARE = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "LIKE": pc.match_like,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def key_test(node: Expression, scan: Scan) -> Test | None:
    """Return the test of a table's keys that a condition is: how, and with what; None if none."""
    match node:
        case Call(name=name, arguments=(Column() as column, Constant(value=str() as value))):
            pass
        case Call(name=name, arguments=(Constant(value=str() as value), Column() as column)):
            name = _MIRRORED.get(name, "")
        case _:
            return None
    is_key = column.relation == scan.relation and column.name == "_id" and scan.table.is_keyed
    # Arrow reads a backslash in a pattern as an escape, SQL as itself.
    return (name, value) if is_key and name in _COMPARE and "\\" not in value else None


def passing_keys(keys: pa.Array, tests: list[Test]) -> tuple[str, ...] | None:
    """Return the keys that pass every test, None if they are most of all."""
    passes = pa.scalar(True)  # noqa: FBT003 - a value
    for name, value in tests:
        passes = pc.and_(passes, _COMPARE[name](keys, value))
    if pc.sum(passes).as_py() > len(keys) // 2 + 1:
        return None
    return tuple(keys.filter(passes).to_pylist())


def is_worth_it(scan: Scan) -> bool:
    """Return whether more than the keys would be read of the records that do not pass."""
    return bool(scan.used.keys() - {"_id"})
