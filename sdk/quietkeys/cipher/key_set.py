"""A key set in memory, in the encryption process: the one place on the device that calls Concrete.

What is serialized for sending is `evaluation_keys`, of the server's part alone; the serialization of the
whole set goes to the key file and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NoReturn

import numpy as np
from concrete.compiler import ClientProgram, Keyset, ProgramInfo
from concrete.compiler import Value as Plaintext

from quietkeys.arrays import Int64, UInt64
from quietkeys.cipher.decryption import WORD_BITS, messages, phases
from quietkeys.cipher.interface import Parameters, check_update_frames
from quietkeys.cipher.shared_keys import pack
from quietkeys_protocol.capnp import WORD, byte_spans
from quietkeys_protocol.errors import ErrorCode, Refused, StartOver, Untrusted
from quietkeys_protocol.specification import Circuit

CLIENT: Final = 1  # Keyset { server @0, client @1 }
TEST_SCALARS: Final = 64  # at least so many encryptions in a self-test
NOISE_FACTOR: Final = 2.0  # of the expected deviation; 64 samples stay within 1.5 all but surely


class KeySet:
    """Concrete's key set and the secret keys inside it, by id. Cannot be printed or pickled."""

    __slots__ = ("_native", "_parameters", "_program", "_secrets", "_serialized")

    def __init__(self, parameters: Parameters, serialized: bytes | None = None) -> None:
        """Make a new key set, or take the one that was serialized."""
        self._parameters = parameters
        self._program = ProgramInfo.deserialize(parameters.specification.canonical)
        self._native = Keyset(self._program, None) if serialized is None else Keyset.deserialize(serialized)
        self._serialized = self._native.serialize() if serialized is None else serialized
        self._secrets = self._extract()
        self._test()

    def __repr__(self) -> str:
        return "KeySet(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key set is not pickled")

    @property
    def secret_serialization(self) -> bytes:
        """The whole key set, secret keys included, for the key file."""
        return self._serialized

    def evaluation_keys(self) -> bytes:
        """Return the server's part, for sending.

        It is checked to have the plan's frame, which no secret key fits into.
        """
        if len(self._serialized) < self._parameters.frames.keys.size:
            raise StartOver(ErrorCode.KEY_UNKNOWN, "the evaluation keys are on another device")
        keys: bytes = self._native.get_server_keys().serialize()
        if not self._parameters.frames.keys.matches(keys):
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "frame of evaluation keys")
        return keys

    def shared(self, fingerprint: bytes) -> bytes:
        """Return the secret keys for another device of the same person; see `shared_keys`."""
        return pack(self._parameters.specification, fingerprint, self._secrets)

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """Return the values of a report; see `Cipher.encrypt`."""
        self._parameters.check_arrays(arrays)
        client = ClientProgram.create_encrypted(self._program, self._native)
        values: list[bytes] = []
        for index, circuit in enumerate(self._parameters.circuits):
            native = client.get_client_circuit(circuit.name)
            values += [
                native.prepare_input(Plaintext(array.astype(np.int64)), position).serialize()
                for position, array in enumerate(arrays[3 * index : 3 * index + 3])
            ]
        for value, frame in zip(values, self._parameters.frames.report, strict=True):
            if not frame.matches(value):
                raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "frame of a report")
        return values

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """Return the weights of an update; see `Cipher.decrypt`."""
        frames = self._parameters.frames.update
        check_update_frames(frames, values)
        outputs = [circuit.outputs[0] for circuit in self._parameters.circuits]
        return [
            messages(
                np.frombuffer(value, "<u8", frame.payload_bytes // WORD, frame.payload_start),
                self._secrets[output.key_id],
                bits,
            )
            for value, frame, output, bits in zip(
                values, frames, outputs, self._parameters.update_bits, strict=True
            )
        ]

    def _extract(self) -> dict[int, UInt64]:
        # client.lweSecretKeys[i].payload.data[0], in the order of the specification; one word per bit of key.
        described = self._parameters.specification.secret_keys
        found: dict[int, UInt64] = {}
        for span in byte_spans(self._serialized):
            if span.path[:2] == (CLIENT, 0):
                key = described[span.path[2]]
                if span.size != key.dimension * WORD:
                    raise Untrusted(ErrorCode.PROFILE_DAMAGED, "secret key")
                found[key.key_id] = np.frombuffer(self._serialized, "<u8", key.dimension, span.start)
        if len(found) != len(described) or not all(_looks_random(key) for key in found.values()):
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "secret key")
        return found

    def _test(self) -> None:
        """Encrypt zeros: seeds must differ, noise must be there, and have the size it should have.

        The noise of a compressed value cannot be seen without expanding its seed, so it is measured on whole
        ciphertexts, which the same code encrypts from the same source of randomness.
        """
        circuit = self._parameters.circuits[0]
        first = circuit.inputs[0]
        seeded = self._zeros(self._program, circuit).reshape(-1, first.words)  # seed, seed, body
        distinct = len(np.unique(seeded[:, :2], axis=0)) == len(seeded) == len(np.unique(seeded[:, 2]))
        whole = ProgramInfo.deserialize(_uncompressed(self._parameters.specification.canonical, circuit.name))
        noise = phases(self._zeros(whole, circuit), self._secrets[first.key_id])
        deviation = float(np.sqrt(np.mean(noise.astype(np.float64) ** 2))) / 2.0**WORD_BITS
        expected = first.variance**0.5
        right_size = expected / NOISE_FACTOR < deviation < expected * NOISE_FACTOR
        if not distinct or not right_size or len(np.unique(noise)) < len(noise) // 2:
            raise Refused(ErrorCode.WORKER_UNSUITABLE, "self-test of encryption")

    def _zeros(self, program: ProgramInfo, circuit: Circuit) -> UInt64:
        """Return at least TEST_SCALARS encryptions of zero as a circuit's first input, as words."""
        zeros = np.zeros(circuit.inputs[0].size, dtype=np.int64)
        native = ClientProgram.create_encrypted(program, self._native).get_client_circuit(circuit.name)
        times = -(-TEST_SCALARS // len(zeros))
        return np.concatenate(
            [_words(native.prepare_input(Plaintext(zeros), 0).serialize()) for _ in range(times)]
        )


def _uncompressed(specification: bytes, name: str) -> bytes:
    """Return a specification of one circuit whose first input is a whole ciphertext."""
    tree = json.loads(specification)
    circuit = next(circuit for circuit in tree["circuits"] if circuit["name"] == name)
    gate = circuit["inputs"][0]
    lwe = gate["typeInfo"]["lweCiphertext"]
    shape = [*lwe["abstractShape"]["dimensions"], lwe["encryption"]["lweDimension"] + 1]
    lwe["compression"] = "none"
    lwe["concreteShape"]["dimensions"] = gate["rawInfo"]["shape"]["dimensions"] = shape
    circuit["inputs"], tree["circuits"] = [gate], [circuit]
    return json.dumps(tree).encode()


def _words(value: bytes) -> UInt64:
    (span,) = byte_spans(value)
    return np.frombuffer(value, "<u8", span.size // 8, span.start)


def _looks_random(key: UInt64) -> bool:
    """Return whether every word is 0 or 1, and the share of ones within 8 deviations of a half."""
    ones, half = int(np.count_nonzero(key == 1)), len(key) / 2
    return ones + int(np.count_nonzero(key == 0)) == len(key) and abs(ones - half) < 4 * len(key) ** 0.5
