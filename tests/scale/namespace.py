"""A machine beside this one, as far as its processes can tell: with its own network and processes.

Two wires lead to it, and each of them can be cut and healed. A wire is cut as by a switch without
power: whatever is sent arrives nowhere, and nobody is told. Files are shared, but not those of Ray,
so that no socket in the file system leads round a cut.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import pytest

CLONE_NEWNET = 0x40000000
NOBODY = "02:00:00:00:00:99"
"""The address of a station that there is not."""

BEGIN = (
    "mkdir -p /tmp/ray && mount -t tmpfs tmpfs /tmp/ray && ip link set lo up"
    " && echo ready && exec sleep infinity"
)
CONNECT_TIMEOUT_S = 1.0
_LIBC = ctypes.CDLL(None, use_errno=True)


class Wire(NamedTuple):
    """A wire between this machine and the other: the addresses and the names of its ends."""

    near: str
    far: str
    near_device: str
    far_device: str


class Namespace:
    """The other machine; a context manager that ends everything on it."""

    def __init__(self) -> None:
        """Make it, or skip the test where that is not possible."""
        missing = [name for name in ("ip", "nsenter", "unshare") if shutil.which(name) is None]
        if missing or os.geteuid() != 0:
            pytest.skip(f"only root makes network namespaces, with {missing or 'their tools'}")
        begin = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._process = subprocess.Popen(
            [*begin, "sh", "-c", BEGIN],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if said != "ready\n":
            self.close()
            pytest.skip(f"no network namespace can be made here: {said}")
        try:
            self.cluster, self.database = self._wire(0), self._wire(1)
        except subprocess.CalledProcessError as error:
            self.close()
            pytest.skip(f"no wire can be laid here: {error.stderr}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and every process on it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def command(self, *words: str) -> list[str]:
        """Return the command that carries out another one there."""
        place = f"/proc/{self._process.pid}/ns"
        namespaces = [f"--net={place}/net", f"--mount={place}/mnt"]
        return ["nsenter", *namespaces, f"--pid={place}/pid_for_children", "--", *words]

    @contextmanager
    def cut(self, *wires: Wire) -> Iterator[None]:
        """Cut wires, until the block of code ends."""
        for wire in wires:
            options = ["lladdr", NOBODY, "nud", "permanent", "dev"]
            _run("ip", "neigh", "replace", wire.far, *options, wire.near_device)
            _run(*self.command("ip", "neigh", "replace", wire.near, *options, wire.far_device))
        try:
            yield
        finally:
            for wire in wires:
                _run("ip", "neigh", "del", wire.far, "dev", wire.near_device)
                _run(*self.command("ip", "neigh", "del", wire.near, "dev", wire.far_device))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have this thread open sockets there; those that it has stay where they are."""
        with (
            Path("/proc/thread-self/ns/net").open() as own,
            Path(f"/proc/{self._process.pid}/ns/net").open() as other,
        ):
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def reaches(self, address: str, port: int) -> bool:
        """Whether who is there can connect to an address."""
        with self.inside():
            return is_reached(address, port)

    def _wire(self, number: int) -> Wire:
        """Lay a wire; addresses are among those that are set aside for tests of networks."""
        pid = os.getpid()
        network = f"198.18.{pid % 256}"
        wire = Wire(
            f"{network}.{4 * number + 1}",
            f"{network}.{4 * number + 2}",
            f"near{pid % 1_000_000}-{number}",
            f"far{number}",
        )
        peer = ["peer", "name", wire.far_device, "netns", str(self._process.pid)]
        _run("ip", "link", "add", wire.near_device, "type", "veth", *peer)
        for at, address, device in (
            ([], wire.near, wire.near_device),
            (self.command(), wire.far, wire.far_device),
        ):
            _run(*at, "ip", "address", "add", f"{address}/30", "dev", device)
            _run(*at, "ip", "link", "set", device, "up")
        return wire


def is_reached(address: str, port: int) -> bool:
    """Whether an address takes a connection."""
    try:
        socket.create_connection((address, port), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "a network namespace cannot be entered")


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)
