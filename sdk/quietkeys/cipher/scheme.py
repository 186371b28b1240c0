"""The mathematics: TFHE's keys, encryption and decryption over Z / 2^64, laid out as in Concrete 2.10.

An LWE ciphertext of a message m under a binary key s is a mask a of n words and a body

    b = <a, s> + m + noise                                               mod 2^64

and a GLWE ciphertext the same over polynomials modulo X^N + 1: k masks A_r, keys S_r, and a body
B = sum_r A_r S_r + M + noise. (Chillotti, Gama, Georgieva, Izabachene: "TFHE", J. Cryptology 33, 2020; seeded
masks as in concrete-csprng.) A seeded ciphertext has 16 bytes in place of its masks; whoever reads it expands
them with `mask_words`. Everything here is exact arithmetic on uint64, which wraps, as it should.

Whatever takes a secret takes a `Stream` for its noise as well. Nothing here knows files or formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from quietkeys.arrays import Float64, Int64, UInt64
from quietkeys.cipher.randomness import Stream
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.specification import BootstrapKey, KeyswitchKey, Value

WORD_BITS: Final = 64
SEED_BYTES: Final = 16
MAX_ROUNDING: Final = 1 / 16  # of a product's coefficient to the next integer; 1.2e-4 was the worst seen
_BLOCK: Final = 16  # bytes of an AES block
_WORD: Final = 8
_SKIPPED: Final = 1  # the first byte of a mask's stream is never used
_CHUNK_WORDS: Final = 1 << 15  # of masks at a time: 256 KB, and a dozen arrays as large on the way


def deviation(variance: float) -> float:
    """Return the standard deviation of noise in units of 2^-64, for a variance on a torus of length 1."""
    return float(variance**0.5 * 2.0**WORD_BITS)


def mask_words(seed: bytes, start: int, count: int) -> UInt64:
    """Return the words `start` to `start + count` of the masks that a seed of 16 bytes stands for, [count].

    AES-128 under the seed, of a block counter from 0, little-endian, in 128 bits (so it is not the CTR mode
    of a library, which counts big-endian). Byte 0 is skipped; words are little-endian and straddle blocks.
    """
    counters, offset = _counters(start, count)
    return np.frombuffer(_keystream(seed, counters), "<u8", count, offset).astype(np.uint64)


def _counters(start: int, count: int) -> tuple[bytes, int]:
    # The blocks that hold these words of a mask, not yet encrypted, and at which byte the first word begins.
    first, offset = divmod(_SKIPPED + _WORD * start, _BLOCK)
    blocks = -(-(offset + _WORD * count) // _BLOCK)
    counters = np.zeros((blocks, 2), "<u8")
    counters[:, 0] = np.arange(first, first + blocks)
    return counters.tobytes(), offset


def _keystream(seed: bytes, counters: bytes) -> bytes:
    return Cipher(algorithms.AES(seed), modes.ECB()).encryptor().update(counters)  # noqa: S305


class Ring:
    """Products with the k binary polynomials of a secret key, modulo X^N + 1 and 2^64, exact."""

    def __init__(self, secret: UInt64, dimension: int) -> None:
        """secret: [k N] bits, of k = `dimension` polynomials."""
        self.secret = secret.reshape(dimension, -1)  # [k, N]
        size = self.secret.shape[1]
        self._twist = np.exp(1j * np.pi * np.arange(size) / size)  # [N]; turns X^N = -1 into X^N = 1
        self._transform = np.fft.fft(self.secret * self._twist)  # [k, N]

    def __repr__(self) -> str:
        return "Ring(...)"

    def product(self, masks: UInt64) -> UInt64:
        """Return sum_r masks_r S_r, [rows, N], for masks [rows, k, N].

        The signed 32-bit halves of a mask are real and imaginary part of one transform, which keeps them
        apart because S is real. Raises `Refused` (WORKER_UNSUITABLE) where a coefficient came out too far
        from an integer to be sure of it.
        """
        halves = np.empty(masks.shape, np.complex128)
        halves.real = masks.astype(np.uint32).view(np.int32)
        halves.imag = ((masks + np.uint64(1 << 31)) >> np.uint64(32)).astype(np.uint32).view(np.int32)
        halves *= self._twist
        transformed = (np.fft.fft(halves) * self._transform).sum(axis=1)  # [rows, N]
        product = np.fft.ifft(transformed) * self._twist.conj()
        low, high = np.rint(product.real), np.rint(product.imag)
        error = max(np.abs(product.real - low).max(), np.abs(product.imag - high).max())
        if not error <= MAX_ROUNDING:
            raise Refused(ErrorCode.WORKER_UNSUITABLE, "rounding of a product")
        words: UInt64 = _unsigned(low) + (_unsigned(high) << np.uint64(32))
        return words


def bootstrap_bodies(
    key: BootstrapKey, seed: bytes, source: UInt64, ring: Ring, noise: Stream
) -> Iterator[UInt64]:
    """Yield the bodies of a bootstrap key in pieces of whole input bits, [rows, N].

    Rows in order: bit s_i of `source` -> level l, the finest first -> r = 0..k. With the unit
    q = 2^(64 - B l), row r < k encrypts -s_i S_r q, and row k encrypts s_i q at X^0.
    """
    k, size = ring.secret.shape
    rows = key.levels * (k + 1)  # of one input bit
    steps = units(key.levels, key.base_log)
    together = max(1, _CHUNK_WORDS // (rows * k * size))  # bits
    for start in range(0, len(source), together):
        bits = source[start : start + together]
        words = rows * k * size
        masks = mask_words(seed, start * words, len(bits) * words).reshape(-1, k, size)
        bodies = ring.product(masks)  # [bits rows, N]
        messages = bits[:, None] * steps  # [bits, levels]
        apart = bodies.reshape(len(bits), key.levels, k + 1, size)
        apart[:, :, :k] -= messages[:, :, None, None] * ring.secret
        apart[:, :, k, 0] += messages
        bodies += _unsigned(noise.noise(bodies.size, deviation(key.variance))).reshape(bodies.shape)
        yield bodies


def keyswitch_bodies(
    key: KeyswitchKey, seed: bytes, source: UInt64, target: UInt64, noise: Stream
) -> Iterator[UInt64]:
    """Yield the bodies of a key switching key in pieces of whole input bits, [rows].

    Rows in order: bit s_i of `source` -> level l, the finest first. A row encrypts s_i 2^(64 - B l) under
    `target`.
    """
    steps = units(key.levels, key.base_log)
    together = max(1, _CHUNK_WORDS // (key.levels * len(target)))  # bits
    for start in range(0, len(source), together):
        bits = source[start : start + together]
        words = key.levels * len(target)
        masks = mask_words(seed, start * words, len(bits) * words).reshape(-1, len(target))
        bodies: UInt64 = masks @ target + (bits[:, None] * steps).ravel()
        yield bodies + _unsigned(noise.noise(bodies.size, deviation(key.variance)))


def encrypt(value: Value, numbers: Int64, seeds: bytes, secret: UInt64, noise: Stream) -> UInt64:
    """Return the seeded ciphertexts of an input, [size, 3] words: a seed of its own each, and a body.

    seeds: 16 bytes for every number. Raises `Refused` (VALUE_OUT_OF_RANGE) for a number that its width does
    not hold: it would wrap into another.
    """
    half = 1 << (value.width - 1)
    low, high = (-half, half - 1) if value.signed else (0, 2 * half - 1)
    if numbers.shape != (value.size,) or numbers.min() < low or numbers.max() > high:
        raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "a number of another width")
    seed_words = np.frombuffer(seeds, "<u8").reshape(value.size, 2)
    bodies = masks_of(seed_words, value.dimension) @ secret
    bodies += _unsigned(numbers) << np.uint64(_shift(value.width))  # two's complement
    bodies += _unsigned(noise.noise(value.size, deviation(value.variance)))
    return np.column_stack([seed_words, bodies])


def rounded(words: UInt64, bits: int) -> UInt64:
    """Return the multiples of 2^bits nearest to these words, of their shape; what is rounded is public."""
    half, kept = np.uint64((1 << bits) >> 1), ~np.uint64((1 << bits) - 1)
    nearest: UInt64 = (words + half) & kept
    return nearest


def phases(words: UInt64, secret: UInt64) -> Int64:
    """Return b - <a, s> of whole ciphertexts of n + 1 words each: message and noise, signed."""
    ciphertexts = words.reshape(-1, len(secret) + 1)
    phase: UInt64 = ciphertexts[:, -1] - ciphertexts[:, :-1] @ secret
    return phase.view(np.int64)


def messages(words: UInt64, secret: UInt64, bits: int) -> Int64:
    """Return the signed integers nearest to the phases, where a message has `bits` bits."""
    shift = _shift(bits)
    nearest: Int64 = (phases(words, secret) + np.int64(1 << (shift - 1))) >> shift
    return nearest


def masks_of(seeds: UInt64, dimension: int) -> UInt64:
    """Return the masks of seeds of two words each, [seeds, dimension]."""
    counters, offset = _counters(0, dimension)  # the same for every seed
    masks = np.empty((len(seeds), dimension), np.uint64)
    for mask, seed in zip(masks, seeds.astype("<u8"), strict=True):
        mask[:] = np.frombuffer(_keystream(seed.tobytes(), counters), "<u8", dimension, offset)
    return masks


def whole(words: UInt64, dimension: int) -> UInt64:
    """Return seeded ciphertexts [size, 3] with their masks in full, [size, dimension + 1]."""
    return np.column_stack([masks_of(words[:, :2], dimension), words[:, 2]])


def row_phase(ring: Ring, seed: bytes, row: int, body: UInt64) -> UInt64:
    """Return B - sum_r A_r S_r of one row of a bootstrap key, [N]: its message and noise.

    Multiplied out word by word, not by a transform: what `Ring.product` makes is tested with this.
    """
    k, size = ring.secret.shape
    phase = body.copy()
    for mask, polynomial in zip(
        mask_words(seed, row * k * size, k * size).reshape(k, size), ring.secret, strict=True
    ):
        product = np.convolve(mask, polynomial)  # 2 N - 1 coefficients
        phase -= product[:size]
        phase[:-1] += product[size:]  # X^N = -1
    return phase


def units(levels: int, base_log: int) -> UInt64:
    """Return 2^(64 - B l) for every level l, the finest first, [levels]."""
    return np.array([1 << (WORD_BITS - base_log * level) for level in range(levels, 0, -1)], np.uint64)


def _shift(width: int) -> int:
    return WORD_BITS - 1 - width  # a bit stays free above the message


def _unsigned(numbers: Int64 | Float64) -> UInt64:
    return numbers.astype(np.int64).view(np.uint64)
