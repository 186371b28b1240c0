"""A child of the engine that does what its first part says instead of any encryption."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quietkeys_trainer.engine.child import read_parts, write_parts
from quietkeys_trainer.engine.confinement import isolate, limit, stay_alone

WAYS: Final[dict[str, Callable[[Path, int], object]]] = {
    "what it was given": lambda secret, _: (secret.parent / "given" / "circuit").read_bytes(),
    "its own folder": lambda _, __: Path("scratch").write_text("x"),
    "a file of the service": lambda secret, _: secret.read_bytes(),
    "writing what it was given": lambda secret, _: (secret.parent / "given" / "circuit").write_bytes(b"x"),
    "the parent's environment": lambda _, parent: Path(f"/proc/{parent}/environ").read_bytes(),
    "the parent's memory": lambda _, parent: Path(f"/proc/{parent}/mem").open("rb").close(),
    "signalling the parent": lambda _, parent: os.kill(parent, 0),
    "internet": lambda _, __: socket.socket(socket.AF_INET).close(),
    "a local socket": lambda _, __: socket.socket(socket.AF_UNIX).close(),
    "a pair of sockets": lambda _, __: socket.socketpair(),
    "a process": lambda _, __: _fork(),
    "a program": lambda _, __: subprocess.run([sys.executable, "-c", ""], check=True),
    "another group of processes": lambda _, __: os.setsid(),
    "memory that no limit counts": lambda _, __: os.close(os.memfd_create("x")),
    "a thread": lambda _, __: threading.Thread(target=int).start(),
}


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def reaches(way: Callable[[Path, int], object], secret: Path, parent: int) -> bool:
    """Whether the system lets this process go a way."""
    try:
        way(secret, parent)
    except OSError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Confines itself as the real one does, then misbehaves."""
    parent, cpu_s, memory_bytes, hidden, *_ = arguments
    limit(int(parent), int(cpu_s), int(memory_bytes))
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
        case "reach":
            secret = Path(os.environ["LANG"])
            isolate([secret.parent / "given"], [Path.cwd()], [Path(one) for one in hidden.split(":") if one])
            stay_alone()
            reached = {name: reaches(what, secret, int(parent)) for name, what in WAYS.items()}
            write_parts(sys.stdout.buffer, [json.dumps(reached).encode()])
        case "sleep":
            Path(os.environ["LANG"]).write_text(str(os.getpid()))
            time.sleep(600)
        case "fork and hang":
            child = os.fork()
            if child:
                Path(os.environ["LANG"]).write_text(str(child))
            time.sleep(600)
        case "be killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "fill":
            for number in range(100):
                Path(f"left{number}").write_bytes(bytes(1 << 20))
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
