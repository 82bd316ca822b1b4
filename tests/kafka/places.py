"""Where a test of consumers sends messages, and `bitbrook kafka` in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from api_client import create_deployment, create_source, create_table, unique_name
from kafka.brokers import Broker
from server_process import EMAIL, PASSWORD


class Place:
    """A table and a source of a test's own, and a topic for it."""

    def __init__(self, api: httpx.Client, broker: Broker, partitions: int = 3) -> None:
        self.api = api
        self.deployment_id = create_deployment(api)
        self.table = create_table(api, self.deployment_id)
        self.source_id = create_source(api, self.deployment_id, self.table)
        self.topic = unique_name("topic").replace("_", "-") + f"-{os.getpid()}"
        broker.make_topic(self.topic, partitions)

    def metrics(self) -> tuple[int, int, int]:
        """How many records, requests and errors the source has counted."""
        minutes = self.api.get(f"/v1/sinks/{self.source_id}/metrics").json()["metrics"]
        records, requests, errors = (
            sum(each[name] for each in minutes) for name in ("records", "requests", "errors")
        )
        return records, requests, errors


class Consumer:
    """`bitbrook kafka` in a process of its own."""

    def __init__(self, url: str, *flags: str, log: Path) -> None:
        environment = {
            **{name: text for name, text in os.environ.items() if "BITBROOK" not in name},
            "BITBROOK_URL": url,
            "BITBROOK_EMAIL": EMAIL,
            "BITBROOK_PASSWORD": PASSWORD,
        }
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bitbrook.cli.main", "kafka", *flags],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._close()

    def stop(self) -> str:
        """Ask it to end; return what it says."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self, code: int = 0) -> str:
        """Wait for its end; return what it says."""
        try:
            said, _ = self.process.communicate(timeout=120)
        finally:
            self.process.kill()
        assert self.process.returncode == code, (said, self.log.read_text())
        return said

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()
