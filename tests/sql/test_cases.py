"""Every statement answers what its case file says, every digit and in that order.

Each file of `cases/` runs over one partition, over three, and over HTTP, which must not show. A
case is:

    use FILE               what the file of that name creates and writes, without its questions
    + STATEMENT            runs, and may answer anything
    > STATEMENT            must answer the rows that follow, one JSON array a line,
    : NAME TYPE, ...       and these columns, if such a line stands before the rows,
    ! TEXT                 or must be refused with a message that contains the text
    -- ...                 a remark

A statement goes on over further lines of the same mark.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("file", sorted(CASES.glob("*.sql")), ids=lambda file: file.stem)
def test_cases(file: Path, database: Any, exactly: Callable[[str | bytes], Any]) -> None:
    """All cases of a file, in order."""
    faults: list[str] = []
    _run(file, database, exactly, faults)
    assert not faults, "\n".join(faults)


def _run(
    file: Path,
    database: Any,
    exactly: Callable[[str | bytes], Any],
    faults: list[str] | None,
) -> None:
    """Run a file's cases; without `faults` only what it creates and writes."""
    lines = [
        (number, line.rstrip())
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if line.strip() and not line.startswith("--")
    ]
    index = 0
    while index < len(lines):
        number, line = lines[index]
        mark = line[0]
        if line.startswith("use "):
            _run(CASES / line.split()[1], database, exactly, None)
            index += 1
            continue
        assert mark in "+>", f"{file.name}:{number}: {line}"
        statement, index = _taken(lines, index, mark)
        if mark == "+":
            database.query(statement)
            continue
        start = index
        while index < len(lines) and lines[index][1][0] in ":![":
            index += 1
        if faults is not None:
            expected = [line for _, line in lines[start:index]]
            fault = _fault(database, exactly, statement, expected)
            faults += [f"{file.name}:{number}: {statement}\n{fault}"] if fault else []


def _taken(lines: list[tuple[int, str]], start: int, mark: str) -> tuple[str, int]:
    """The statement over lines that begin with a mark and then more of them, indented."""
    end = start + 1
    while end < len(lines) and lines[end][1].startswith(mark + "  "):
        end += 1
    return "\n".join(line[1:].strip() for _, line in lines[start:end]), end


def _fault(
    database: Any, exactly: Callable[[str | bytes], Any], statement: str, expected: list[str]
) -> str | None:
    """What is wrong with the answer, None if nothing is."""
    refusal = next((line[1:].strip() for line in expected if line.startswith("!")), None)
    try:
        answered = database.query(statement).decode()
    except Exception as error:
        if refusal is None or type(error).__name__ != "Refused":
            return f"  refused: {error!r}"
        return None if refusal in str(error) else f"  refused: {error}\n   wanted: {refusal}"
    answer, shown = json.loads(answered), _rows_of(answered)
    if refusal is not None:
        return f"  answered {shown}\n  but had to be refused: {refusal}"
    columns = [f"{field['name']} {field['type']}".strip() for field in answer["schema"]["fields"]]
    wanted_columns = [line[1:].strip() for line in expected if line.startswith(":")]
    if wanted_columns and ", ".join(columns) != wanted_columns[0]:
        return f"  columns {', '.join(columns)}\n   wanted {wanted_columns[0]}"
    wanted = [line for line in expected if line.startswith("[")]
    if exactly(shown) == exactly(f"[{','.join(wanted)}]"):
        return None
    return f"  answered {shown}\n    wanted {wanted}"


def _rows_of(answer: str) -> str:
    """The rows as text, digits as they were answered."""
    start = answer.index('"data":') + len('"data":')
    ends = [answer.rfind(key) for key in (',"warnings":', ',"execution-time":')]
    return answer[start : min(end for end in ends if end > 0)]
