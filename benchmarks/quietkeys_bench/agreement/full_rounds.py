"""Encrypted rounds whose results keep all their bits, read as phases with the device's secret key.

What a device is sent of a result is cut to 16 bits a word, which adds more noise than training does. So the
trainer's engine is asked directly here, and its results are cut afterwards: both are seen of the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from quietkeys.arrays import Float64
from quietkeys.cipher.frames import value_words
from quietkeys.cipher.interface import Parameters
from quietkeys.cipher.key_set import KeySet
from quietkeys.cipher.scheme import phases
from quietkeys.updates.report import Encoded
from quietkeys_protocol.cut_values import cut, words_of
from quietkeys_trainer.engine.local import CompiledEngine

TOP: Final = 63  # a message of b bits is encrypted in units of 2^(63 - b)


@dataclass(frozen=True, slots=True, repr=False)
class Phases:
    """A block's result in units of a weight, as real numbers [d]: whole, and as it is sent. Private."""

    whole: Float64
    sent: Float64


@dataclass(frozen=True, slots=True, repr=False)
class FullRounds:
    """Trains reports of one device under one key set, in a child of the trainer's engine.

    trained: returns the results of an encrypted report, not cut for sending.
    """

    parameters: Parameters
    keys: KeySet
    trained: Callable[[Sequence[bytes]], Sequence[bytes]]

    def train(self, report: Mapping[str, Encoded]) -> dict[str, Phases]:
        """Return the phases of every block's result. Raises `EngineFailed`."""
        parameters = self.parameters
        blocks, frames = parameters.plan.blocks, parameters.frames
        arrays = [array for b in blocks for array in (report[b.name].strength, report[b.name].gradient)]
        results = self.trained(self.keys.encrypt(arrays))
        found = {}
        for block, circuit, frame, bits, value in zip(
            blocks, parameters.circuits, frames.results, parameters.update_bits, results, strict=True
        ):
            secret, unit = self.keys.secrets[circuit.outputs[0].key_id], 2.0 ** (TOP - bits)
            words = value_words(frame, value), words_of(cut(frame, value))
            whole, sent = (phases(one, secret) / unit for one in words)
            found[block.name] = Phases(whole, sent)
        return found


@contextmanager
def full_rounds(engine: CompiledEngine) -> Iterator[FullRounds]:
    """Yield what trains reports of an engine's plan under new keys, which are never written to a disk."""
    parameters = Parameters.of(engine.plan, engine.specification.canonical)
    keys = KeySet.generate(parameters)
    sent = b"".join(parameters.frames.key_form.cut(keys.new_evaluation_keys()))
    with engine.keyed(sent, 1) as keyed:
        yield FullRounds(parameters, keys, lambda report: keyed.measure_whole([report]).ciphertexts)
