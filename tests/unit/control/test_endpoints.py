"""Endpoints outlive a restart, and their parameters are exactly what a call writes.

Publishes, tags and deletes, and starts again; spoils a stored statement, which must stop no start;
writes values of every type as texts, and texts that are none.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.control.endpoint_entries import EndpointChange, Publication
from bitbrook.control.endpoint_parameters import EndpointParameter, ParameterSet
from bitbrook.control.saved_queries import SavedLanguage
from bitbrook.errors import Conflict, InvalidStatement, InvalidValue, LimitExceeded, NotFound
from bitbrook.query.parameters import Moment
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.catalogue_rows import EndpointVersionRow

ONE = Publication(SavedLanguage.SQL, "select $n as n", [EndpointParameter("n", "int")])


def test_what_was_published_is_there_after_a_restart(home: Any, admin: Any) -> None:
    deployment = home.deployment(admin)
    endpoints = home.service.endpoints
    endpoints.publish(admin, "one", deployment.id, ONE, description="told", requests_per_s=7)
    endpoints.add_version(admin, "one", Publication(SavedLanguage.SQL, "select 2", tag="next"))
    endpoints.tag(admin, "one", "live", 1)
    endpoints.change(admin, "one", EndpointChange(description="told anew"))
    endpoints.publish(admin, "gone", deployment.id, Publication(SavedLanguage.SQL, "select 1"))
    endpoints.delete(admin, "gone")
    before = endpoints.list(admin)
    assert [each.name for each in before] == ["one"]
    again = home.restart().endpoints
    assert again.list(admin) == before
    assert (before[0].called_version, before[0].tags) == (1, {"live": 1, "next": 2})
    with pytest.raises(Conflict):
        again.publish(admin, "one", deployment.id, ONE)


def test_a_statement_that_is_not_understood_any_more_stops_no_start(home: Any, admin: Any) -> None:
    deployment = home.deployment(admin)
    home.service.endpoints.publish(admin, "one", deployment.id, ONE)
    url = home.service.settings.catalogue_database
    home.service.close()
    catalogue = Catalogue.open(url)
    with catalogue.changing() as rows:
        (row,) = rows.all(EndpointVersionRow)
        rows.update(msgspec.structs.replace(row, statement="select from from"))
    catalogue.close()
    service = home.restart()
    assert [each.name for each in service.endpoints.list(admin)] == ["one"]
    call = service.endpoint_calls.begin(admin, "one", {"n": ["1"]})
    database = service.queries.database(call.caller, deployment.id)
    with service.queries.budget() as budget, pytest.raises(InvalidStatement):
        service.endpoint_calls.run(call, "json", database, budget)


def test_as_many_as_may_be(home: Any, admin: Any) -> None:
    deployment = home.deployment(admin)
    endpoints = home.restart(endpoints_max=2).endpoints
    for name in ("one", "two"):
        endpoints.publish(admin, name, deployment.id, ONE)
    with pytest.raises(LimitExceeded, match="endpoints_max"):
        endpoints.publish(admin, "three", deployment.id, ONE)
    with pytest.raises(NotFound):
        endpoints.get(home.foreigner(), "one")


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_are_read_exactly(number: int) -> None:
    assert read("int", str(number)) == number


@given(st.decimals(-(10**15), 10**15, places=4))
def test_decimals_are_read_exactly(number: Decimal) -> None:
    assert read("decimal", f"{number:f}") == number


@given(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)))  # noqa: DTZ001
def test_moments_are_read_exactly(moment: dt.datetime) -> None:
    value = read("timestamp", moment.isoformat() + "+00:00")
    assert isinstance(value, Moment)
    # And written exactly, for the statement.
    assert read("timestamp", value.text) == value
    whole = moment.replace(tzinfo=dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert value.nanoseconds == whole // dt.timedelta(microseconds=1) * 1_000


@given(st.text(max_size=30))
def test_what_is_no_number_is_refused_in_words(text: str) -> None:
    for kind in ("int", "decimal", "timestamp", "bool"):
        found = try_to_read(kind, text)
        if isinstance(found, InvalidValue):
            assert (found.field, "give" in found.message) == ("x", True)
        else:
            assert not isinstance(found, str)


def try_to_read(kind: str, text: str) -> Any:
    try:
        return read(kind, text)
    except InvalidValue as refusal:
        return refusal


def read(kind: str, text: str) -> Any:
    return ParameterSet([EndpointParameter("x", kind)]).values({"x": [text]})["x"]
