"""Every call answers what its case file says, byte for byte of every number and in that order.

Each file of `cases/` describes tables, statements and their answers, and runs over one partition,
over three, and over HTTP, which must not show. Adding a case is adding two lines:

    table NAME [keyed]     a table; its fields stand below, indented: name, type, options
    use FILE               what the file of that name creates and writes, without its questions
    + STATEMENT            runs, and may answer anything
    > STATEMENT            must answer the lines that follow, one JSON value a call,
    ! TEXT                 or must be refused with a message that contains the text
    # ...                  a remark

A statement goes on over further lines of the same mark.
"""

from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("file", sorted(CASES.glob("*.pql")), ids=lambda file: file.stem)
def test_cases(file: Path, database: Any, notation: Any) -> None:
    """All cases of a file, in order."""
    faults: list[str] = []
    _run(file, database, notation, faults)
    assert not faults, "\n".join(faults)


def _run(file: Path, database: Any, notation: Any, faults: list[str] | None) -> None:
    """Run a file's blocks; without `faults` only what it creates and writes."""
    table = ""
    lines = [
        (number, line.rstrip())
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    index = 0
    while index < len(lines):
        number, line = lines[index]
        block, index = _block(lines, index)
        match line.split()[0]:
            case "table":
                table = line.split()[1]
                fields = tuple(notation.field(line) for line in block[1:])
                database.create_table(table, is_keyed=line.endswith(" keyed"), fields=fields)
            case "use":
                _run(CASES / line.split()[1], database, notation, None)
                table = (CASES / line.split()[1]).stem
            case "+":
                database.query(_statement(block), table)
            case ">" if faults is not None:
                statement = _statement([part for part in block if part.startswith(">")])
                expected = [part for part in block if not part.startswith(">")]
                fault = _fault(database, notation, statement, table, expected)
                faults += [f"{file.name}:{number}: {statement}\n{fault}"] if fault else []


def _block(lines: list[tuple[int, str]], start: int) -> tuple[list[str], int]:
    """The lines that belong together from `start` on, and where the next ones begin."""
    mark = lines[start][1][0]
    end = start + 1
    while end < len(lines) and lines[end][1][0] == mark and mark in "+>":
        end += 1
    if mark != "+":
        while end < len(lines) and not lines[end][1].startswith(("+", ">", "table ", "use ")):
            end += 1
    return [line for _, line in lines[start:end]], end


def _statement(lines: list[str]) -> str:
    return "\n".join(line[1:].strip() for line in lines)


def _fault(
    database: Any, notation: Any, statement: str, table: str, expected: list[str]
) -> str | None:
    """What is wrong with the answer, None if nothing is."""
    try:
        answer = database.query(statement, table)
    except Exception as error:
        if not (expected[0].startswith("!") and type(error).__name__ == "Refused"):
            return f"  refused: {error!r}"
        wanted = expected[0][1:].strip()
        return None if wanted in str(error) else f"  refused: {error}\n   wanted: {wanted}"
    if expected[0].startswith("!"):
        return f"  answered {answer.decode()}\n  but had to be refused: {expected[0][1:].strip()}"
    wanted = f'{{"results":[{",".join(expected)}]}}'
    if notation.exactly(answer) == notation.exactly(wanted):
        return None
    return f"  answered {answer.decode()}\n    wanted {wanted}"
