"""One maker's keys, or its first report, in a process of its own.

`python -m quietkeys_bench.keys.child MAKER WHAT FOLDER PLAN SPECIFICATION`. MAKER: ours, concrete. WHAT:
`make` keys into a folder, or `encrypt` a report with those that are there. A JSON goes to standard output:
seconds of the processor since the process began, of importing and of the work, and the most memory that it
held.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")
_KEY: Final = bytes(32)  # what key files are sealed under here


def ours(what: str, folder: Path, plan: bytes, specification: bytes) -> Callable[[], object]:
    """Return the work, everything imported."""
    import numpy as np

    from quietkeys.cipher import Parameters
    from quietkeys.cipher.local import LocalCipher
    from quietkeys_protocol.plan import Plan

    def work() -> None:
        parameters = Parameters.of(Plan.parse(plan), specification)
        cipher = LocalCipher(folder, parameters, file_key=_KEY)
        if what == "make":
            cipher.generate_keys()
        else:
            cipher.encrypt([np.zeros(field.size, np.int64) for field in parameters.plan.report_fields])

    return work


def concrete(what: str, folder: Path, plan: bytes, specification: bytes) -> Callable[[], object]:
    """Return the same work as it is with Concrete's client: the whole key set is one file, sealed."""
    import numpy as np
    from concrete.compiler import ClientProgram, Keyset, ProgramInfo
    from concrete.compiler import Value as Plaintext

    from quietkeys.files import write_whole
    from quietkeys.vault.sealing import seal_bytes, unseal_bytes
    from quietkeys_protocol.plan import Plan

    def work() -> None:
        program, path = ProgramInfo.deserialize(specification), folder / "concrete.keys"
        if what == "make":
            made = Keyset(program, None)
            hashlib.sha256(made.get_server_keys().serialize()).digest()
            write_whole(path, seal_bytes(_KEY, b"", made.serialize()))
            return
        client = ClientProgram.create_encrypted(
            program, Keyset.deserialize(unseal_bytes(_KEY, b"", path.read_bytes()))
        )
        for block in Plan.parse(plan).blocks:
            circuit = client.get_client_circuit(f"train_{block.name}")
            for position, field in enumerate(block.sent):
                circuit.prepare_input(Plaintext(np.zeros(field.size, np.int64)), position).serialize()

    return work


def main(maker: str, what: str, folder: str, plan: str, specification: str) -> None:
    """Measure and print."""
    given = Path(plan).read_bytes(), Path(specification).read_bytes()
    began = time.process_time()
    work = {"ours": ours, "concrete": concrete}[maker](what, Path(folder), *given)
    imported = time.process_time()
    work()
    ended = time.process_time()
    peak = _PEAK.search(Path("/proc/self/status").read_text())
    figures = {
        "total_seconds": ended,
        "import_seconds": imported - began,
        "work_seconds": ended - imported,
        "peak_bytes": 1024 * int(peak.group(1)) if peak else 0,
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:6])
