"""Logs are lines with the request's id and without secrets, in both styles.

Tried with our loggers and the standard library's, exceptions, and secrets under every known name.
"""

import io
import json
import logging

import pytest

from bitbrook.telemetry.logs import SECRET_NAMES, configure_logging, get_logger
from bitbrook.telemetry.metrics import count_records, count_request, render_metrics
from bitbrook.telemetry.requests import current_request_id, request_id_from, serving


@pytest.fixture(autouse=True)
def _restored() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level


def test_json_lines_carry_the_request_and_no_secret() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)
    with serving("r1"):
        get_logger("bitbrook.a").info("signed in", **dict.fromkeys(SECRET_NAMES, "s3cret"))
        logging.getLogger("elsewhere").warning("disk %s", "full")
        try:
            raise KeyError("lost")
        except KeyError:
            get_logger("bitbrook.a").exception("failed")
    get_logger("bitbrook.a").debug("too small")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["signed in", "disk full", "failed"]
    assert {line["request_id"] for line in lines} == {"r1"}
    assert lines[1]["logger"] == "elsewhere"
    assert lines[2]["exception"][0]["exc_type"] == "KeyError"
    assert "s3cret" not in stream.getvalue()


def test_console_lines_and_a_second_set_up() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging(stream=first)
    configure_logging(stream=second)
    get_logger("bitbrook.a").info("ready", port=8000)
    assert first.getvalue() == ""
    assert "ready" in second.getvalue()
    assert "port=8000" in second.getvalue()


@pytest.mark.parametrize("offered", [None, "", "a b", "x" * 65, "line\nbreak", "ä"])
def test_odd_request_ids_are_replaced(offered: str | None) -> None:
    made = request_id_from(offered)
    assert made != offered
    assert request_id_from(made) == made


def test_a_request_id_ends_with_its_request() -> None:
    assert current_request_id() is None
    with serving("r1"), serving("r2"):
        assert current_request_id() == "r2"
    assert current_request_id() is None


def test_metrics_are_rendered() -> None:
    count_request("/v1/sinks/{id}", 200, 0.01)
    count_records(3, {"OutOfRange": 2})
    text, content_type = render_metrics()
    assert content_type.startswith("text/plain")
    assert b'bitbrook_requests_total{route="/v1/sinks/{id}",status="200"}' in text
    assert b"bitbrook_records_total" in text
    assert b'bitbrook_record_errors_total{code="OutOfRange"}' in text
