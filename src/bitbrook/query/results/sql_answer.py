"""What a SQL statement answers, before it is written in any format."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa


@dataclass(slots=True)
class AnswerField:
    """One column: its name ('' of an expression without alias), its type as SQL writes it."""

    name: str
    type: str
    base_type: str
    type_info: dict[str, Any] | None = None


@dataclass(slots=True)
class SqlAnswer:
    """Columns and rows. A statement without rows has no fields and an empty table.

    `table` has one column a field, in order, under positional names: c0, c1 and so on. Types: id
    uint64, int int64, decimal decimal128(19, scale), bool, timestamp of its unit in UTC without a
    zone, string, and lists for sets, whose members are ascending and never none.
    """

    fields: list[AnswerField] = field(default_factory=list)
    table: pa.Table = field(default_factory=lambda: pa.table({}))
    warnings: list[str] = field(default_factory=list)

    def named_table(self) -> pa.Table:
        """Return the rows with each column under its name, or its position's if it has none.

        A name that occurs again gets the position too, so that no two columns are called alike.
        """
        names: list[str] = []
        for index, each in enumerate(self.fields):
            name = each.name or f"column{index + 1}"
            names.append(f"{name}_{index + 1}" if name in names else name)
        return self.table.rename_columns(names)
