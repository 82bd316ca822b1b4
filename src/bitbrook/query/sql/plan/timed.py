"""rangeq() wherever an expression may stand: its answers as a column of the extracted records.

Which members of a record are of which time only bitmaps know. So DuckDB does not evaluate the call:
bitmaps are asked of which records it is true and of which it is false, and the call becomes a
column that is true, false or null.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from bitbrook.algebra.expressions import Expression as Selecting
from bitbrook.algebra.partials import RecordIdsPartial
from bitbrook.algebra.questions import RecordIds
from bitbrook.query.sql.functions.sets import RANGEQ
from bitbrook.query.sql.plan.simplify import change_expressions
from bitbrook.query.sql.record_sets import intersection
from bitbrook.query.sql.relations import sources_of
from bitbrook.query.sql.tree import (
    Call,
    Column,
    Expression,
    Scan,
    Select,
    with_parts,
)
from bitbrook.query.sql.types import BOOL
from bitbrook.query.sql.where import NotBitmaps

if TYPE_CHECKING:
    from bitbrook.query.sql.plan.execution import Execution


class TimedColumns:
    """The columns that stand for calls, by the relation of their scan."""

    def __init__(self) -> None:
        self._calls: dict[int, list[Call]] = {}

    def replace_calls(self, select: Select) -> None:
        """Put columns in the place of the calls of a SELECT on the tables that it reads."""
        scans = {s.relation for s in sources_of(select.source) if isinstance(s, Scan)}

        def changed(node: Expression) -> Expression:
            match node:
                case Call(name=name, arguments=(Column() as column, _, _)) if (
                    name == RANGEQ and column.relation in scans
                ):
                    calls = self._calls.setdefault(column.relation, [])
                    if node not in calls:
                        calls.append(node)
                    name = _name(calls.index(node))
                    return Column(column.relation, name, BOOL, node.offset)
                case _:
                    return with_parts(node, changed)

        change_expressions(select, changed)

    def added(
        self, records: pa.Table, scan: Scan, selected: Selecting, execution: "Execution"
    ) -> pa.Table:
        """Return extracted records with the columns of their scan's calls."""
        conditions = execution.conditions(scan)
        ids = records.column("_id")
        for index, call in enumerate(self._calls.get(scan.relation, ())):
            truths = []
            try:
                sets = (conditions.true_of(call), conditions.false_of(call))
            except NotBitmaps:
                # Rendering refuses it: its times differ from record to record.
                call.render([], call)
                raise
            for records_of in sets:
                question = RecordIds(intersection([selected, records_of]))
                found = execution.ask(scan.table, question, RecordIdsPartial).ids
                truths.append(pc.is_in(ids, value_set=pa.array(found, ids.type)))
            is_known = pc.or_(*truths)
            column = pc.if_else(is_known, truths[0], pa.scalar(None, pa.bool_()))
            records = records.append_column(_name(index), column)
        return records


def _name(index: int) -> str:
    # No column of a table is called so: names have no @.
    return f"@rangeq{index}"
