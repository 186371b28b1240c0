"""Compiles a plan with Concrete: the same program as the reference, traced instead of computed.

Only the engine's children import this module, because Concrete is large and native. What is compiled for
one number of sources is one module with a function per block, which share one key set; the sums over
sources are the first lines of each function. (Adding in a function of its own and composing it with the
training was tried: Concrete wants a bootstrap between composed functions, and there is none in a sum.)
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from concrete import fhe

from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.program import train
from quietkeys_protocol.specification import circuit_name

DELIVERED_BITS: Final = 5  # of a weight's width, that the compiler must keep free of noise


@dataclass(frozen=True, slots=True)
class Encrypted:
    """Look-ups as programmable bootstraps on approximately rounded ciphertexts.

    A result is declared with its top `delivered` bits only. Its low bits are there, with the noise of the
    computation on them (a fraction of a unit of u), but an error budget of 2^-40 for the last bit of a
    weight would make every bootstrap a third slower and the keys half as large again, for nothing: a
    look-up reads steps of hundreds of units. The device, which decrypts by itself, reads all bits.
    """

    delivered: int

    def look_up(self, values: Any, drop: int, table: tuple[int, ...]) -> Any:
        """Return `table[value >> drop]` where noise does not carry the value over an edge."""
        bits = (len(table) - 1).bit_length()
        hinted = fhe.hint(values, bit_width=bits + drop)
        if drop == 0:
            return fhe.LookupTable(list(table))[hinted]
        entries = np.array(table)
        # Rounding is to the nearest step; half a step less makes it rounding down. Below half a step the
        # value wraps, and the look-up's own half step brings it back: the field is used to its edges.
        rounded = fhe.round_bit_pattern(
            hinted - (1 << (drop - 1)),
            lsbs_to_remove=drop,
            overflow_protection=False,
            exactness=fhe.Exactness.APPROXIMATE,
        )
        return fhe.univariate(lambda value: entries[np.clip(value >> drop, 0, len(table) - 1)])(rounded)

    def deliver(self, weights: Any, bits: int) -> Any:
        """Return the weights, declared with `delivered` bits."""
        hinted = fhe.hint(weights, bit_width=bits)
        if bits <= self.delivered:
            return hinted
        return fhe.round_bit_pattern(
            hinted,
            lsbs_to_remove=bits - self.delivered,
            overflow_protection=False,
            exactness=fhe.Exactness.APPROXIMATE,
        )


class BareOutputs(fhe.GraphProcessor):  # type: ignore[misc] # Concrete is untyped
    """Removes the look-up that Concrete adds to make a rounded output fit its measured range again."""

    def apply(self, graph: Any) -> None:
        """Make the rounding itself the output."""
        for position, node in list(graph.output_nodes.items()):
            before = graph.ordered_preds_of(node)
            if node.properties.get("name") == "reinterpret" and len(before) == 1:
                graph.output_nodes[position] = before[0]
                graph.graph.remove_node(node)


def compile_plan(plan: Plan, sources: int, *, simulate: bool = False) -> Any:
    """Compile a plan for a number of sources; return Concrete's `FheModule`.

    A simulated one cannot encrypt; it returns results with all their bits.
    """
    functions: dict[str, Any] = {}
    samples: dict[str, list[tuple[Int64, ...]]] = {}
    for block in plan.blocks:
        traced = _function(block, sources, Encrypted(64 if simulate else DELIVERED_BITS))
        encrypted = dict.fromkeys(inspect.signature(traced).parameters, "encrypted")
        functions[traced.__name__] = fhe.function(encrypted)(traced)
        samples[traced.__name__] = _samples(block, sources)
    body = functions | {"composition": fhe.NotComposable()}
    module = fhe.module()(type("Plan", (), body))
    return module.compile(
        samples,
        configuration=fhe.Configuration(
            p_error=plan.p_error,
            compress_evaluation_keys=True,
            compress_input_ciphertexts=True,
            dump_artifacts_on_unexpected_failures=False,
            fhe_execution=not simulate,
            fhe_simulation=simulate,
            additional_post_processors=[BareOutputs()],
            approximate_rounding_config=fhe.ApproximateRoundingConfig(symetrize_deltas=False),
        ),
    )


def _function(block: Block, sources: int, how: Encrypted) -> Callable[..., Any]:
    """Return a function of s0, g0, s1, g1, ... that adds the sources and trains."""
    names = [f"{quantity}{source}" for source in range(sources) for quantity in "sg"]

    def run(**arrays: Any) -> Any:
        strength, gradient = (
            sum((arrays[f"{quantity}{source}"] for source in range(1, sources)), arrays[f"{quantity}0"])
            for quantity in "sg"
        )
        return train(block, strength, gradient, how)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    run.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    run.__name__ = circuit_name(block)
    return run


def _samples(block: Block, sources: int) -> list[tuple[Int64, ...]]:
    """Return inputs from which Concrete learns what is signed.

    A range measured on extreme inputs would count intermediate sums that wrap and come back, and be a bit
    wider. Every source's numbers change their sign, and their sums are those of one source, so that nothing
    behind the sums, declared results included, depends on how many there are.
    """
    events, width = len(block.events), block.width
    up = np.arange(width, dtype=np.int64) % 2 * 2 - 1
    shares = [
        2 - sources % 2,
        *(1 - source % 2 * 2 for source in range(1, sources)),
    ]  # 1, 2-1, 1-1+1, 2-1+1-1
    samples = []
    for strength, sign in ((block.strength_max, 1), (block.strength_max // 2, -1)):
        arrays: list[Int64] = []
        for source, share in enumerate(shares):
            level = strength if source == 0 else 0
            arrays += [np.full(events, level, dtype=np.int64), share * sign * up]
        samples.append(tuple(arrays))
    return samples


def save_module(module: Any, folder: Path) -> None:
    """Write the compiled library and its description into a folder that does not exist yet.

    The compiler writes to the folder for temporary files, which may be another file system's.
    """
    shutil.move(module.server._library.get_output_dir_path(), folder)
