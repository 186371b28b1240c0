"""A child of the engine that does what its first part says instead of any encryption."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from quietkeys_trainer.engine_child import _confine
from quietkeys_trainer.exchange import read_parts, write_parts


def main(arguments: list[str]) -> int:
    """Confines itself as the real one does, then misbehaves."""
    parent, cpu_s, memory_bytes, *_ = arguments
    _confine(int(parent), int(cpu_s), int(memory_bytes))
    order = read_parts(sys.stdin.buffer, 1 << 30)[0].rstrip(b"\0").decode()
    match order:
        case "tell":
            limits = {
                name: resource.getrlimit(getattr(resource, name))[0]
                for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_CORE", "RLIMIT_FSIZE")
            }
            Path("left behind").write_text("x")
            facts = {"environment": dict(os.environ), "folder": str(Path.cwd()), "limits": limits}
            write_parts(sys.stdout.buffer, [json.dumps(facts).encode()])
        case "sleep":
            Path(os.environ["LANG"]).write_text(str(os.getpid()))
            time.sleep(600)
        case "hog":
            bytearray(1 << 33)
        case "crash":
            os.abort()
        case "babble":
            sys.stdout.buffer.write(b"\xff" * 64)
        case "short":
            sys.stdout.buffer.write(b"\0\0\0\1")
        case "fail after answering":
            write_parts(sys.stdout.buffer, [b"{}"])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
