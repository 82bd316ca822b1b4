"""Conditions as sets of records.

A condition is true of some records, false of others and unknown of the rest (where a value is
null). Each is translated into the set where it is true and, under NOT, the set where it is false;
both are exact: constants between or beyond what a field stores compare as the numbers they are.
"""

import operator
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from bitbrook.algebra import expressions as algebra
from bitbrook.algebra.expressions import (
    All,
    Difference,
    HasRow,
    HasRowLike,
    HasValue,
    InNumbers,
    Intersect,
    InValues,
    Not,
    Nothing,
    Records,
    Row,
)
from bitbrook.query.pql.tree import Operator
from bitbrook.query.pql.values import bounds_of, records_within
from bitbrook.query.sql.bind.literals import exact_value, nanoseconds_of
from bitbrook.query.sql.comparing import any_of
from bitbrook.query.sql.distances import find_distance, within
from bitbrook.query.sql.functions.numbers import OPPOSITE
from bitbrook.query.sql.keys import Test, is_worth_it, key_test, passing_keys
from bitbrook.query.sql.record_sets import intersection, union
from bitbrook.query.sql.tree import (
    Aggregate,
    Call,
    Column,
    Constant,
    Expression,
    InList,
    Scan,
    Subquery,
    SubqueryUse,
    Window,
    walk,
)
from bitbrook.query.sql.types import ID, type_of_field
from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, UINT64_MAX, FieldSchema, FieldType

NANOSECONDS = 10**9
YEAR_MIN, YEAR_MAX = 1, 9999

ROWS_MAX = 100_000
"""Rows of a field that are compared one by one; of more, DuckDB compares the records' values."""

_OPERATORS = {
    "=": Operator.EQUAL,
    "<>": Operator.NOT_EQUAL,
    "<": Operator.LESS,
    "<=": Operator.AT_MOST,
    ">": Operator.GREATER,
    ">=": Operator.AT_LEAST,
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class NotBitmaps(Exception):
    """A condition that bitmaps do not answer."""


class Conditions:
    """Translates the conditions on one table's records.

    `evaluate` returns the value of an expression without columns, `values_of` the single column of
    a query that stands alone, `rows_between` the rows of a time field set in a period, and
    `keys_of` the keys of a table's records; each may raise NotBitmaps.
    """

    def __init__(
        self,
        scan: Scan,
        *,
        evaluate: Callable[[Expression], Constant],
        values_of: Callable[[Subquery], list[Constant]],
        rows_between: Callable[[Scan, str, int | None, int | None], tuple[Row, ...]],
        keys_of: Callable[[Scan], pa.Array],
    ) -> None:
        self._scan = scan
        self._singles = frozenset(
            field.name for field in scan.table.fields if field.has_rows and field.is_single
        )
        self._evaluate = evaluate
        self._values_of = values_of
        self._rows_between = rows_between
        self._keys_of = keys_of

    def true_of(self, node: Expression) -> algebra.Expression:
        """Return the records of which a condition is true.

        Raises:
            NotBitmaps: bitmaps do not tell.
        """
        match node:
            case Call(name="AND"):
                return self.all_of(node.arguments)
            case Call(name="OR"):
                return union([self.true_of(part) for part in node.arguments])
            case Call(name="NOT"):
                return self.false_of(node.arguments[0])
            case _:
                return self._leaf(node, is_true=True)

    def all_of(self, conditions: Iterable[Expression]) -> algebra.Expression:
        """Return the records of which all conditions are true.

        Raises:
            NotBitmaps: bitmaps do not tell.
        """
        parts, tests = [], []
        for condition in conditions:
            test = key_test(condition, self._scan)
            if test is None:
                parts.append(self.true_of(condition))
            else:
                tests.append(test)
        if tests:
            parts.append(self._keyed(tests))
        return intersection(parts, self._singles)

    def false_of(self, node: Expression) -> algebra.Expression:
        """Return the records of which a condition is false, not merely unknown.

        Raises:
            NotBitmaps: bitmaps do not tell.
        """
        match node:
            case Call(name="AND"):
                return union([self.false_of(part) for part in node.arguments])
            case Call(name="OR"):
                return intersection([self.false_of(part) for part in node.arguments], self._singles)
            case Call(name="NOT"):
                return self.true_of(node.arguments[0])
            case _:
                return self._leaf(node, is_true=False)

    def _leaf(self, node: Expression, *, is_true: bool) -> algebra.Expression:
        if not _has_columns(node):
            value = self._evaluate(node).value
            return All() if value is is_true else Nothing()
        test = key_test(node, self._scan)
        if test is not None:
            passing = self._keyed([test])
            return passing if is_true else Difference((All(), passing))
        match node:
            case Column() if node.relation == self._scan.relation:
                field = self._field(node)
                assert field is not None, "_id is no condition"
                return HasRow(field.name, (is_true,))
            case Call(name="IS NULL", arguments=(Column() as column,)):
                has = self._has_value(column)
                if not is_true:
                    return has
                return Nothing() if isinstance(has, All) else Not(has)
            case Call(
                name=name,
                arguments=(
                    Call(name="DATETIMEPART", arguments=(Constant(value="YY"), Column() as column)),
                    Constant(value=int() as year),
                ),
            ) if name in _OPERATORS:
                return self._years(name if is_true else OPPOSITE[name], column, year)
            case Call(name=name, arguments=(left, right)) if name in _OPERATORS:
                distance = find_distance(left, self._scan)
                if distance is not None and isinstance(right, Constant):
                    symbol = name if is_true else OPPOSITE[name]
                    return within(distance, _OPERATORS[symbol], right)
                return self._comparison(name, left, right, is_true=is_true)
            case InList(operand=Column() as column):
                items = [self._constant(item) for item in node.items]
                return self._among(column, items, is_true=is_true)
            case Subquery(use=SubqueryUse.IN, operand=Column() as column) if not node.is_correlated:
                return self._among(column, self._values_of(node), is_true=is_true)
            case Subquery(use=SubqueryUse.ANY, operand=Column()) if not node.is_correlated:
                return self.true_of(any_of(node, self._values_of(node), is_true=is_true))
            case Call(name="LIKE", arguments=(Column() as column, pattern)):
                return self._like(column, self._constant(pattern), is_true=is_true)
            case Call(
                name="SETCONTAINS" | "SETCONTAINSANY" | "SETCONTAINSALL",
                arguments=(Column() as column, members),
            ):
                return self._contains(node.name, column, self._constant(members), is_true=is_true)
            case Call(name="RANGEQ", arguments=(Column() as column, start, end)):
                return self._range(column, start, end, is_true=is_true)
            case _:
                raise NotBitmaps

    def _constant(self, node: Expression) -> Constant:
        if isinstance(node, Constant):
            return node
        if isinstance(node, Subquery) and node.use is SubqueryUse.SCALAR:
            if node.is_correlated:
                raise NotBitmaps
            values = self._values_of(node)
            # More than one row is DuckDB's to refuse, which knows where the query stands.
            if len(values) > 1:
                raise NotBitmaps
            return values[0] if values else Constant.of(None, node.type)
        if _has_columns(node):
            raise NotBitmaps
        return self._evaluate(node)

    def _field(self, column: Column) -> FieldSchema | None:
        """Return the field of a column of this table, None for `_id`."""
        if column.relation != self._scan.relation:
            raise NotBitmaps
        if column.name == "_id":
            return None
        field = self._scan.field_of(column.name)
        if field is None:
            raise NotBitmaps
        return field

    def _has_value(self, column: Column) -> algebra.Expression:
        field = self._field(column)
        return All() if field is None else HasValue(field.name)

    def _but(self, column: Column, chosen: algebra.Expression) -> algebra.Expression:
        """Return the records with a value in a column that are not among the chosen."""
        return Difference((self._has_value(column), chosen))

    def _comparison(
        self, symbol: str, left: Expression, right: Expression, *, is_true: bool
    ) -> algebra.Expression:
        if not isinstance(left, Column) or left.relation != self._scan.relation:
            left, right, symbol = right, left, _MIRRORED[symbol]
        if not isinstance(left, Column):
            raise NotBitmaps
        field, constant = self._field(left), self._constant(right)
        if not is_true:
            symbol = OPPOSITE[symbol]
        if constant.value is None:
            return Nothing()
        if field is not None and field.is_vector:
            raise NotBitmaps
        if field is not None and field.is_number:
            exact = exact_value(constant, type_of_field(field))
            if exact is None:
                raise NotBitmaps
            return records_within(field, bounds_of([(_OPERATORS[symbol], exact)]))
        if field is None and symbol not in {"=", "<>"}:
            return self._numbered(symbol, constant)
        if field is not None and not field.is_single:
            raise NotBitmaps
        if field is not None and symbol not in {"=", "<>"}:
            return self._ordered_rows(field, symbol, constant)
        return self._among(left, [constant], is_true=symbol == "=")

    def _years(self, symbol: str, column: Column, year: int) -> algebra.Expression:
        """Return the records with a time in a year, or before or after it."""
        field = self._field(column)
        if field is None or field.type is not FieldType.TIMESTAMP:
            raise NotBitmaps
        if not YEAR_MIN <= year < YEAR_MAX:
            raise NotBitmaps
        start, end = (
            Fraction(int(datetime(number, 1, 1, tzinfo=UTC).timestamp()) * field.unit.per_second)
            for number in (year, year + 1)
        )
        tests = {
            "=": [(Operator.AT_LEAST, start), (Operator.LESS, end)],
            "<": [(Operator.LESS, start)],
            "<=": [(Operator.LESS, end)],
            ">": [(Operator.AT_LEAST, end)],
            ">=": [(Operator.AT_LEAST, start)],
        }
        if symbol == "<>":
            within = records_within(field, bounds_of(tests["="]))
            return Difference((HasValue(field.name), within))
        return records_within(field, bounds_of(tests[symbol]))

    def _keyed(self, tests: list[Test]) -> algebra.Expression:
        """Return the records whose key passes tests, where that spares reading the others."""
        keys = passing_keys(self._keys_of(self._scan), tests) if is_worth_it(self._scan) else None
        if keys is None:
            raise NotBitmaps
        return Intersect((All(), Records(keys))) if keys else Nothing()

    def _numbered(self, symbol: str, constant: Constant) -> algebra.Expression:
        """Return the records whose id, an integer, is less or more than a constant."""
        exact = exact_value(constant, ID)
        if self._scan.table.is_keyed or exact is None:
            raise NotBitmaps
        bounds = bounds_of([(_OPERATORS[symbol], exact)])
        low = max(bounds.low or 0, 0)
        high = UINT64_MAX if bounds.high is None else min(bounds.high, UINT64_MAX)
        if low > high:
            return Nothing()
        if high == UINT64_MAX:
            return InNumbers(low) if low else All()
        return InNumbers(low, high)

    def _ordered_rows(
        self, field: FieldSchema, symbol: str, constant: Constant
    ) -> algebra.Expression:
        """Return the records whose row in a mutex field is less or more than a constant."""
        limit: str | Fraction | None = exact_value(constant, ID)
        if field.is_keyed:
            limit = constant.value if isinstance(constant.value, str) else None
        if limit is None or field.type is not FieldType.MUTEX:
            raise NotBitmaps
        rows = self._rows_between(self._scan, field.name, None, None)
        if len(rows) > ROWS_MAX:
            raise NotBitmaps
        compare = _COMPARE[symbol]
        chosen = tuple(row for row in rows if compare(row, limit))
        return HasRow(field.name, chosen) if chosen else Nothing()

    def _among(self, column: Column, items: list[Constant], *, is_true: bool) -> algebra.Expression:
        field = self._field(column)
        given = [item for item in items if item.value is not None]
        if not is_true and len(given) < len(items):
            return Nothing()
        chosen: algebra.Expression
        if field is None:
            chosen = self._records(given)
        elif field.is_number:
            chosen = _numbers(field, given)
        elif field.has_values:
            rows = tuple(dict.fromkeys(row for item in given for row in _row(field, item)))
            chosen = HasRow(field.name, rows) if rows else Nothing()
        else:
            raise NotBitmaps
        return chosen if is_true else self._but(column, chosen)

    def _records(self, items: list[Constant]) -> algebra.Expression:
        """Return the existing records of those ids or keys."""
        ids: list[Any] = []
        for item in items:
            if self._scan.table.is_keyed:
                ids.append(item.value)
            else:
                ids += [number for number in _whole(item.value) if 0 <= number <= UINT64_MAX]
        if not ids:
            return Nothing()
        return Intersect((All(), Records(tuple(dict.fromkeys(ids)))))

    def _like(self, column: Column, pattern: Constant, *, is_true: bool) -> algebra.Expression:
        field = self._field(column)
        if pattern.value is None:
            return Nothing()
        if field is None or field.type is not FieldType.MUTEX:
            raise NotBitmaps
        chosen = HasRowLike(field.name, str(pattern.value))
        return chosen if is_true else self._but(column, chosen)

    def _contains(
        self, name: str, column: Column, members: Constant, *, is_true: bool
    ) -> algebra.Expression:
        field = self._field(column)
        if field is None or members.value is None:
            return Nothing()
        rows = members.value if isinstance(members.value, tuple) else (members.value,)
        wanted: list[Row] = []
        for row in rows:
            # A negative number is no row id: no set contains it.
            is_row = isinstance(row, str) or (isinstance(row, int) and row >= 0)
            if is_row:
                assert isinstance(row, str | int), "checked by the binder"
                wanted.append(row)
        chosen: algebra.Expression
        if name == "SETCONTAINSALL" and len(wanted) == len(rows):
            chosen = intersection([HasRow(field.name, (row,)) for row in wanted])
        elif name == "SETCONTAINSALL" or not wanted:
            chosen = Nothing()
        else:
            chosen = HasRow(field.name, tuple(wanted))
        return chosen if is_true else self._but(column, chosen)

    def _range(
        self, column: Column, start: Expression, end: Expression, *, is_true: bool
    ) -> algebra.Expression:
        field = self._field(column)
        assert field is not None, "_id is no set"
        low, high = self._constant(start), self._constant(end)
        from_s = None if low.value is None else nanoseconds_of(low) // NANOSECONDS
        to_s = None if high.value is None else -(-nanoseconds_of(high) // NANOSECONDS)
        rows = self._rows_between(self._scan, field.name, from_s, to_s)
        chosen = HasRow(field.name, rows, from_s, to_s) if rows else Nothing()
        return chosen if is_true else self._but(column, chosen)


def _has_columns(node: Expression) -> bool:
    return any(isinstance(part, Column | Subquery | Aggregate | Window) for part in walk(node))


def _whole(value: Any) -> Iterable[int]:
    """Give a number if it is whole."""
    if isinstance(value, Decimal):
        exact = Fraction(value)
        return (exact.numerator,) if exact.denominator == 1 else ()
    return (value,)


def _row(field: FieldSchema, item: Constant) -> Iterable[Row]:
    """Give the row that a constant names in a mutex or bool field, if it can be one."""
    if field.type is FieldType.BOOL or field.is_keyed:
        if not isinstance(item.value, bool | str):
            raise NotBitmaps
        return (item.value,)
    return (number for number in _whole(item.value) if 0 <= number <= UINT64_MAX)


def _numbers(field: FieldSchema, items: list[Constant]) -> algebra.Expression:
    stored = set()
    for item in items:
        exact = exact_value(item, type_of_field(field))
        if exact is None:
            raise NotBitmaps
        if exact.denominator == 1 and INT64_MIN <= exact.numerator <= INT64_MAX:
            stored.add(exact.numerator)
    return InValues(field.name, tuple(sorted(stored))) if stored else Nothing()
