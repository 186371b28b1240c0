"""Keys, encryption and decryption by Concrete, which this module alone loads.

The secret keys lie in a file, sealed under the vault; evaluation keys, which are public, beside it. Both are
made once. In memory the secrets are those of Concrete's own objects, in the app's process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.cipher.frames import framed
from quietkeys.cipher.interface import check_update_frames
from quietkeys.files import make_room, read_whole, remove, write_whole
from quietkeys.sgd.parameters import SgdParameters
from quietkeys.vault.sealing import DataKey, seal_bytes, unseal_bytes
from quietkeys_protocol.capnp import byte_spans
from quietkeys_protocol.errors import ErrorCode, Refused, StartOver, TryAgain, Untrusted
from quietkeys_protocol.specification import Specification
from quietkeys_protocol.templates import Segment, message_frame, two_words

SECRETS: Final = "secret-keys"
EVALUATION: Final = "evaluation-keys"
_WORD: Final = 8
_CLIENT: Final = 1  # Keyset { server @0, client @1 }
_PURPOSE: Final = b"sgd keys"


class ConcreteKeys:
    """The keys of one device for one plan, in a folder of their own. Cannot be printed or pickled."""

    __slots__ = ("_circuit", "_file_key", "_folder", "_parameters")

    def __init__(self, folder: Path, parameters: SgdParameters, key: DataKey) -> None:
        """key: of the vault. Nothing is read, made or loaded yet."""
        self._folder, self._parameters = folder, parameters
        self._file_key = key.file_key(_PURPOSE)
        self._circuit: Any = None

    def __repr__(self) -> str:
        return "ConcreteKeys(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not pickled")

    def ensure(self) -> str:
        """Make new keys unless there are whole ones for these parameters; return their id, hex."""
        path, frame = self._folder / EVALUATION, self._parameters.frames.keys
        if self._secrets() is None or not path.exists() or not frame.matches_file(path):
            self._generate()
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @property
    def evaluation_keys(self) -> Path:
        """The file that is sent."""
        return self._folder / EVALUATION

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """Return the values of a report, for flat arrays in the order of `SgdPlan.report_fields`.

        Raises `Refused` (VALUE_OUT_OF_RANGE) for other sizes and for integers outside their field.
        """
        fields, frames = self._parameters.plan.report_fields, self._parameters.frames.report
        if len(arrays) != len(fields):
            raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "number of arrays")
        (circuit,) = self._parameters.specification.circuits
        places = [0, 1] * self._parameters.plan.batches + [2, 3]
        values = []
        for array, field, place, frame in zip(arrays, fields, places, frames, strict=True):
            if array.shape != (field.size,) or array.min() < field.low or array.max() > field.high:
                raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, f"{field.block}.{field.quantity}")
            value = self._encrypted(array.reshape(circuit.inputs[place].shape), place)
            if not frame.matches(value):  # never send anything else
                raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, f"frame of {field.quantity}")
            values.append(value)
        return values

    def decrypt(self, values: Sequence[bytes]) -> Int64:
        """Return the integer weights of an update, [d].

        Raises `Untrusted` (UPDATE_UNTRUSTED) for another number or frame, and outside the plan's range.
        """
        from concrete.compiler import TransportValue

        check_update_frames(self._parameters.frames.update, values)
        with _typed():
            opened = self._client().process_output(TransportValue.deserialize(values[0]), 0)
            weights: Int64 = np.asarray(opened.to_py_val()).astype(np.int64).ravel()
        (field,) = self._parameters.plan.update_fields
        if weights.shape != (field.size,) or weights.min() < field.low or weights.max() > field.high:
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "weights")
        return weights

    def _encrypted(self, array: Int64, place: int) -> bytes:
        from concrete.compiler import Value

        with _typed():
            value: bytes = self._client().prepare_input(Value(array.astype(np.int64)), place).serialize()
        return value

    def _generate(self) -> None:
        from concrete.compiler import Keyset, ProgramInfo

        specification = self._parameters.specification
        make_room(self._folder)
        remove(self._folder / SECRETS)
        self._circuit = None
        with _typed():
            made = Keyset(ProgramInfo.deserialize(specification.canonical), None)
            secrets = b"".join(_secrets_in(specification, made.serialize()))
            evaluation: bytes = made.get_server_keys().serialize()
        if not self._parameters.frames.keys.matches(evaluation):  # never send anything else
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "frame of evaluation keys")
        write_whole(self._folder / EVALUATION, evaluation)
        write_whole(self._folder / SECRETS, seal_bytes(self._file_key, self._place, secrets))

    def _client(self) -> Any:
        """Return Concrete's client of the circuit, with the secret keys in it."""
        if self._circuit is None:
            from concrete.compiler import ClientProgram, Keyset, ProgramInfo

            secrets = self._secrets()
            if secrets is None:
                raise StartOver(ErrorCode.KEY_UNKNOWN, "this device has no key for the plan")
            specification = self._parameters.specification
            program = ProgramInfo.deserialize(specification.canonical)
            keys = Keyset.deserialize(_key_set_of(specification, secrets))
            client = ClientProgram.create_encrypted(program, keys)
            self._circuit = client.get_client_circuit(self._parameters.circuit)
        return self._circuit

    def _secrets(self) -> bytes | None:
        """Return the words of all secret keys in order; None where there are none of these parameters."""
        size = _WORD * sum(key.dimension for key in self._parameters.specification.secret_keys)
        sealed = read_whole(self._folder / SECRETS, 2 * size)
        secrets = unseal_bytes(self._file_key, self._place, sealed)
        return secrets if secrets is not None and len(secrets) == size else None

    @property
    def _place(self) -> bytes:
        return self._parameters.specification.hash.encode()


@contextmanager
def _typed() -> Iterator[None]:
    """Raise what went wrong in Concrete or the system as ours, without a word about values or keys."""
    try:
        yield
    except (RuntimeError, ValueError, MemoryError, OSError) as error:
        raise TryAgain(ErrorCode.CIPHER_FAILED, type(error).__name__) from None


def _secrets_in(specification: Specification, key_set: bytes) -> list[bytes]:
    """Return the words of every secret key of Concrete's serialized key set, in order."""
    found = {span.path[2]: span for span in byte_spans(key_set) if span.path[:2] == (_CLIENT, 0)}
    spans = [found[number] for number in sorted(found)]  # they lie in the message where there was room
    sizes = [span.end - span.start for span in spans]
    if sizes != [_WORD * key.dimension for key in specification.secret_keys]:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "secret keys")
    return [key_set[span.start : span.end] for span in spans]


def _key_set_of(specification: Specification, secrets: bytes) -> bytes:
    """Return a key set of these secret keys and no evaluation keys, as Concrete serializes one."""
    # Keyset { server @0 { three empty lists }, client @1 { lweSecretKeys @0: [{ info @0, payload @1 }] } }
    body = Segment()
    root = body.structure(None, [], 2)
    server = body.structure(root, [], 3)
    for position in range(3):
        body.elements(server + position, count=0, pointers=2)
    keys = specification.secret_keys
    element = body.elements(body.structure(root + 1, [], 1), len(keys), pointers=2)
    payloads, at = [], 0
    for position, key in enumerate(keys):
        place = element + 2 * position
        body.structure(body.structure(place, [key.key_id], 1), [two_words(key.dimension, 64), 0], 0)
        body.payload(body.pointers(body.structure(place + 1, [], 1), [0]), key.dimension * _WORD)
        payloads.append([secrets[at : at + key.dimension * _WORD]])
        at += key.dimension * _WORD
    return b"".join(framed(message_frame([body]), payloads))
