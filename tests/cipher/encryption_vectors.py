"""Makes `tests/vectors/encryption.json` with Concrete: `python -m tests.cipher.encryption_vectors ANSWERS`.

ANSWERS: a file of known answers taken from the C functions of Concrete, called without noise. They are
kept as they are; what is added is what its client makes of a key, with noise: values and the frame of keys.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.cipher.secret_keys import pack
from quietkeys_protocol.capnp import byte_spans
from quietkeys_protocol.framing import frame_of
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.specification import parse_specification
from tests.cipher import concrete_side

VECTORS: Final = Path(__file__).parents[1] / "vectors"
NUMBERS: Final = ((0, 15, 7, 1), (-2000, 2000, -1))  # of the first circuit's inputs


def main(answers: Path) -> int:
    """Write the vectors."""
    plan = Plan.parse((VECTORS / "small_plan.json").read_bytes())
    specification = parse_specification((VECTORS / "small_specification.json").read_bytes())
    circuit = specification.ordered(plan)[0]
    key_set, evaluation_keys = concrete_side.new_keys(specification)
    arrays = [np.array(numbers, dtype=np.int64) for numbers in NUMBERS]
    values = concrete_side.encrypted(specification, key_set, circuit.name, arrays)
    frame = frame_of(evaluation_keys)
    made = {
        "secret_keys": pack(specification, concrete_side.secrets_in(specification, key_set)).hex(),
        "values": [
            {"numbers": numbers, "serialized": value.hex(), "payload_at": byte_spans(value)[0].start}
            for numbers, value in zip(NUMBERS, values, strict=True)
        ],
        "evaluation_keys": {
            "size": frame.size,
            "literals": [[literal.offset, literal.content.hex()] for literal in frame.literals],
        },
    }
    known = json.loads(answers.read_text())
    text = json.dumps({"without_noise": known, "small_plan": made}, indent=1)
    (VECTORS / "encryption.json").write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
