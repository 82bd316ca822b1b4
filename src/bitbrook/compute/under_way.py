"""The questions that are being answered in a process, so that whoever asked can end them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bitbrook.algebra.budget import Budget


class UnderWay:
    """Budgets by the name of the statement that they are for."""

    def __init__(self) -> None:
        self._budgets: dict[str, list[Budget]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def cancellable(self, statement: str, budget: Budget) -> Iterator[Budget]:
        """Give the budget, which `cancel` ends until the block does."""
        with self._lock:
            self._budgets.setdefault(statement, []).append(budget)
        try:
            yield budget
        finally:
            with self._lock:
                self._budgets[statement].remove(budget)
                if not self._budgets[statement]:
                    del self._budgets[statement]

    def cancel(self, statement: str) -> None:
        """End what is being asked under this name."""
        with self._lock:
            for budget in self._budgets.get(statement, []):
                budget.cancelled.set()
