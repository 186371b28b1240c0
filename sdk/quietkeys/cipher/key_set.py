"""A device's secret keys in memory: what is made with them, and the tests of what was made.

Noise that is missing, too small or used twice gives a secret key away, and nobody else would ever see that.
So new keys are decrypted again, by other code than made them, before they may be used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NoReturn

import numpy as np

from quietkeys.arrays import Int64, UInt64
from quietkeys.cipher.frames import framed, value_bytes, word_bytes
from quietkeys.cipher.interface import Parameters, check_update_frames
from quietkeys.cipher.randomness import Stream, fresh
from quietkeys.cipher.scheme import (
    SEED_BYTES,
    Ring,
    bootstrap_bodies,
    deviation,
    encrypt,
    keyswitch_bodies,
    mask_words,
    messages,
    phases,
    rounded,
    row_phase,
    units,
    whole,
)
from quietkeys.cipher.secret_keys import Secrets, letter, looks_random
from quietkeys_protocol.cut_values import words_of
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.specification import BootstrapKey, KeyswitchKey, Value

KEY_TOLERANCE: Final = (
    0.03  # of the deviation of a key's noise; BOOTSTRAP_SAMPLES stay within it but for 10^-10
)
BOOTSTRAP_SAMPLES: Final = 24_000  # coefficients, at least
KEYSWITCH_TRIES: Final = 3  # 10,240 rows, all there are, leave the tolerance once in 50,000 keys by chance
INPUT_SAMPLES: Final = 256  # encryptions in a test of encrypting
INPUT_TOLERANCE: Final = 0.3  # so many stay within it but for 10^-10
_MEAN_LIMIT: Final = 7.0  # standard errors


class KeySet:
    """The secret keys of a device for its parameters. Cannot be printed or pickled."""

    __slots__ = ("_parameters", "_secrets")

    def __init__(self, parameters: Parameters, secrets: Secrets) -> None:
        """Take secret keys and test encrypting with them.

        Raises `Refused` (WORKER_UNSUITABLE) where its noise is not what the parameters say.
        """
        self._parameters = parameters
        self._secrets = secrets
        self._test_encrypting()

    @classmethod
    def generate(cls, parameters: Parameters) -> KeySet:
        """Return new secret keys. Raises `Refused` (WORKER_UNSUITABLE) without randomness."""
        stream = Stream()
        secrets = {key.key_id: stream.bits(key.dimension) for key in parameters.specification.secret_keys}
        if not all(map(looks_random, secrets.values())):
            raise _unsuitable("secret keys")
        return cls(parameters, secrets)

    def __repr__(self) -> str:
        return "KeySet(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key set is not pickled")

    @property
    def secrets(self) -> Secrets:
        """The secret keys, for the key file, and for whoever measures noise under keys of its own."""
        return self._secrets

    def letter(self, fingerprint: bytes) -> bytes:
        """Return the secret keys for another device of the same person."""
        return letter(self._parameters.specification, fingerprint, self._secrets)

    def new_evaluation_keys(self) -> Iterator[bytes]:
        """Yield new evaluation keys in pieces, filled and rounded, ready to be cut; other ones every time.

        Raises `Refused` (WORKER_UNSUITABLE) at the end where they are not what they should be: then nothing
        of them may be used.
        """
        specification = self._parameters.specification
        ((bootstrap,), (keyswitch,)) = specification.bootstrap_keys, specification.keyswitch_keys
        parts = self._bootstrap(bootstrap), self._keyswitch(keyswitch)
        yield from framed(self._parameters.frames.key_form.filled, parts)

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """Return the values of a report; see `Cipher.encrypt`."""
        self._parameters.check_arrays(arrays)
        inputs = [value for circuit in self._parameters.circuits for value in circuit.inputs]
        return [
            value_bytes(frame, self._encrypted(value, array.astype(np.int64)))
            for frame, value, array in zip(self._parameters.frames.report, inputs, arrays, strict=True)
        ]

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """Return the weights of an update; see `Cipher.decrypt`."""
        parameters = self._parameters
        check_update_frames(parameters.frames.update, values)
        outputs = [circuit.outputs[0] for circuit in parameters.circuits]
        return [
            messages(words_of(value), self._secrets[output.key_id], bits)
            for value, output, bits in zip(values, outputs, parameters.update_bits, strict=True)
        ]

    def _encrypted(self, value: Value, numbers: Int64) -> UInt64:
        seeds = fresh(SEED_BYTES * value.size)
        if len({seeds[at : at + SEED_BYTES] for at in range(0, len(seeds), SEED_BYTES)}) != value.size:
            raise _unsuitable("seeds of masks")
        return encrypt(value, numbers, seeds, self._secrets[value.key_id], Stream())

    def _bootstrap(self, key: BootstrapKey) -> Iterator[bytes]:
        """Yield a seed and the bodies, rounded; then decrypt rows at random, as they were before that."""
        source, ring = self._secrets[key.input_id], Ring(self._secrets[key.output_id], key.glwe_dimension)
        seed, begin = fresh(SEED_BYTES), 0
        chosen, samples = _chosen(key), list[Int64]()
        yield seed
        for bodies in bootstrap_bodies(key, seed, source, ring, Stream()):
            yield word_bytes(self._rounded(bodies))
            for row in chosen[(chosen >= begin) & (chosen < begin + len(bodies))].tolist():
                message = _row_message(key, source, ring.secret, row)
                samples.append((row_phase(ring, seed, row, bodies[row - begin]) - message).view(np.int64))
            begin += len(bodies)
        if not has_noise(np.concatenate(samples), key.variance, KEY_TOLERANCE):
            raise _unsuitable("noise of a bootstrap key")

    def _keyswitch(self, key: KeyswitchKey) -> Iterator[bytes]:
        """Yield a seed and the bodies, rounded, once all of them were decrypted as they were before that."""
        source, target = self._secrets[key.input_id], self._secrets[key.output_id]
        for _ in range(KEYSWITCH_TRIES):
            seed = fresh(SEED_BYTES)
            bodies = np.concatenate(list(keyswitch_bodies(key, seed, source, target, Stream())))
            if has_noise(_keyswitch_noise(key, seed, bodies, source, target), key.variance, KEY_TOLERANCE):
                yield seed
                yield word_bytes(self._rounded(bodies))
                return
        raise _unsuitable("noise of a key switching key")

    def _rounded(self, bodies: UInt64) -> UInt64:
        return rounded(bodies, self._parameters.frames.key_form.cut_bits)

    def _test_encrypting(self) -> None:
        """Encrypt and decrypt what the first input may be, and look at the noise."""
        value = replace(self._parameters.circuits[0].inputs[0], shape=(INPUT_SAMPLES,))
        secret = self._secrets[value.key_id]
        numbers = np.arange(INPUT_SAMPLES, dtype=np.int64) % 2
        words = whole(self._encrypted(value, numbers), value.dimension)
        noise = phases(words, secret) - (numbers << (63 - value.width))
        wrong = not np.array_equal(messages(words, secret, value.width), numbers)
        if wrong or not has_noise(noise, value.variance, INPUT_TOLERANCE):
            raise _unsuitable("noise of a report")


def has_noise(noise: Int64, variance: float, tolerance: float) -> bool:
    """Return whether noise has the deviation that a variance says and a mean of zero, and does not repeat.

    tolerance: of the deviation, relative.
    """
    expected = deviation(variance)
    real = noise.astype(np.float64)
    spread = float(np.sqrt(np.mean(real**2)))
    centred = abs(float(real.mean())) <= _MEAN_LIMIT * expected / len(noise) ** 0.5
    return abs(spread / expected - 1.0) <= tolerance and centred and _is_varied(noise, expected)


def _is_varied(noise: Int64, expected: float) -> bool:
    """Return whether values are equal no more often than by chance, and neighbours are not alike."""
    pairs = len(noise) ** 2 / (4.0 * np.pi**0.5 * max(expected, 1.0))  # equal by chance, on average
    repeated = len(noise) - len(np.unique(noise))
    real = noise.astype(np.float64) / expected
    correlation = abs(float(real[1:] @ real[:-1])) / len(noise) ** 0.5
    most: float = pairs + 10.0 * float(pairs**0.5) + 10.0
    return repeated <= most and correlation <= _MEAN_LIMIT


def _chosen(key: BootstrapKey) -> Int64:
    """Return which rows of a bootstrap key are decrypted, drawn at random."""
    rows = key.input_dimension * key.levels * (key.glwe_dimension + 1)
    count = min(rows, -(-BOOTSTRAP_SAMPLES // key.polynomial_size))
    drawn = np.frombuffer(Stream().take(8 * count), "<u8") % np.uint64(rows)
    return np.unique(drawn.astype(np.int64))


def _row_message(key: BootstrapKey, source: UInt64, polynomials: UInt64, row: int) -> UInt64:
    """Return what a row of a bootstrap key encrypts, [N]."""
    k, size = polynomials.shape
    bit, rest = divmod(row, key.levels * (k + 1))
    level, r = divmod(rest, k + 1)
    unit = source[bit] * units(key.levels, key.base_log)[level]
    if r < k:
        minus: UInt64 = np.uint64(0) - polynomials[r] * unit
        return minus
    message = np.zeros(size, np.uint64)
    message[0] = unit
    return message


def _keyswitch_noise(key: KeyswitchKey, seed: bytes, bodies: UInt64, source: UInt64, target: UInt64) -> Int64:
    """Return the noise of every row of a key switching key, [rows]."""
    noise: list[Int64] = []
    for bit in range(len(source)):
        at, n = bit * key.levels, len(target)
        masks = mask_words(seed, at * n, key.levels * n).reshape(-1, n)
        words = np.column_stack([masks, bodies[at : at + key.levels]])
        message = source[bit] * units(key.levels, key.base_log)
        noise.append(phases(words, target) - message.view(np.int64))
    return np.concatenate(noise)


def _unsuitable(what: str) -> Refused:
    return Refused(ErrorCode.WORKER_UNSUITABLE, f"self-test: {what}")
