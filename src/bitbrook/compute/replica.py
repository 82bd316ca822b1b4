"""A replica: a process that reads the partitions of a slot's owner, and what it may be asked.

It follows the log, and before it answers it looks there once more: so an answer has every write
that was acknowledged when the question came, whether or not the owner lives, as long as the log's
database can be reached. What an owner is for it never does: it appends nothing, writes no snapshot,
trims no log and holds nothing, so that there may be any number of replicas, late or early.

Whatever keeps it from answering is no last word: the owner may be asked. Only what the question
itself runs into (its time, its memory) is. Nothing here knows Ray.
"""

import secrets
from collections.abc import Callable

from bitbrook.algebra.budget import WouldWait
from bitbrook.bitmap.kernels import warm
from bitbrook.compute.actor import Actor, OwnerSettings, open_store
from bitbrook.compute.followed import Followed
from bitbrook.compute.holdings import Elsewhere
from bitbrook.compute.merge import merged_early
from bitbrook.compute.replicas import names_of_replicas, slot_of
from bitbrook.compute.requests import Asked, Parts, Refusal, ReplicaAnswer
from bitbrook.compute.under_way import UnderWay
from bitbrook.engine.allocator import bound_arenas
from bitbrook.errors import BitbrookError, Cancelled, LimitExceeded, Stopping, TimedOut
from bitbrook.settings import READ_REPLICAS_MAX
from bitbrook.stores.following import Following
from bitbrook.stores.log import Log
from bitbrook.stores.ownership import Ownership
from bitbrook.stores.sql import open_engine
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)

FOLLOWED_EVERY_S = 0.5
"""Whatever comes in between is applied when a question comes, which waits for it then."""


class Replica(Actor["_Running"]):
    """The replica of a name, in this process. It begins by itself and may be called at once."""

    kind = "replica"

    def __init__(self, name: str, settings: OwnerSettings) -> None:
        self._under_way = UnderWay()
        super().__init__(name, settings)

    def ask(self, asked: Asked) -> ReplicaAnswer | Refusal:
        """Return the partials of the partitions asked, and what they have seen."""

        def answer(followed: Followed) -> ReplicaAnswer:
            with self._under_way.cancellable(asked.statement, asked.spending.budget()) as budget:
                shown = followed.answer(asked.table_id, asked.numbers, asked.question, budget)
            return ReplicaAnswer(merged_early(asked.question, shown.partials), shown.sequences)

        return self._answered(answer)

    def sequences(self, parts: Parts) -> ReplicaAnswer | Refusal:
        """Return the last batch of these partitions that is durable; answers have it by now."""

        def answer(followed: Followed) -> ReplicaAnswer:
            sequences = followed.sequences(parts.table_id, parts.numbers)
            return ReplicaAnswer(sequences, sequences)

        return self._answered(answer)

    def cancel(self, statement: str) -> None:
        """End what is being asked under this name."""
        self._under_way.cancel(statement)

    def _answered(self, work: Callable[[Followed], ReplicaAnswer]) -> ReplicaAnswer | Refusal:
        """Return what work gives, or why it does not; nothing of ours is raised over a border."""
        running = self._running
        if running is None:
            reason = Stopping(f"replica {self.name} has not begun")
            return Refusal(reason, is_elsewhere=True)
        try:
            return work(running.followed)
        except (Cancelled, LimitExceeded, TimedOut, WouldWait) as error:
            return Refusal(error)
        except Elsewhere as reason:
            return Refusal(Stopping(str(reason)), is_elsewhere=True)
        except BitbrookError as error:
            return Refusal(error, is_elsewhere=True)
        except Exception as error:
            # The edge of this process: whether it is the question's fault the owner will show.
            LOGGER.exception("a replica cannot answer", replica=self.name)
            return Refusal(Stopping(f"replica {self.name}: {error!r}"), is_elsewhere=True)

    def _begin(self) -> "_Running":
        return _Running(self.name, self._settings)

    def _tend(self, running: "_Running") -> float | None:
        """Follow what the slot's owner has."""
        running.followed.bring()
        return FOLLOWED_EVERY_S


class _Running:
    """A replica that has begun: what it is made of."""

    def __init__(self, name: str, settings: OwnerSettings) -> None:
        """Begin.

        Raises:
            Overloaded: the log's database cannot be reached.
        """
        self.process = secrets.token_hex(8)
        bound_arenas()
        self._database = open_engine(settings.log_database)
        try:
            log = Log(self._database)
            owners = [each.name for each in Ownership(self._database).owners()]
        except BaseException:
            self._database.dispose()
            raise
        warm()
        known = [each for owner in owners for each in names_of_replicas(owner, READ_REPLICAS_MAX)]
        self.followed = Followed(
            slot_of(name),
            following=Following(self._database),
            log=log,
            snapshots=open_store(settings, name, known, home="replicas"),
        )

    def close(self) -> None:
        """Have nothing open any more."""
        self.followed.close()
        self._database.dispose()
