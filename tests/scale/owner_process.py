"""An owner without a cluster: a process that answers the calls on its input, one after another.

It reads pickles: its name with its settings, then a method's name with its arguments, again and
again; it writes the pickled answer to each, in order. Calls wait in the pipe while it is stopped.
"""

import pickle
import sys

from bitbrook.compute.owner import Owner


def main() -> None:
    """Answer until the input ends."""
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    owner = Owner(*pickle.load(calls))
    while True:
        try:
            method, arguments = pickle.load(calls)
        except EOFError:
            break
        pickle.dump(getattr(owner, method)(*arguments), answers)
        answers.flush()
    owner.close()


if __name__ == "__main__":
    main()
