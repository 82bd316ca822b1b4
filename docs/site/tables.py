"""Pages made of tables that the code has: settings, error codes, and what benchmarks measured."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bitbrook.api.problems import _FRAMEWORK_CODES, _INTERNAL
from bitbrook.errors import BitbrookError
from bitbrook.settings import Settings, describe_settings

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def settings_table() -> str:
    """Return every setting: what it takes, its default, what it is for."""
    takes = typing.get_type_hints(Settings, include_extras=True)
    rows = [
        f"| `{each.name}` | {_taken(takes[each.name])} | {_default(each.default)} "
        f"| {each.description.replace('|', chr(92) + '|')} |"
        for each in describe_settings()
    ]
    return "\n".join(["| setting | takes | default | |", "|---|---|---|---|", *rows])


def errors_table() -> str:
    """Return every code of an error: its status, whether to try again, what it means."""
    rows = [
        f"| `{error.code}` | {error.status} | {'yes' if error.is_retryable else ''} "
        f"| {_first_sentence(error)} |"
        for error in _errors(BitbrookError)
    ]
    known = {error.code for error in _errors(BitbrookError)}
    rows += [
        f"| `{code}` | {status} | | {message} |"
        for status, (code, message) in _FRAMEWORK_CODES.items()
        if code not in known
    ]
    rows.append(f"| `InternalError` | 500 | | {_INTERNAL} |")
    return "\n".join(["| code | status | again later | means |", "|---|---|---|---|", *rows])


def benchmark_results() -> str:
    """Return the newest result of each kind that was written as a page."""
    newest: dict[str, Path] = {}
    for path in sorted(RESULTS.glob("*.md")):
        dated = re.fullmatch(r"\d{4}-\d\d-\d\d-(.+)", path.stem)
        newest[dated.group(1) if dated else path.stem] = path
    return "\n".join(re.sub(r"^#", "##", path.read_text()) for path in newest.values())


def soak_results() -> str:
    """Return what the newest soak found: the middle third of its time beside the last."""
    path = max(RESULTS.glob("*-soak.json"))
    found = msgspec.json.decode(path.read_bytes())
    memory, descriptors = found["memory_bytes"], found["descriptors"]
    rows = [
        f"| memory | {memory['middle'] / 1e6:,.0f} MB | {memory['last'] / 1e6:,.0f} MB |",
        f"| descriptors | {descriptors['middle']} | {descriptors['last']} |",
    ]
    for kind, times in found["latencies"].items():
        first, last = times["p99_ms_middle"], times["p99_ms_last"]
        rows.append(f"| {kind}, p99 of {times['answers']:,} | {first:,.1f} ms | {last:,.1f} ms |")
    faults = "; ".join(found["faults"]) or "none"
    told = (
        f"{path.stem.removesuffix('-soak')}: {found['seconds'] / 60:,.0f} minutes, "
        f"{found['records']:,} records at the end. Faults: {faults}."
    )
    return "\n".join([told, "", "| | middle third | last third |", "|---|---:|---:|", *rows])


def _errors(error: type[BitbrookError]) -> Iterator[type[BitbrookError]]:
    """Give the classes below one, each before those below it."""
    for each in error.__subclasses__():
        if each.__module__ == "bitbrook.errors":
            yield each
            yield from _errors(each)


def _first_sentence(error: type[BitbrookError]) -> str:
    told = " ".join((error.__doc__ or "").partition("\n\n")[0].split())
    return told.rstrip(".").replace("|", "\\|")


def _default(value: Any) -> str:
    return "" if value is None else f"`{value}`"


def _taken(hint: Any) -> str:
    """Return a type, and the bounds of its values, in words."""
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{each}`" for each in typing.get_args(hint))
    inner = [each for each in typing.get_args(hint) if each is not type(None)]
    if typing.get_origin(hint) is not typing.Annotated:
        return _taken(inner[0]) if inner else _kind(hint)
    kind, *notes = typing.get_args(hint)
    words = [_kind(kind)]
    for note in notes:
        if isinstance(note, msgspec.Meta):
            words += [f"from {note.ge:,}"] if note.ge is not None else []
            words += ["above 0"] if note.gt is not None else []
            words += [f"to {note.le:,}"] if note.le is not None else []
            if note.min_length is not None and note.min_length > 1:
                words.append(f"of {note.min_length} characters or more")
    return " ".join(words)


def _kind(type_: Any) -> str:
    names = {int: "whole number", float: "number", str: "text", Path: "path"}
    return names.get(type_, str(type_))
