"""The answer has one entry a record, in order, whatever failed where.

Tried with errors at both ends, in a row and none, and messages that need escapes.
"""

import json

from hypothesis import given
from hypothesis import strategies as st

from bitbrook.sources.outcomes import Outcomes, RecordError, encode_outcomes


@given(st.lists(st.none() | st.text(), max_size=12))
def test_every_record_has_its_entry(messages: list[str | None]) -> None:
    messages = [m if m is None else m.encode(errors="replace").decode() for m in messages]
    errors = tuple(
        RecordError(index, "InvalidValue", message, "{}")
        for index, message in enumerate(messages)
        if message is not None
    )
    outcomes = Outcomes(len(messages), errors)
    answer = json.loads(encode_outcomes(outcomes))
    assert answer["success_count"] == outcomes.success_count == messages.count(None)
    assert answer["error_count"] == len(errors)
    assert answer["records"] == [
        {"status": "success"}
        if message is None
        else {"status": "error", "error_code": "InvalidValue", "error_message": message}
        for message in messages
    ]


def test_no_records_make_an_answer_too() -> None:
    assert encode_outcomes(Outcomes(0)) == b'{"success_count":0,"error_count":0,"records":[]}'
