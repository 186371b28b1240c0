"""Flower averages what clients send, plainly or by SecAgg+: a script of its own environment.

The request comes as JSON on standard input; the answer is JSON, the last line of standard output. Every
client is one of Flower's simulation, with one update; a round is one of Flower's. Bytes are those of the
messages as Flower serializes them, without gRPC's frames.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import numpy as np
from flwr.app import Context, Message
from flwr.client import NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.common.serde import recorddict_to_proto
from flwr.server import LegacyContext, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow
from flwr.serverapp import ServerApp
from flwr.simulation import run_simulation

CLIPPING: Final = 4.0  # of a number in an update; those of a plan stay within 1 (see `packed`)
SHARES: Final = 3  # of each client's keys: an odd number
THRESHOLD: Final = 2


class _Client(NumPyClient):  # type: ignore[misc]
    def __init__(self, update: list[float], examples: int) -> None:
        self._update = update
        self._examples = examples

    def fit(self, parameters: list[Any], config: dict[str, Any]) -> tuple[list[Any], int, dict[str, Any]]:
        """Return the update and how many examples it says that it is made of."""
        return [np.array(self._update, dtype=np.float32)], self._examples, {}


class _Average(FedAvg):  # type: ignore[misc]
    """FedAvg that keeps what the server was shown and what it made of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shown: list[int] = []
        self.result: list[float] | None = None

    def aggregate_fit(self, server_round: int, results: Any, failures: Any) -> Any:
        """See `FedAvg`."""
        self.shown = sorted(int(one.num_examples) for _, one in results)
        made, metrics = super().aggregate_fit(server_round, results, failures)
        if made is not None and not failures:
            self.result = parameters_to_ndarrays(made)[0].astype(float).tolist()
        return made, metrics


def main() -> int:
    """Answer one request and end."""
    request = json.loads(sys.stdin.read())
    with tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as folder:
        answer = _averaged(request, Path(folder))
    print(json.dumps(answer))
    return 0


def _averaged(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    updates, secure = request["updates"], bool(request["secure"])
    examples = [1] * len(updates) if secure else request["examples"]
    strategy = _Average(
        fraction_evaluate=0.0,
        min_fit_clients=len(updates),
        min_available_clients=len(updates),
        initial_parameters=ndarrays_to_parameters([np.zeros(len(updates[0]), dtype=np.float32)]),
        accept_failures=False,
    )
    spent: list[float] = []

    def client_of(context: Context) -> Any:
        place = int(context.node_config["partition-id"])
        return _Client(updates[place], examples[place]).to_client()

    server = ServerApp()

    @server.main()  # type: ignore[untyped-decorator]
    def serve(grid: Any, context: Context) -> None:
        begun = time.thread_time()
        legacy = LegacyContext(context=context, config=ServerConfig(num_rounds=1), strategy=strategy)
        fit = None
        if secure:
            fit = SecAggPlusWorkflow(SHARES, THRESHOLD, max_weight=1.0, clipping_range=CLIPPING)
        DefaultWorkflow(fit_workflow=fit)(grid, legacy)
        spent.append(time.thread_time() - begun)

    mods = [_watched(folder), secaggplus_mod] if secure else [_watched(folder)]
    run_simulation(
        server,
        ClientApp(client_fn=client_of, mods=mods),
        num_supernodes=len(updates),
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": 1, "include_dashboard": False},
        },
    )
    notes = [json.loads(line) for path in folder.iterdir() for line in path.read_text().splitlines()]
    return {
        "mean": strategy.result,  # None: the round did not finish
        "shown_examples": strategy.shown,
        "server_seconds": sum(spent),
        "clients": [
            _sums([note for note in notes if note["client"] == place]) for place in range(len(updates))
        ],
    }


def _watched(folder: Path) -> Callable[[Message, Context, Any], Message]:
    # A mod that notes each message's bytes, and the processor time of answering it.
    def mod(message: Message, context: Context, call_next: Any) -> Message:
        down = recorddict_to_proto(message.content).ByteSize()
        begun = time.process_time()
        reply: Message = call_next(message, context)
        note = {
            "client": int(context.node_config["partition-id"]),
            "down": down,
            "up": recorddict_to_proto(reply.content).ByteSize(),
            "seconds": time.process_time() - begun,
        }
        with (folder / f"{os.getpid()}.jsonl").open("a") as stream:
            stream.write(json.dumps(note) + "\n")
        return reply

    return mod


def _sums(notes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "upload_bytes": sum(note["up"] for note in notes),
        "download_bytes": sum(note["down"] for note in notes),
        "seconds": sum(note["seconds"] for note in notes),
        "round_trips": len(notes),
    }


if __name__ == "__main__":
    sys.exit(main())
