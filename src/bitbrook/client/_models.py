"""What the API shows and takes, as frozen structs.

They hold what the server said and nothing else; keys that are newer than this SDK are ignored.
Times are aware datetimes in UTC.
"""

from datetime import datetime
from typing import Any

import msgspec


class Shape(msgspec.Struct, frozen=True):
    """A size of deployment. `purpose`: development or production."""

    name: str
    memory_bytes: int
    purpose: str


class DeploymentOptions(msgspec.Struct, frozen=True):
    """What a deployment runs on."""

    shape: str


class DeploymentModel(msgspec.Struct, frozen=True, dict=True):
    """A deployment. `status`: CREATING, RUNNING, UPDATING, DELETING or FAILED."""

    id: str
    name: str
    status: str
    deployment_options: DeploymentOptions
    created_at: datetime
    created_by: str
    endpoint: str
    failure_reason: str | None = None

    @property
    def shape(self) -> str:
        """The name of its shape."""
        return self.deployment_options.shape


class FieldOptions(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a field is: its `type` and what goes with it.

    `type`: set, mutex, time, bool, int, decimal, timestamp or vector. `keys`: rows are strings.
    `min` and `max` of a decimal may be strings, so that they are exact. `time_unit`: s, ms, us or
    ns. `time_quantum`: a run of Y, M, D and H. `ttl`: a duration such as 720h. `max_length`: the
    characters of a mutex's texts. `dimensions`: the numbers of a vector.
    """

    type: str = "set"
    keys: bool = False
    min: int | float | str | None = None
    max: int | float | str | None = None
    scale: int = 0
    time_unit: str | None = None
    epoch: int | str | None = None
    time_quantum: str = ""
    ttl: str = ""
    max_length: int | None = None
    dimensions: int | None = None


class Field(msgspec.Struct, frozen=True):
    """A field of a table. `rows`: how many different rows it has met (of a number field 0)."""

    name: str
    type: str
    options: FieldOptions
    rows: int = 0
    size_bytes: int = 0


class TableOptions(msgspec.Struct, frozen=True):
    """Options of a table. `keys`: whether records have string ids; None until that is fixed."""

    keys: bool | None = None


class TableModel(msgspec.Struct, frozen=True, dict=True):
    """A table. `size_bytes`: in memory; `stored_bytes`: of its snapshots."""

    id: str
    name: str
    description: str
    status: str
    options: TableOptions
    fields: tuple[Field, ...]
    record_count: int
    size_bytes: int
    stored_bytes: int
    created_at: datetime

    @property
    def is_keyed(self) -> bool | None:
        """Whether records have string ids; None until the first source fixes it."""
        return self.options.keys

    def field(self, name: str) -> Field:
        """Return the field of a name.

        Raises:
            KeyError: there is none.
        """
        for each in self.fields:
            if each.name == name:
                return each
        raise KeyError(name)


class FieldDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a field's value stands in a record and what it becomes. No `path` means the name."""

    name: str
    type: str
    path: tuple[str, ...] | None = None
    config: dict[str, Any] | None = None


class SourceSchema(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source's records hold, and what identifies them.

    One of `id_field` and `primary_key_fields` is needed.
    """

    definition: tuple[FieldDefinition, ...]
    id_field: str | None = None
    primary_key_fields: tuple[str, ...] | None = None
    allow_missing_fields: bool = False


class RateLimits(msgspec.Struct, frozen=True):
    """How much a source takes a second; 0 is no limit."""

    records_per_s: int = 0
    bytes_per_s: int = 0


class SourceDetails(msgspec.Struct, frozen=True):
    """Where a source's records go."""

    table: str
    deployment_id: str


class SourceModel(msgspec.Struct, frozen=True, dict=True):
    """A source. `endpoint`: where its records go. `status`: as of a deployment."""

    id: str
    name: str
    status: str
    sink_details: SourceDetails
    schema: SourceSchema
    endpoint: str
    created_at: datetime
    created_by: str
    failure_reason: str | None = None
    rate_limits: RateLimits = RateLimits()

    @property
    def deployment_id(self) -> str:
        """The deployment of its table."""
        return self.sink_details.deployment_id

    @property
    def table(self) -> str:
        """The name of its table."""
        return self.sink_details.table


class SourceError(msgspec.Struct, frozen=True):
    """A record that a source could not take.

    `excerpt`: its value as JSON, cut short. `field`, `value`, `expected` and `mend`: the message
    taken apart. `record`: the whole value, None if it was not kept; only such a one can be retried.
    """

    at: datetime
    code: str
    message: str
    excerpt: str
    id: str = ""
    request_id: str = ""
    field: str = ""
    value: Any = None
    expected: str = ""
    mend: str = ""
    record: Any = None


class RetryError(msgspec.Struct, frozen=True):
    """Why a refused record was refused once more."""

    id: str
    code: str
    message: str
    field: str = ""
    value: Any = None
    expected: str = ""
    mend: str = ""


class RetryResult(msgspec.Struct, frozen=True):
    """What became of refused records that were taken again.

    `errors`: those that stay, with their new reasons. `passed_over`: ids that are not there, or
    whose record was not kept. `min_seq`: the token of the write.
    """

    stored_count: int
    error_count: int
    errors: tuple[RetryError, ...] = ()
    passed_over: tuple[str, ...] = ()
    min_seq: str = ""


class Minute(msgspec.Struct, frozen=True):
    """What a source took in the minute that begins at `at`."""

    at: datetime
    records: int
    requests: int
    errors: int
    error_codes: dict[str, int] = {}


class Outcome(msgspec.Struct, frozen=True):
    """What became of one record. `error_code` and what follows are empty on success.

    `field`, `value`, `expected` and `mend`: the message taken apart. `retryable`: whether the same
    record may be taken another time, with nothing mended.
    """

    status: str
    error_code: str = ""
    error_message: str = ""
    field: str = ""
    value: Any = None
    expected: str = ""
    mend: str = ""
    retryable: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the record is stored."""
        return self.status == "success"


class Outcomes(msgspec.Struct, frozen=True):
    """What became of the records of one request, in their order.

    `durability`: what was given. `min_seq`: the token of the write, with which a statement sees it;
    empty if nothing was stored.
    """

    success_count: int
    error_count: int
    records: tuple[Outcome, ...] = ()
    on_error: str = "partial"
    durability: str = ""
    min_seq: str = ""

    @property
    def errors(self) -> tuple[tuple[int, Outcome], ...]:
        """The records that were not stored, each with its place in the request, from 0."""
        if self.error_count == 0:
            return ()
        return tuple((at, each) for at, each in enumerate(self.records) if each.error_code)


class Refusal(msgspec.Struct, frozen=True):
    """A record of a writer that the server could not take.

    `record`: as it was sent; numbers with a point come back as Decimal.
    """

    record: Any
    code: str
    message: str
