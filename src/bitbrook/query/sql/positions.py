"""A statement's text and the errors that point into it.

Every refusal of a statement begins with `[line:column]`, both counting from 1. Nodes remember the
offset of their first character; the line and column are worked out only when an error is raised.
"""

from bitbrook.errors import InvalidStatement, NotSupported


class StatementText:
    """The text of one statement."""

    def __init__(self, text: str) -> None:
        self.text = text

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a character, both from 1."""
        offset = max(0, min(offset, len(self.text)))
        line = self.text.count("\n", 0, offset) + 1
        return line, offset - self.text.rfind("\n", 0, offset)

    def prefix(self, offset: int) -> str:
        """Return `[line:column]` of a character."""
        line, column = self.place(offset)
        return f"[{line}:{column}]"

    def error(self, message: str, offset: int) -> InvalidStatement:
        """Return the refusal of the statement on account of what stands at `offset`."""
        line, column = self.place(offset)
        lines = self.text.splitlines()
        return InvalidStatement(
            f"[{line}:{column}] {message}",
            line=line,
            column=column,
            excerpt=lines[line - 1] if line <= len(lines) else "",
        )

    def unsupported(self, message: str, offset: int) -> NotSupported:
        """Return the refusal of a part of SQL that bitbrook does not answer."""
        return NotSupported(f"{self.prefix(offset)} {message}")
