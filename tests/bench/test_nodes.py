"""`quietkeys bench service --nodes`: a real cluster of one node, beside local workers of an earlier run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import cells_folder, read_figures, write_figures
from quietkeys_bench.service.bench import Settings
from quietkeys_bench.service.command import show_nodes
from quietkeys_bench.service.nodes import LOCAL, run
from tests.bench.keyboards import ignore

pytest.importorskip("ray")
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.mark.fhe
def test_a_cluster_does_what_local_workers_do(tmp_path: Path) -> None:
    """Nothing is lost or doubled, its processes' time counts; what an earlier run left is taken as it is."""
    out, settings = tmp_path / "nodes.json", Settings(devices=6, at_once=6, workers=1, key_sets=1)
    local = json.loads((RESULTS / "service.json").read_text())
    given = {"devices": 6, "at_once": 6, "workers": 1, "cpu_seconds": 1.25, "machine": this_machine().tree()}
    write_figures(cells_folder(out) / f"nodes{LOCAL}.json", "service", local | given)
    run(settings, (1,), out, ignore)
    figures = read_figures(out, "nodes")
    before, cluster = figures["rows"]
    assert (before["nodes"], before["cpu_seconds"], cluster["nodes"]) == (LOCAL, 1.25, 1)
    assert (cluster["accepted"], cluster["refused"], cluster["lost"], cluster["duplicated"]) == (6, 0, 0, 0)
    assert cluster["cpu_seconds"] > 0.1
    assert cluster["relative_error"] < 0.8
    console = Console(record=True, width=200)
    show_nodes(console, figures)
    assert "Ray, 1 nodes" in console.export_text()
