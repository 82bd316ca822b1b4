"""A body that is decoded while it arrives, piece by piece, into one batch.

What is held is the columns of what came and the bytes of the record that is not whole yet, never
the body. Nothing leaves before the end: a body that is cut short or found at fault in its last byte
leaves nothing behind. Invariant: batch and outcomes are what decoding the whole body gives.
"""

from collections.abc import Sequence

import msgspec

from bitbrook.engine.batch import Batch, Operation
from bitbrook.errors import InvalidBody, LimitExceeded
from bitbrook.schema.limits import VALUES_PER_BODY_MAX
from bitbrook.sources.bodies import check_count
from bitbrook.sources.cuts import Cutter, LinesCutter, RecordsCutter
from bitbrook.sources.decode import Decoded, Decoder
from bitbrook.sources.outcomes import EXCERPTS_MAX, REJECTED_MAX, Outcomes, RecordError


class ArrivingBody:
    """One body on its way. Used by one thread at a time."""

    def __init__(self, decoder: Decoder, *, is_lines: bool) -> None:
        self._decoder = decoder
        self._is_lines = is_lines
        self._cutter: Cutter = LinesCutter() if is_lines else RecordsCutter()
        self._operations: list[Operation] = []
        self._errors: list[RecordError] = []
        self._rejected: list[bytes] = []
        self._rejected_bytes = 0
        self._count = 0
        self._decoded_bytes = 0
        self._columns_bytes = 0

    @property
    def held_bytes(self) -> int:
        """About how many bytes of memory it takes."""
        return self._cutter.held_bytes + self._columns_bytes + self._rejected_bytes

    def feed(self, data: bytes) -> None:
        """Decode what has come, up to the last whole record.

        Raises:
            InvalidBody: the body is not JSON, or not text.
            LimitExceeded: it has too many records, or values.
        """
        for piece in self._cutter.feed(data):
            self._decode(piece)

    def finish(self) -> Decoded:
        """Return the batch and the outcomes, as of the whole body.

        Raises:
            InvalidBody: the body ends too early, or is no JSON or text.
            LimitExceeded: it has too many records, or values.
        """
        for piece in self._cutter.finish():
            self._decode(piece)
        shown = len(self._errors) - EXCERPTS_MAX
        errors = [
            error if at >= shown or not error.excerpt else _without_excerpt(error)
            for at, error in enumerate(self._errors)
        ]
        batch = Batch(self._operations) if self._operations else None
        return Decoded(batch, Outcomes(self._count, tuple(errors)), self._rejected)

    def _decode(self, piece: bytes) -> None:
        try:
            batch, outcomes, rejected = self._decoder.decode(piece, is_lines=self._is_lines)
        except InvalidBody as fault:
            if not self._decoded_bytes:
                raise
            where = f"about {self._decoded_bytes:,} bytes into it, {fault.message}"
            raise InvalidBody(where) from None
        self._decoded_bytes += len(piece)
        base = self._count
        self._errors += [
            msgspec.structs.replace(error, index=base + error.index) for error in outcomes.errors
        ]
        self._keep_rejected(rejected, is_all=len(rejected) == len(outcomes.errors))
        self._count += outcomes.count
        check_count(self._count)
        self._check_values()
        if batch is not None:
            self._operations += batch.operations
            self._columns_bytes += sum(each.records.nbytes for each in batch.operations)

    def _keep_rejected(self, rejected: Sequence[bytes], *, is_all: bool) -> None:
        """Keep values of records at fault: always those of the last errors, without a gap."""
        kept = [*self._rejected, *rejected] if is_all else list(rejected)
        self._rejected = kept[-REJECTED_MAX:]
        self._rejected_bytes = sum(map(len, self._rejected)) if kept else 0

    def _check_values(self) -> None:
        values = self._count * self._decoder.field_count
        if values > VALUES_PER_BODY_MAX:
            raise LimitExceeded(
                f"the body has {self._count:,} records or more, of {self._decoder.field_count:,} "
                f"fields each, and {VALUES_PER_BODY_MAX:,} values are allowed; send its records "
                "in several requests"
            )


def _without_excerpt(error: RecordError) -> RecordError:
    return msgspec.structs.replace(error, excerpt="")
