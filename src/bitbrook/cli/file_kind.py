"""The kinds of files that `bitbrook load` reads, apart so that `--help` waits for no reader."""

import enum


class FileKind(enum.StrEnum):
    """What a file's bytes are."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    ARROW = "arrow"
