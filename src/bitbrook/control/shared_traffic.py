"""What sources took at all servers of an installation: each tells the others, who add it up.

A server's minutes of a source are a note in the log's database, written anew every few seconds as
long as it takes something; a day later it expires by itself. What a server that was killed took
since its last note is lost. Without other servers nothing is told. Knows nothing of callers.
"""

from collections.abc import Mapping, Sequence

from bitbrook.auth.random_texts import make_id
from bitbrook.clock import Clock
from bitbrook.compute.compute import Compute
from bitbrook.control.traffic import MINUTES_MAX, Minute, Traffic, added_up
from bitbrook.stores.log import Note


class SharedTraffic:
    """The traffic of all sources at all servers, for one of these."""

    def __init__(self, compute: Compute, *, clock: Clock) -> None:
        self._compute = compute
        self._clock = clock
        self._server = make_id()
        self._told: dict[str, int] = {}

    def tell(self, traffic: Mapping[str, Traffic]) -> None:
        """Tell the others what has come since it was told last, by source."""
        counts = {source_id: each.totals().requests for source_id, each in traffic.items()}
        changed = [
            source_id for source_id, count in counts.items() if count > self._told.get(source_id, 0)
        ]
        if not changed:
            return
        expires_s = self._clock.now_s() + MINUTES_MAX * 60
        self._compute.keep_notes(
            [
                Note(_scope_of(source_id), self._server, traffic[source_id].packed(), expires_s)
                for source_id in changed
            ]
        )
        self._told.update({source_id: counts[source_id] for source_id in changed})

    def minutes(self, source_id: str, own: Sequence[Minute]) -> list[Minute]:
        """Return a source's minutes at all servers; `own`: those at this one."""
        notes = self._compute.notes(_scope_of(source_id), now_s=self._clock.now_s())
        others = [
            Traffic(self._clock, note.body).minutes() for note in notes if note.key != self._server
        ]
        return added_up([own, *others])

    def forget(self, source_id: str) -> None:
        """Forget a source that goes."""
        self._told.pop(source_id, None)
        self._compute.forget_notes(scope=_scope_of(source_id))


def _scope_of(source_id: str) -> str:
    return f"{source_id}#traffic"
