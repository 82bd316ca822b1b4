"""A file's chunks into a source, one after the other, with a bar that shows how far it is.

A chunk is read while the one before it is on its way. It carries an Idempotency-Key made from its
content and its place, and is noted as done once it is answered, so an interrupted load loses and
repeats nothing.
"""

import contextlib
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from bitbrook.cli.http_calls import CallFailed, Calls
from bitbrook.cli.input_files import Chunk, InputFile
from bitbrook.cli.load_state import LoadState
from bitbrook.cli.load_target import Target

_BAR = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.fields[stored]:,} records, {task.fields[per_s]:,}/s"),
    TextColumn("{task.fields[refused]:,} refused"),
)


def load_file(
    calls: Calls, target: Target, file: InputFile, rejects: TextIO | None, *, begins_anew: bool
) -> int:
    """Load one file; return how many of its records were refused."""
    state = LoadState(file.path, target.source_id, begins_anew=begins_anew)
    start = state.progress.position
    if start:
        print(f"{file.path.name}: goes on after {_told(state)}", flush=True)
    loading = _Loading(calls, target, file, state, rejects)
    started_s = time.monotonic()
    before = state.progress.stored + state.progress.refused
    with _bar(file, start) as (bar, task), ThreadPoolExecutor(1) as sender:
        under_way: tuple[Chunk, Future[_Sent]] | None = None
        for chunk in file.chunks(start):
            # One chunk is read while another is on its way; never two, or upserts might overtake.
            if under_way is not None:
                loading.finish(*under_way)
            under_way = chunk, sender.submit(loading.send, chunk)
            sent = state.progress.stored + state.progress.refused - before
            per_s = round(sent / max(time.monotonic() - started_s, 0.001))
            bar.update(
                task,
                completed=state.progress.position,
                stored=state.progress.stored,
                refused=state.progress.refused,
                per_s=per_s,
            )
        if under_way is not None:
            loading.finish(*under_way)
    loading.tell_misshapen()
    state.finish()
    print(f"{file.path.name}: {_told(state)}", flush=True)
    if not state.is_kept:
        print(f"bitbrook: nothing can be kept beside {file.path}", file=sys.stderr, flush=True)
    return state.progress.refused


class _Sent(NamedTuple):
    """What became of a chunk's records."""

    stored: int
    refused: int


class _Loading:
    """One file on its way."""

    def __init__(
        self,
        calls: Calls,
        target: Target,
        file: InputFile,
        state: LoadState,
        rejects: TextIO | None,
    ) -> None:
        self._calls = calls
        self._target = target
        self._file = file
        self._state = state
        self._rejects = rejects

    def send(self, chunk: Chunk) -> _Sent:
        """Return what became of a chunk; in halves where the server finds it too large."""
        try:
            outcome = self._calls.send_lines(
                self._target.source_id, chunk.lines, key=self._key(chunk)
            )
        except CallFailed as error:
            if error.status != 413 or chunk.record_count == 1:
                raise
            sent = [self.send(half) for half in _halves(chunk)]
            return _Sent(sum(each.stored for each in sent), sum(each.refused for each in sent))
        if outcome["error_count"] and self._rejects is not None:
            lines = chunk.lines.split(b"\n")[:-1]
            for line, record in zip(lines, outcome["records"], strict=True):
                if record["status"] == "error":
                    self._reject(
                        record["error_code"],
                        record["error_message"],
                        line.decode(errors="replace"),
                    )
        return _Sent(outcome["success_count"], outcome["error_count"])

    def finish(self, chunk: Chunk, sending: "Future[_Sent]") -> None:
        """Wait for a chunk, and take note that it is done."""
        sent = sending.result()
        if self._rejects is not None:
            self._rejects.flush()
        self._state.advance(chunk.end, stored=sent.stored, refused=sent.refused)

    def tell_misshapen(self) -> None:
        """Count what of the file is no record at all among what was refused."""
        for text in self._file.misshapen:
            self._reject("InvalidBody", "the line has too many or too few values", text)
        self._state.progress.refused += len(self._file.misshapen)

    def _reject(self, code: str, message: str, value: str) -> None:
        if self._rejects is not None:
            entry = {
                "file": str(self._file.path),
                "error_code": code,
                "error_message": message,
                "value": value,
            }
            self._rejects.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _key(self, chunk: Chunk) -> str:
        """Return what names these records of this file on their way into this source."""
        digest = hashlib.blake2b(chunk.lines, digest_size=16)
        digest.update(f"{self._target.source_id} {self._state.fingerprint} {chunk.start}".encode())
        return digest.hexdigest()


def _halves(chunk: Chunk) -> Iterator[Chunk]:
    lines = chunk.lines.split(b"\n")[:-1]
    middle = len(lines) // 2
    for half in (lines[:middle], lines[middle:]):
        yield chunk._replace(lines=b"\n".join(half) + b"\n", record_count=len(half))


@contextlib.contextmanager
def _bar(file: InputFile, start: int) -> Iterator[tuple[Progress, TaskID]]:
    """Give a progress bar, on standard error."""
    with Progress(*_BAR, console=Console(stderr=True), transient=True) as bar:
        yield (
            bar,
            bar.add_task(
                file.path.name, total=file.total, completed=start, stored=0, refused=0, per_s=0
            ),
        )


def _told(state: LoadState) -> str:
    progress = state.progress
    return f"{progress.stored:,} records stored, {progress.refused:,} refused"
