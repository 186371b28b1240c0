"""Concrete's own keys, encryption and decryption, to compare ours with: in a process of its own.

Native code stays out of the process of the tests: `python -m tests.cipher.concrete_side VERB` is asked over
pipes, as the engine's child is. Key sets are Concrete's serialization of all keys; `key_set_of` writes one
around secret keys of ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.cipher.frames import framed, word_bytes
from quietkeys.cipher.scheme import rounded
from quietkeys.cipher.secret_keys import Secrets
from quietkeys_protocol.capnp import WORD, byte_spans
from quietkeys_protocol.cut_keys import SEED_BYTES, KeyForm
from quietkeys_protocol.noise import CUT_BITS
from quietkeys_protocol.specification import Specification
from quietkeys_protocol.templates import Segment, message_frame, two_words
from quietkeys_trainer.engine.child import read_parts, write_parts

CLIENT: Final = 1  # Keyset { server @0, client @1 }
MOST: Final = 1 << 28


def ask(verb: str, *parts: bytes) -> list[bytes]:
    """What a process with Concrete in it answers."""
    command = [sys.executable, "-m", "tests.cipher.concrete_side", verb]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        write_parts(child.stdin, parts)
        child.stdin.close()
        answer = read_parts(child.stdout, MOST)
    assert child.returncode == 0
    return answer


def new_keys(specification: Specification) -> tuple[bytes, bytes]:
    """A key set that Concrete made, whole and its evaluation keys alone."""
    key_set, evaluation_keys, _ = ask("keys", specification.canonical)
    return key_set, evaluation_keys


def as_sent(form: KeyForm, evaluation_keys: bytes) -> bytes:
    """Evaluation keys that were made without a thought of cutting them, as a device would send them."""
    content = bytearray(evaluation_keys)
    for span in byte_spans(evaluation_keys):
        start = span.start + SEED_BYTES
        bodies = np.frombuffer(evaluation_keys, "<u8", (span.end - start) // WORD, start).astype(np.uint64)
        content[start : span.end] = rounded(bodies, CUT_BITS).astype("<u8").tobytes()
    return b"".join(form.cut([bytes(content)]))


def encrypted(
    specification: Specification, key_set: bytes, circuit: str, arrays: Sequence[Int64]
) -> list[bytes]:
    """The inputs of a circuit, encrypted by Concrete."""
    parts = (array.astype("<i8").tobytes() for array in arrays)
    return ask("encrypt", specification.canonical, key_set, circuit.encode(), *parts)


def decrypted(specification: Specification, key_set: bytes, circuit: str, value: bytes) -> Int64:
    """The output of a circuit, decrypted by Concrete."""
    (numbers,) = ask("decrypt", specification.canonical, key_set, circuit.encode(), value)
    return np.frombuffer(numbers, "<i8").astype(np.int64)


def secrets_in(specification: Specification, key_set: bytes) -> Secrets:
    """The secret keys of a key set: client.lweSecretKeys[i].payload, in order, one word per bit."""
    found = {}
    for span in byte_spans(key_set):
        if span.path[:2] == (CLIENT, 0):
            key = specification.secret_keys[span.path[2]]
            assert span.size == key.dimension * WORD
            found[key.key_id] = np.frombuffer(key_set, "<u8", key.dimension, span.start).astype(np.uint64)
    assert len(found) == len(specification.secret_keys)
    return found


def key_set_of(specification: Specification, secrets: Secrets) -> bytes:
    """A key set of these secret keys and no evaluation keys, as Concrete serializes one."""
    # Keyset { server @0 { three empty lists }, client @1 { lweSecretKeys @0: [{ info @0, payload @1 }] } }
    body = Segment()
    root = body.structure(None, [], 2)
    server = body.structure(root, [], 3)
    for position in range(3):
        body.elements(server + position, count=0, pointers=2)
    keys = specification.secret_keys
    element = body.elements(body.structure(root + 1, [], 1), len(keys), pointers=2)
    for position, key in enumerate(keys):
        at = element + 2 * position
        body.structure(body.structure(at, [key.key_id], 1), [two_words(key.dimension, 64), 0], 0)
        body.payload(body.pointers(body.structure(at + 1, [], 1), [0]), key.dimension * WORD)
    payloads = [[word_bytes(secrets[key.key_id])] for key in keys]
    return b"".join(framed(message_frame([body]), payloads))


def main(verb: str) -> int:
    """Answer one request. Only here is Concrete loaded."""
    from concrete.compiler import ClientProgram, Keyset, ProgramInfo, TransportValue
    from concrete.compiler import Value as Plain

    specification, *parts = read_parts(sys.stdin.buffer, MOST)
    program = ProgramInfo.deserialize(specification)
    if verb == "keys":
        begin = time.process_time()
        made = Keyset(program, None)
        seconds = time.process_time() - begin
        answer = [made.serialize(), made.get_server_keys().serialize(), json.dumps(seconds).encode()]
        write_parts(sys.stdout.buffer, answer)
        return 0
    key_set, name, *parts = parts
    client = ClientProgram.create_encrypted(program, Keyset.deserialize(key_set))
    circuit = client.get_client_circuit(name.decode())
    if verb == "encrypt":
        arrays = [Plain(np.frombuffer(part, "<i8").astype(np.int64)) for part in parts]
        answer = [circuit.prepare_input(array, at).serialize() for at, array in enumerate(arrays)]
    else:
        results = [circuit.process_output(TransportValue.deserialize(part), 0) for part in parts]
        answer = [np.asarray(result.to_py_val()).astype("<i8").tobytes() for result in results]
    write_parts(sys.stdout.buffer, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
