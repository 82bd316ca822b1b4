"""The answer has one entry a record, in order, whatever failed where.

Tried with errors at both ends, in a row and none, messages that need escapes, and where one error
keeps every record out.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.sources.outcomes import Outcomes, RecordError, encode_outcomes


@pytest.mark.parametrize("are_stored", [True, False])
@given(messages=st.lists(st.none() | st.text(), max_size=12))
def test_every_record_has_its_entry(messages: list[str | None], *, are_stored: bool) -> None:
    messages = [m if m is None else m.encode(errors="replace").decode() for m in messages]
    errors = tuple(
        RecordError(index, "InvalidValue", message, "{}")
        for index, message in enumerate(messages)
        if message is not None
    )
    outcomes = Outcomes(len(messages), errors)
    answer = json.loads(encode_outcomes(outcomes, are_stored=are_stored))
    assert list(answer) == ["success_count", "error_count", "records"]
    assert outcomes.success_count == messages.count(None)
    assert answer["success_count"] == (messages.count(None) if are_stored else 0)
    assert answer["error_count"] == len(errors)
    bad = {"status": "error", "error_code": "InvalidValue", "retryable": False}
    assert answer["records"] == [
        {"status": "success" if are_stored else "not_stored"}
        if message is None
        else bad | {"error_message": message}
        for message in messages
    ]


def test_what_is_known_of_an_error_is_told() -> None:
    error = RecordError(
        0, "OutOfRange", "field 'n': 7 is not in 1 to 5", "", "n", "7", "1 to 5", "send less"
    )
    (entry,) = json.loads(encode_outcomes(Outcomes(1, (error,))))["records"]
    assert list(entry)[:3] == ["status", "error_code", "error_message"]
    assert entry["value"] == 7
    told = {name: entry[name] for name in ("field", "expected", "mend", "retryable")}
    assert told == {"field": "n", "expected": "1 to 5", "mend": "send less", "retryable": False}


def test_no_records_make_an_answer_too() -> None:
    assert encode_outcomes(Outcomes(0)) == b'{"success_count":0,"error_count":0,"records":[]}'
