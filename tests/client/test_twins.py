"""The SDK's modules for threads are what is made of those for asyncio, to the last character.

Makes each again and compares; a change of one kind alone fails here and says what to do.
"""

import pytest

from client.twins import NAMES, PACKAGE, threaded


@pytest.mark.parametrize("name", NAMES)
def test_modules_for_threads_are_made(name: str) -> None:
    there = (PACKAGE / f"_{name}.py").read_text()
    assert there == threaded(name), f"change _async_{name}.py and run `make twins`"


def test_every_module_for_asyncio_has_one() -> None:
    """But for the writers, which wait in different ways."""
    found = {path.stem.removeprefix("_async_") for path in PACKAGE.glob("_async_*.py")}
    assert found == {*NAMES, "writer"}
