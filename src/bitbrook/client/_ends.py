"""Whether what came is all: each form of answer has an end, and without it something was cut off.

A broken connection is told by httpx; this finds what was cut where nobody told, such as by a proxy
that ends an answer in good order whose other side has died.
"""

import os
import re
from pathlib import Path

from bitbrook.client._exceptions import AnswerCut

ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""What an Arrow stream ends with."""

_PARQUET_END = b"PAR1"
_LINE_BYTES_MAX = 64
_LAST_LINE = {
    "ndjson": re.compile(rb'(?:^|\n)(\{"_end":\{"records":\d+\}\}\n)$'),
    "csv": re.compile(rb"(?:^|\n)(#end,\d+\n)$"),
}


def check_end(path: Path, form: str) -> None:
    """Return if a file has all of an export; the line that says so is taken off.

    Raises:
        AnswerCut: it has not.
    """
    with path.open("r+b") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_bytes - _LINE_BYTES_MAX))
        tail = file.read()
        if form in _LAST_LINE:
            found = _LAST_LINE[form].search(tail)
            is_whole = found is not None
            if found is not None:
                file.truncate(size_bytes - len(found[1]))
        else:
            is_whole = tail.endswith(_PARQUET_END if form == "parquet" else ARROW_END)
    if not is_whole:
        raise AnswerCut(f"{path.name}: the export ended before its end; what is there is not all")


def check_stream(stream: bytes) -> None:
    """Return if an Arrow stream is whole.

    Raises:
        AnswerCut: it is not.
    """
    if not stream.endswith(ARROW_END):
        raise AnswerCut("the answer ended before its end; what came of it is not all")
