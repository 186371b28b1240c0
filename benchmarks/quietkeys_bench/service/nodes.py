"""`quietkeys bench service --nodes 1,2,4`: the same devices at local workers, then at Ray clusters of nodes.

Every cluster is made of processes of this machine and used by a trainer of its own. A node has one processor
in name; all of them share the cores that there are, so beyond these more nodes cannot be sooner, and what is
seen is what they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.cluster import cluster
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_or_measured, write_figures
from quietkeys_bench.service.bench import Executor, Settings, measure
from quietkeys_bench.service.load import load_parameters

LOCAL: Final = 0  # nodes of a trainer with local workers
_CIRCUITS: Final = "QUIETKEYS_TRAINER_CIRCUITS"  # where a node finds what was compiled
_ROW: Final = (
    *("jobs_per_minute", "cpu_seconds", "api_p50_ms", "api_p95_ms", "saturated_s"),
    *("accepted", "refused", "lost", "duplicated", "relative_error", "load_before"),
)


def run(settings: Settings, nodes: Sequence[int], out: Path, tell: Tell) -> None:
    """Measure what no earlier run here has left; write a JSON for each number of nodes, and one of all.

    Raises DemoFailed where Ray is not installed, if a process fails or nothing was saturated.
    """
    if find_spec("ray") is None:
        raise DemoFailed("Ray is not installed.", "Install it with: pip install 'quietkeys[ray]'")
    machine = this_machine().tree()
    rows = []
    for number in (LOCAL, *nodes):
        cell = cells_folder(out) / f"nodes{number}.json"
        own = settings if number == LOCAL else replace(settings, workers=1, executor=Executor.RAY)
        identity = {"devices": own.number, "at_once": own.at_once, "workers": own.workers, "machine": machine}
        once = partial(measure, own, tell) if number == LOCAL else partial(_on_cluster, own, number, tell)
        figures = kept_or_measured(cell, "service", identity, once)
        rows.append({"nodes": number, "workers": own.workers} | {name: figures[name] for name in _ROW})
    tree = {
        "bench": "nodes",
        "mode": "execute",
        **{name: figures[name] for name in ("p_error", "look_ups", "keys_bytes", "devices", "at_once")},
        "rows": rows,
        "machine": machine,
    }
    write_figures(out, "nodes", tree)


def _on_cluster(settings: Settings, nodes: int, tell: Tell) -> Figures:
    """Return the figures of a trainer that uses a cluster of so many nodes."""
    tell(0, settings.number, f"starting {nodes} nodes")
    with TemporaryDirectory(prefix="quietkeys-bench-") as circuits:
        load_parameters(shipped_bundle(), Path(circuits))  # compiled before anything is measured
        with cluster({_CIRCUITS: circuits}) as made:
            for _ in range(nodes):
                made.add(1)
            return measure(replace(settings, address=made.address), tell, made.processes)
