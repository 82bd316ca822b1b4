"""How the interpreter is set for a server: who runs next, and when garbage is looked for.

Threads take turns at the interpreter. The event loop asks for its turn with every round, behind
threads that decode records or apply them, and each may keep it for the switch interval before it
must let go; so that interval, times the threads at work, is what a small question waits.

Everything that is made before the first request (modules, compiled kernels, schemas) lives as long
as the process: set aside, the collector does not walk over it again and again.
"""

import gc
import sys

SWITCH_INTERVAL_S = 0.0005
"""Seconds that a thread keeps the interpreter while others want it; Python's own choice is 5 ms."""

YOUNG_OBJECTS_MAX = 20_000
"""Objects made before the young are looked through: Python's 700 are one body of records."""


def settle() -> None:
    """Set the interpreter for serving; to be called once all is loaded."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX, 10, 20)


def unsettle() -> None:
    """Let the collector see everything again; to be called when nothing is served any more.

    What a library leaves for the interpreter's end would else be reported as leaked by it.
    """
    gc.unfreeze()
    gc.collect()
