"""Messages as lines of JSON: of JSON as they are, of Avro by the schema registry.

Whether a line is a good record is for the source to say; a message is refused here only if it could
not travel as a line: it is no text, is blank, or has line ends and is no JSON.
"""

import msgspec

from bitbrook.cli.kafka_batches import Message
from bitbrook.cli.message_format import MessageFormat
from bitbrook.cli.schema_registry import HEAD_BYTES, SchemaRegistry, UnreadableMessage


class MessageReader:
    """Reads the values of messages."""

    def __init__(self, form: MessageFormat, registry: SchemaRegistry | None) -> None:
        """Prepare; Avro needs a registry."""
        self._form = form
        self._registry = registry

    def read(self, offset: int, key: bytes | None, value: bytes | None) -> Message:
        """Return a message with its line, or with what keeps it from being one.

        Raises:
            RegistryFailed: the registry cannot be asked.
        """
        if value is None:
            return Message(offset, key, None, b"")
        try:
            line = self._line_of(value)
        except UnreadableMessage as fault:
            return Message(offset, key, value, b"", str(fault))
        return Message(offset, key, value, line)

    def _line_of(self, value: bytes) -> bytes:
        if self._form is MessageFormat.AVRO:
            assert self._registry is not None, "Avro is read by a registry"
            return self._registry.to_json(value)
        if value[:1] == b"\0":
            # The registry's form of JSON has the same head; the schema is not needed to read it.
            value = value[HEAD_BYTES:]
        try:
            value.decode()
            if b"\n" in value:
                value = msgspec.json.format(value, indent=-1)
        except (UnicodeDecodeError, msgspec.DecodeError) as fault:
            raise UnreadableMessage(f"it is not JSON: {fault}") from None
        if not value.strip():
            raise UnreadableMessage("it is not JSON: it is blank")
        return value
