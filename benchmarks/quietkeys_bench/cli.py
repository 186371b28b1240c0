"""`quietkeys bench`: measurements, each a JSON with a committed schema. See benchmarks/README.md."""

from __future__ import annotations

from typing import Final

import typer

from quietkeys_bench.agreement.command import agreement
from quietkeys_bench.alternatives.command import alternatives
from quietkeys_bench.autocorrect.command import autocorrect
from quietkeys_bench.circle.command import circle
from quietkeys_bench.circuits.command import circuits
from quietkeys_bench.concrete_ml.command import peer
from quietkeys_bench.frames.command import frames
from quietkeys_bench.ibus.command import ibus
from quietkeys_bench.keys.command import keys
from quietkeys_bench.latency.command import latency
from quietkeys_bench.manners.command import manners
from quietkeys_bench.nextword.command import nextword
from quietkeys_bench.personalization.command import personalization
from quietkeys_bench.quantization.command import quantization
from quietkeys_bench.round.command import round  # noqa: A004 - what the command is called
from quietkeys_bench.scale.command import scale
from quietkeys_bench.service.command import service
from quietkeys_bench.sync.command import sync

COMMANDS: Final = (
    personalization,
    circle,
    agreement,
    quantization,
    circuits,
    peer,
    autocorrect,
    manners,
    nextword,
    latency,
    keys,
    sync,
    frames,
    ibus,
    service,
    round,
    scale,
    alternatives,
)

app: Final = typer.Typer(no_args_is_help=True, help="Measure what learning gains, and what it costs.")
for _command in COMMANDS:
    app.command(_command.__name__)(_command)
