"""Bucketed hash tables of uint8 values that plain ONNX operators can read.

A table is int32 [buckets, 8]. Every key has two possible buckets (key modulo two primes, the second
counted from the end, so that small keys have two as well) and a 23-bit fingerprint (key modulo a third
prime); a slot holds fingerprint * 256 + value. A stranger's key matches by accident with
probability 16 / 2^23 = 2e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SLOTS = 8
FINGERPRINT_PRIME = 8_388_593  # the largest prime below 2^23
EMPTY = np.int32(2**31 - 1)  # no fingerprint reaches 2^23 - 1
MISS = 1_000_000  # larger than any value; what a look-up returns for an absent key
LOAD = 0.95  # share of slots in use at first; two choices of 8 slots and one move then place 99.99 % of keys
GROWTH = 1.02  # how much larger a table is tried when a key found no room


@dataclass(frozen=True, slots=True)
class HashTable:
    """slots: int32 [buckets, 8]. primes: the two moduli, both at most the number of buckets."""

    slots: NDArray[np.int32]
    primes: tuple[int, int]


def largest_prime(below: int) -> int:
    """Return the largest prime smaller than `below` (at least 2)."""
    for candidate in range(max(below - 1, 2), 1, -1):
        if all(candidate % divisor for divisor in range(2, int(candidate**0.5) + 1)):
            return candidate
    return 2


def buckets_of(primes: tuple[int, int], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the two possible buckets [K, 2] of each key."""
    return np.stack([keys % primes[0], primes[1] - 1 - keys % primes[1]], -1)


def build(keys: NDArray[np.int64], values: NDArray[np.uint8]) -> tuple[HashTable, NDArray[np.int64]]:
    """Return the table of distinct keys, and where each lies: bucket * 8 + slot."""
    size = max(len(keys) / (SLOTS * LOAD), 16.0)
    while True:
        buckets = largest_prime(int(size) + 1)
        primes = (buckets, largest_prime(buckets))
        first, second = buckets_of(primes, keys).T.tolist()
        places = _place(first, second, buckets)
        if (places >= 0).all():
            break
        size *= GROWTH
    slots = np.full((buckets, SLOTS), EMPTY, np.int32)
    slots.reshape(-1)[places] = ((keys % FINGERPRINT_PRIME) << 8 | values).astype(np.int32)
    return HashTable(slots, primes), places


def _place(first: list[int], second: list[int], buckets: int) -> NDArray[np.int64]:
    """Return the place of every key: the emptier of its buckets, or that of a key that can move; else -1."""
    inside: list[list[int]] = [[] for _ in range(buckets)]
    for key, (one, two) in enumerate(zip(first, second, strict=True)):
        bucket = one if len(inside[one]) <= len(inside[two]) else two
        if len(inside[bucket]) < SLOTS:
            inside[bucket].append(key)
        else:
            _displace(key, (one, two), inside, first, second)
    places = np.full(len(first), -1, np.int64)
    for bucket, keys in enumerate(inside):
        for slot, key in enumerate(keys):
            places[key] = bucket * SLOTS + slot
    return places


def _displace(
    key: int, choices: tuple[int, int], inside: list[list[int]], first: list[int], second: list[int]
) -> None:
    """Put a key where one that has room in its other bucket lies; do nothing if there is none."""
    for bucket in choices:
        for slot, resident in enumerate(inside[bucket]):
            other = first[resident] if second[resident] == bucket else second[resident]
            if len(inside[other]) < SLOTS:
                inside[other].append(resident)
                inside[bucket][slot] = key
                return


def look_up(table: HashTable, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the value of each key, MISS where it is absent. keys: [K]. The twin of the ONNX operators."""
    distance, match = compare(table, keys)
    smallest: NDArray[np.int64] = np.where(match, distance, MISS).min(-1)
    return smallest


def look_up_beside(table: HashTable, beside: NDArray[np.uint8], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what another array [buckets, 8] holds at each key's place, MISS where the key is absent."""
    _, match = compare(table, keys)
    codes = beside[buckets_of(table.primes, keys)].reshape(len(keys), 2 * SLOTS).astype(np.int64)
    smallest: NDArray[np.int64] = np.where(match, codes, MISS).min(-1)
    return smallest


def compare(table: HashTable, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return (slot less fingerprint * 256, whether that is a value) [K, 16] of both buckets of each key."""
    slots = table.slots[buckets_of(table.primes, keys)].reshape(len(keys), 2 * SLOTS).astype(np.int64)
    distance = slots - (keys % FINGERPRINT_PRIME)[:, None] * 256
    return distance, (distance >= 0) & (distance < 256)
