"""Calls of endpoints: who may, how often, with which values, and whether the answer is known.

A call asks on behalf of its endpoint: the key that makes it needs no right but to call. What a call
was answered is kept while nothing that it was read from changes.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from bitbrook.algebra.budget import Budget
from bitbrook.auth.policy import Caller, Right
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.answer_cache import AnswerCache, KeptAnswer, WatchedDatabase
from bitbrook.control.database import ControlDatabase
from bitbrook.control.endpoint_entries import EndpointEntry, PublishedVersion
from bitbrook.control.endpoint_statements import EndpointAnswer
from bitbrook.control.endpoints import Endpoints
from bitbrook.control.queries import Queries
from bitbrook.control.rates import Allowance, Rate
from bitbrook.control.registry import Registry
from bitbrook.errors import QuotaExceeded
from bitbrook.query.parameters import Parameters
from bitbrook.settings import Settings

CALLERS_MAX = 10_000
"""Pairs of a caller and an endpoint whose rates are remembered."""


class EndpointCall(msgspec.Struct, frozen=True):
    """A call that may be made. `caller`: who asks, with the rights that the endpoint lends.

    `allowance`: what may be called after it, if that is limited.
    """

    entry: EndpointEntry
    version: PublishedVersion
    values: Parameters
    caller: Caller
    allowance: Allowance | None

    def key(self, form: str) -> str:
        """Return what tells the call's answer in a form from those of others."""
        named = sorted(self.values.items())
        return repr((self.entry.row.id, self.version.row.version, form, named))


class CallAnswer(msgspec.Struct, frozen=True):
    """What a call was answered, and the database that noted what it was read from."""

    answer: EndpointAnswer
    database: WatchedDatabase


class EndpointCalls:
    """The calls of all endpoints."""

    def __init__(
        self,
        endpoints: Endpoints,
        queries: Queries,
        registry: Registry,
        compute: Compute,
        settings: Settings,
        *,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._queries = queries
        self._compute = compute
        self._clock = clock
        self._lock = threading.Lock()
        self._rates: OrderedDict[tuple[str, str], Rate] = OrderedDict()
        self.cache = AnswerCache(settings.endpoint_cache_bytes_max, registry, compute)

    def begin(
        self,
        caller: Caller,
        name: str,
        given: Mapping[str, Sequence[str]],
        *,
        version: str | None = None,
        tag: str | None = None,
    ) -> EndpointCall:
        """Return a call with these texts for its parameters. Needs CALL.

        Raises:
            NotFound: there is no such endpoint, version or tag.
            QuotaExceeded: the caller calls it too often.
            InvalidValue: a parameter is unknown, missing or cannot be.
        """
        entry = self._endpoints.entry(caller, name)
        row = entry.row
        caller.require(Right.CALL, deployment_id=row.deployment_id, endpoint_id=row.id)
        number = self._endpoints.chosen(entry, version, tag)
        allowance = self._take(caller, entry)
        chosen = entry.versions[number]
        values = chosen.parameters.values(given)
        lent = replace(caller, rights=frozenset({Right.QUERY}), bound_to=None)
        return EndpointCall(entry, chosen, values, lent, allowance)

    @property
    def is_prompt(self) -> bool:
        """Whether `known` waits for no other process."""
        return not self._compute.is_shared

    def known(self, call: EndpointCall, form: str) -> KeptAnswer | None:
        """Return the answer of a call if it was asked before and nothing has changed since.

        Raises:
            NotFound: its deployment is gone.
            Conflict: its deployment does not run.
        """
        self._queries.database(call.caller, call.entry.row.deployment_id)
        return self.cache.find(call.key(form))

    def run(
        self, call: EndpointCall, form: str, database: ControlDatabase, budget: Budget
    ) -> CallAnswer:
        """Return what a call is answered now."""
        with_versions = self.cache.is_worth_keeping(call.key(form))
        watched = WatchedDatabase(database, with_versions=with_versions)
        answer = call.version.statement.run(call.values, watched, budget)
        return CallAnswer(answer, watched)

    def keep(
        self,
        call: EndpointCall,
        form: str,
        answered: CallAnswer,
        *,
        body: bytes | None,
        content_type: str,
        rows_returned: int | None,
    ) -> str | None:
        """Keep an answer for those who ask the same; return its name, None if it has none.

        `body` None: it is too large.
        """
        key, reads = call.key(form), answered.database.reads
        if answered.answer.is_fleeting or not reads.is_known:
            return None
        etag = self.cache.etag(key, reads)
        self.cache.keep(key, KeptAnswer(etag, reads, content_type, body, rows_returned))
        return etag

    def _take(self, caller: Caller, entry: EndpointEntry) -> Allowance | None:
        """Count a call and return what is left, None if there is no limit."""
        per_s = self._endpoints.requests_per_s(entry.row)
        if not per_s:
            return None
        rate = self._rate((entry.row.id, caller.api_key_id or caller.user_id), per_s)
        try:
            rate.check()
        except QuotaExceeded as refusal:
            raise QuotaExceeded(
                f"endpoint {entry.row.name!r} takes {per_s:,} calls a second of one caller; "
                f"try again in {refusal.retry_after_s} s",
                retry_after_s=refusal.retry_after_s,
                allowed_per_s=per_s,
            ) from None
        rate.take(1)
        return rate.allowance()

    def _rate(self, key: tuple[str, str], per_s: int) -> Rate:
        with self._lock:
            rate = self._rates.get(key)
            if rate is None:
                rate = self._rates[key] = Rate(per_s, "calls", clock=self._clock)
                if len(self._rates) > CALLERS_MAX:
                    self._rates.popitem(last=False)
            self._rates.move_to_end(key)
        rate.change(per_s)
        return rate
