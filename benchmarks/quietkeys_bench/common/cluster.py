"""A Ray cluster of processes on this machine, started as its users start one.

The head has no processors for tasks: it is the node that a trainer is on. Every other node has as many
as it is given, in name: more nodes than this machine has cores share these.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.processes import family, lives

WITHIN_S: Final = 900.0  # what has not come by then never will
LOOK_S: Final = 0.2
STORE_BYTES: Final = 200_000_000
PORTS: Final = (  # free ones, as there are several nodes on a machine
    *("--node-ip-address", "127.0.0.1", "--dashboard-agent-listen-port", "0"),
    *("--min-worker-port", "0", "--max-worker-port", "0"),
)
PATIENT: Final = {  # Ray takes what is slow for dead, and yields to all others, unless told not to
    "RAY_agent_register_timeout_ms": "900000",
    "RAY_health_check_timeout_ms": "900000",
    "RAY_worker_niceness": "0",
    "RAY_worker_register_timeout_seconds": "900",
}
RAY: Final = Path(sys.executable).with_name("ray")


@dataclass(slots=True)
class Node:
    """One `ray start --block` and all that it has started."""

    process: subprocess.Popen[bytes]

    def processes(self) -> list[int]:
        """Return itself and its descendants."""
        return family(self.process.pid)

    def kill(self) -> None:
        """End all of it at once, as a power cut would."""
        everything = self.processes()
        for pid in everything:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        deadline = time.monotonic() + WITHIN_S
        while any(map(lives, everything)) and time.monotonic() < deadline:
            time.sleep(LOOK_S)


@dataclass(slots=True)
class Cluster:
    """A head and its nodes. environment: what all of them have besides ours."""

    folder: Path
    address: str
    environment: dict[str, str]
    nodes: list[Node] = field(default_factory=list)

    def add(self, processors: int, *arguments: str) -> Node:
        """Start a node of so many processors; return it once the cluster knows it. Raises DemoFailed."""
        before = self._joined()
        where = arguments or ("--address", self.address)
        limits = ["--num-cpus", processors, "--object-store-memory", STORE_BYTES, *PORTS]
        log = self.folder / f"log-{len(list(self.folder.glob('log-*')))}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(RAY), "start", "--block", "--disable-usage-stats", *where, *map(str, limits)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | self.environment,
            )
        node = Node(process)
        self.nodes.append(node)
        deadline = time.monotonic() + WITHIN_S
        while self._joined() <= before:
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed("A node of Ray did not start.", f"It said: {log.read_text()[-300:].strip()}")
            time.sleep(LOOK_S)
        return node

    def processes(self) -> list[int]:
        """Return the processes of all nodes."""
        return [pid for node in self.nodes for pid in node.processes()]

    def _joined(self) -> int:
        """Return how many nodes say in their log that they run."""
        return sum("Ray runtime started" in log.read_text() for log in self.folder.glob("log-*"))


@contextmanager
def cluster(environment: dict[str, str]) -> Iterator[Cluster]:
    """Start a cluster without processors yet; its nodes have this environment besides ours."""
    folder = Path(tempfile.mkdtemp(prefix="qk-ray-", dir="/tmp"))  # a short path: it holds sockets
    port = free_port()
    made = Cluster(folder, f"127.0.0.1:{port}", {"RAY_USAGE_STATS_ENABLED": "0", **PATIENT, **environment})
    try:
        made.add(
            0,
            "--head",
            "--include-dashboard",
            "false",
            "--port",
            str(port),
            "--temp-dir",
            str(folder / "ray"),
        )
        yield made
    finally:
        for node in reversed(made.nodes):
            if node.process.poll() is None:
                node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
