"""Where messages go that are no good records: a file, a topic of dead letters, both, or nowhere.

Each is told with its place and the reason. `flush` returns when all of them are where they belong,
so that nothing is committed before.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, TextIO

from confluent_kafka import KafkaException, Producer

from bitbrook.cli.kafka_batches import Message

FLUSH_S_MAX = 120.0


class DeadLetters:
    """A topic that gets messages as they were, with headers that say why."""

    def __init__(self, brokers: str, topic: str, options: Mapping[str, str]) -> None:
        self._topic = topic
        self._producer = Producer(
            {"enable.idempotence": True, **options, "bootstrap.servers": brokers}
        )
        self._fault: Any = None

    def put(self, place: tuple[str, int], message: Message, code: str, reason: str) -> None:
        """Send a message on its way."""
        headers: list[tuple[str, str | bytes | None]] = [
            ("bitbrook.topic", place[0]),
            ("bitbrook.partition", str(place[1])),
            ("bitbrook.offset", str(message.offset)),
            ("bitbrook.error_code", code),
            ("bitbrook.error_message", reason),
        ]
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    key=message.key,
                    value=message.value,
                    headers=headers,
                    on_delivery=self._note,
                )
            except BufferError:
                self._producer.poll(1.0)
            else:
                return

    def flush(self) -> None:
        """Return when all are delivered.

        Raises:
            KafkaException: one could not be.
        """
        left = self._producer.flush(FLUSH_S_MAX)
        if self._fault is not None:
            raise KafkaException(self._fault)
        if left:
            raise KafkaException(f"{left} messages could not be delivered to {self._topic}")

    def _note(self, error: Any, _: Any) -> None:
        self._fault = self._fault or error


class Rejects:
    """The places where refused messages go."""

    def __init__(self, file: TextIO | None, letters: DeadLetters | None) -> None:
        self._file = file
        self._letters = letters

    def put(self, place: tuple[str, int], message: Message, code: str, reason: str) -> None:
        """Tell of a message that was refused."""
        if self._letters is not None:
            self._letters.put(place, message, code, reason)
        if self._file is not None:
            entry = {
                "topic": place[0],
                "partition": place[1],
                "offset": message.offset,
                "error_code": code,
                "error_message": reason,
                **_shown(message.value or b""),
            }
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Return when everything is where it belongs."""
        if self._letters is not None:
            self._letters.flush()
        if self._file is not None:
            self._file.flush()


def _shown(value: bytes) -> dict[str, str]:
    """Return a value as text, or in base64 where it is none."""
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}
