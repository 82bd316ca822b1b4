"""Extract: records with their fields, in the order of the row call inside."""

from bitbrook.algebra.partials import RecordsPartial
from bitbrook.algebra.questions import ExtractRecords
from bitbrook.query.pql.translate.arguments import Arguments
from bitbrook.query.pql.translate.row_calls import chosen_by
from bitbrook.query.pql.translate.row_lists import rows_argument
from bitbrook.query.pql.translate.scope import Scope
from bitbrook.query.pql.tree import Call
from bitbrook.query.results import pql_json
from bitbrook.schema.field_types import FieldSchema


def answer_extract(arguments: Arguments, scope: Scope) -> bytes:
    """Extract(r, Rows(f)...): each record with one value a field."""
    selecting, *named = arguments.calls
    fields = [_field(call, scope) for call in named]
    chosen = chosen_by(selecting, scope)
    question = ExtractRecords(
        # A field may be asked for twice; it is read once.
        tuple(dict.fromkeys(field.name for field in fields)),
        chosen.filter,
        chosen.order,
        chosen.limit,
        chosen.offset,
    )
    return pql_json.extract(fields, scope.ask(question, RecordsPartial).records)


def _field(call: Call, scope: Scope) -> FieldSchema:
    arguments = rows_argument(call, scope, of="Extract")
    for name, value in arguments.named.items():
        if name != "field":
            message = f"Extract takes Rows(field) alone, without {name}"
            raise arguments.error(message, value.offset)
    return scope.field(arguments.field_name())
