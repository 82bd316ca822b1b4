"""Deployments come and go in the states that are told, whatever is asked and whenever it stops.

Tried with names, shapes and counts that cannot be, deployments that are not empty, a memory quota,
deletions while still CREATING, and restarts at the moment when nothing was finished yet.
"""

from typing import Any

import pytest

from bitbrook.control.lifecycle import Status
from bitbrook.errors import Conflict, InvalidValue, NotAllowed, NotFound, QuotaExceeded


def status(home: Any, caller: Any, deployment_id: str) -> Status:
    return home.service.deployments.get(caller, deployment_id).status


def test_a_deployment_comes_and_goes(home: Any, admin: Any) -> None:
    deployments = home.service.deployments
    home.service.lifecycle.hold()
    made = deployments.create(admin, "iris", "8GB")
    assert made == deployments.get(admin, made.id) == deployments.list(admin)[0]
    assert (made.status, made.shape, made.created_by) == ("CREATING", "8GB", "ada@example.org")
    home.service.lifecycle.release()
    home.service.lifecycle.settle()
    assert status(home, admin, made.id) is Status.RUNNING
    home.service.lifecycle.hold()
    assert deployments.delete(admin, made.id).status is Status.DELETING
    assert deployments.delete(admin, made.id).status is Status.DELETING
    assert status(home, admin, made.id) is Status.DELETING
    home.service.lifecycle.release()
    home.service.lifecycle.settle()
    with pytest.raises(NotFound):
        deployments.get(admin, made.id)
    assert deployments.list(admin) == []


def test_a_restart_goes_on_where_it_was_left(home: Any, admin: Any) -> None:
    kept = home.deployment(admin, "kept")
    going = home.deployment(admin, "going")
    home.service.lifecycle.hold()
    coming = home.service.deployments.create(admin, "coming", "64GB")
    home.service.deployments.delete(admin, going.id)
    home.restart()
    home.service.lifecycle.settle()
    assert status(home, admin, kept.id) is Status.RUNNING
    assert status(home, admin, coming.id) is Status.RUNNING
    with pytest.raises(NotFound):
        status(home, admin, going.id)


def test_a_deployment_deleted_while_it_is_created_is_gone(home: Any, admin: Any) -> None:
    home.service.lifecycle.hold()
    made = home.service.deployments.create(admin, "iris", "8GB")
    home.service.deployments.delete(admin, made.id)
    home.service.lifecycle.release()
    home.service.lifecycle.settle()
    assert home.service.deployments.list(admin) == []
    home.deployment(admin, "iris")


@pytest.mark.parametrize("shape", ["8GB", "8gb", "8GB-Development", "2048GB", "64GB-Production"])
def test_shapes_by_name_and_alias(home: Any, admin: Any, shape: str) -> None:
    made = home.service.deployments.create(admin, "iris", shape)
    assert made.shape == shape.upper().partition("-")[0]


@pytest.mark.parametrize("shape", ["", "8", "16GB", "8GB-Production", "64GB-Development", "8GB-"])
def test_other_shapes_are_refused(home: Any, admin: Any, shape: str) -> None:
    with pytest.raises(InvalidValue, match="the shapes are 8GB, 64GB") as refusal:
        home.service.deployments.create(admin, "iris", shape)
    assert refusal.value.field == "shape"


def test_shapes_on_offer(home: Any) -> None:
    shapes = home.service.deployments.shapes()
    assert [shape.name for shape in shapes][:2] == ["8GB", "64GB"]
    assert shapes[-1].memory_bytes == 2048 << 30


@pytest.mark.parametrize("name", ["", "Iris", "a b", "ä", "x" * 231])
def test_names_that_cannot_be(home: Any, admin: Any, name: str) -> None:
    with pytest.raises(InvalidValue):
        home.service.deployments.create(admin, name, "8GB")


def test_names_are_unique_in_an_organisation_only(home: Any, admin: Any) -> None:
    home.service.deployments.create(admin, "iris", "8GB")
    with pytest.raises(Conflict, match="'iris' already"):
        home.service.deployments.create(admin, "iris", "64GB")
    home.service.deployments.create(home.foreigner(), "iris", "8GB")


def test_the_number_is_limited(home: Any, admin: Any) -> None:
    home.restart(deployments_max=2)
    made = [home.deployment(admin, name) for name in ("one", "two")]
    with pytest.raises(QuotaExceeded, match="has 2 deployments and 2 are allowed"):
        home.service.deployments.create(admin, "three", "8GB")
    home.deployment(home.foreigner(), "one")
    home.service.deployments.delete(admin, made[0].id)
    home.service.lifecycle.settle()
    home.deployment(admin, "three")


def test_memory_is_reserved_and_given_back(home: Any, admin: Any) -> None:
    home.restart(memory_bytes_max=72 << 30)
    one, two = home.deployment(admin, "one"), home.deployment(admin, "two")
    large = home.service.deployments.create(admin, "large", "64GB")
    home.service.lifecycle.settle()
    failed = home.service.deployments.get(admin, large.id)
    assert failed.status is Status.FAILED
    assert "memory_bytes_max" in (failed.failure_reason or "")
    for each in (large, one):
        home.service.deployments.delete(admin, each.id)
    home.service.lifecycle.settle()
    home.service.deployments.create(admin, "large", "64GB")
    home.service.lifecycle.settle()
    assert {each.name: each.status for each in home.service.deployments.list(admin)} == {
        "two": "RUNNING",
        "large": "RUNNING",
    }
    assert two.name == "two"


def test_what_is_not_empty_is_not_deleted(home: Any, admin: Any) -> None:
    source = home.source(admin)
    with pytest.raises(Conflict, match="delete them first") as refusal:
        home.service.deployments.delete(admin, source.deployment_id)
    assert refusal.value.details == [f"source 'stream' ({source.id})", "table 'things'"]
    assert status(home, admin, source.deployment_id) is Status.RUNNING


def test_source_table_and_deployment_go_in_one_breath(home: Any, admin: Any) -> None:
    source = home.source(admin)
    home.service.lifecycle.hold()
    home.service.sources.delete(admin, source.id)
    home.service.tables.delete(admin, source.deployment_id, "things")
    home.service.deployments.delete(admin, source.deployment_id)
    home.restart()
    home.service.lifecycle.settle()
    assert home.service.deployments.list(admin) == []
    assert home.service.sources.list(admin) == []


def test_who_may_not_manage_changes_nothing(home: Any, admin: Any) -> None:
    made = home.deployment(admin)
    key = home.service.api_keys.create(admin, "robot", ["query"]).key
    robot = home.service.identity.authenticate_key(key)
    assert home.service.deployments.list(robot)
    for attempt in (
        lambda: home.service.deployments.create(robot, "other", "8GB"),
        lambda: home.service.deployments.delete(robot, made.id),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_a_shape_changes_if_there_is_the_memory(home: Any, admin: Any) -> None:
    home.restart(memory_bytes_max=72 << 30)
    deployment = home.deployment(admin, "one")
    deployments = home.service.deployments
    assert deployments.change_shape(admin, deployment.id, "8GB").status is Status.RUNNING
    assert deployments.change_shape(admin, deployment.id, "64GB").status is Status.UPDATING
    home.service.lifecycle.settle()
    shown = deployments.get(admin, deployment.id)
    assert (shown.status, shown.shape, shown.failure_reason) == (Status.RUNNING, "64GB", None)
    deployments.change_shape(admin, deployment.id, "128GB")
    home.service.lifecycle.settle()
    shown = deployments.get(admin, deployment.id)
    assert (shown.status, shown.shape) == (Status.RUNNING, "64GB")
    assert "memory_bytes_max" in (shown.failure_reason or "")
    with pytest.raises(InvalidValue, match="no shape"):
        deployments.change_shape(admin, deployment.id, "9GB")


def test_a_change_of_shape_that_was_broken_off_is_undone(home: Any, admin: Any) -> None:
    """While it is under way tables are made and asked; the next start finds it in its old shape."""
    deployment = home.deployment(admin, "one")
    home.service.lifecycle.hold()
    # What waits behind another step is left to the next start.
    home.service.lifecycle.begin(lambda: None, on_failure=lambda _: None)
    home.service.deployments.change_shape(admin, deployment.id, "64GB")
    home.service.tables.create(admin, deployment.id, "things")
    assert home.service.queries.database(admin, deployment.id).tables()
    with pytest.raises(Conflict, match="UPDATING"):
        home.service.deployments.change_shape(admin, deployment.id, "128GB")
    home.restart()
    home.service.lifecycle.settle()
    shown = home.service.deployments.get(admin, deployment.id)
    assert (shown.status, shown.shape) == (Status.RUNNING, "8GB")
