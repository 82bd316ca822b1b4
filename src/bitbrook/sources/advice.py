"""What is said of a value that cannot be stored: the problem, what was expected, and the mend."""

from typing import NamedTuple


class Advice(NamedTuple):
    """Words for one kind of fault of one kind of field.

    `problem` goes on from the value ("is not a number"); `expected` stands by itself ("a number");
    `mend` says what to do ("send digits").
    """

    problem: str
    expected: str
    mend: str

    @property
    def text(self) -> str:
        """The problem and the mend, for a message."""
        return f"{self.problem}; {self.mend}"


def within(low: object, high: object, what: str = "the range of the field") -> Advice:
    """Return the advice on a value that is not in `low` to `high`; `what` that range is."""
    return Advice(
        f"is not in {low} to {high}, {what}",
        f"{low} to {high}, {what}",
        "send a value within it",
    )
