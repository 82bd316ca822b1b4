"""What the values of messages are. Apart, so that `--help` need not import what reads them."""

import enum


class MessageFormat(enum.StrEnum):
    """A form of messages, by what `--format` calls it."""

    JSON = "json"
    AVRO = "avro"
