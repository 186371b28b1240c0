"""The engine's child: `python -m quietkeys_trainer.engine.child PARENT CPU_S MEMORY_BYTES HIDDEN VERB ...`.

HIDDEN: the service's folders, separated by `:`. VERB: compile FOLDER SOURCES, run FOLDER SOURCES NAME..., or
load FOLDER..., which answers nothing where circuits can be run here.

It parses bytes of strangers with native code, so its memory holds nothing worth stealing: no credentials, no
database, no secret key; and it can reach nothing else, see `confinement`. Its user id is the service's, see
docs/decisions. Requests come on standard input, answers go to standard output, both as parts: count u32,
then count x (length u64, bytes), big-endian.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from quietkeys_trainer.engine.confinement import isolate, limit, stay_alone

NICENESS: Final = 10  # devices wait for the API, and nobody waits for a tenth of a job's time
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where OpenMP has a file of its own
OPENMP_FILE: Final = "__KMP_REGISTERED_LIB_{}_*"  # by process
MAX_PARTS: Final = 4096
MAX_REQUEST_BYTES: Final = 256 << 20  # evaluation keys have 51 MB, eight reports under 1 MB

_COUNT: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">Q")


def main(arguments: list[str]) -> int:
    """Do what is asked and end."""
    parent, cpu_s, memory_bytes, hidden, verb, *rest = arguments
    limit(int(parent), int(cpu_s), int(memory_bytes))
    os.nice(NICENESS)
    private, secret = Path.cwd(), [Path(place) for place in hidden.split(os.pathsep) if place]
    if verb == "compile":
        isolate([], [private, Path(rest[0]).parent], secret)  # which starts the system's linker
    else:
        circuits = map(Path, rest if verb == "load" else rest[:1])
        isolate(circuits, [private, *_start_openmp()], secret)
        stay_alone()
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # native code prints
        os.dup2(nowhere, descriptor)
    request = read_parts(inbox, MAX_REQUEST_BYTES)
    with outbox:
        match verb, rest:
            case "compile", [folder, sources]:
                write_parts(outbox, _compile(request, Path(folder), int(sources)))
            case "run", [folder, sources, *names]:
                write_each(outbox, len(names) + 1, _run(request, Path(folder), int(sources), names))
            case "load", folders:
                write_parts(outbox, _load(folders))
    return 0


def _start_openmp() -> list[Path]:
    """Start OpenMP, which crashes where it cannot; return the file of its registration.

    The parent removes it.
    """
    import concrete.compiler  # noqa: F401 - loads OpenMP

    if sys.platform == "linux":
        mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
        for library in (path for path in mapped if Path(path).name.startswith("libomp")):
            ctypes.CDLL(library).omp_get_max_threads()
    return list(SHARED_MEMORY.glob(OPENMP_FILE.format(os.getpid())))


def _compile(request: list[bytes], folder: Path, sources: int) -> list[bytes]:
    """Compile a plan's canonical form into a new folder; answer nothing."""
    from quietkeys_protocol.plan import Plan
    from quietkeys_trainer.engine.compile import compile_plan, save_module

    (canonical,) = request
    save_module(compile_plan(Plan.parse(canonical), sources), folder)
    return []


def _load(folders: list[str]) -> list[bytes]:
    """Load each folder's circuits as a run does, which fails where they were linked with another runtime."""
    from concrete.compiler import Library, ServerProgram

    for folder in folders:
        ServerProgram(Library(folder), False)
    return []


def _run(request: list[bytes], folder: Path, sources: int, names: list[str]) -> Iterator[bytes]:
    """Run a folder's circuits on keys and reports; yield the results, then what it took, as JSON.

    A report holds three values per circuit, in the order of `names`; so does the next source's.
    """
    from concrete.compiler import Library, ServerKeyset, ServerProgram, TransportValue

    start, cpu_start = time.perf_counter(), time.process_time()
    keys = ServerKeyset.deserialize(request.pop(0))
    values = [TransportValue.deserialize(value) for value in request]
    program = ServerProgram(Library(str(folder)), False)
    size = 3 * len(names)
    for position, name in enumerate(names):
        places = [source * size + 3 * position + i for source in range(sources) for i in range(3)]
        found = program.get_server_circuit(name).call([values[place] for place in places], keys)
        (weights,) = found
        yield weights.serialize()
    facts = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu_start,
        "peak_rss_bytes": _peak_rss_bytes(),
    }
    yield json.dumps(facts).encode()


def _peak_rss_bytes() -> int:
    """Return the most memory that this process has held."""
    if sys.platform == "linux":  # whose getrusage counts what the parent held when it forked
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write_parts(stream: IO[bytes], parts: Sequence[bytes]) -> None:
    """Write the parts and flush."""
    write_each(stream, len(parts), parts)


def write_each(stream: IO[bytes], count: int, parts: Iterable[bytes]) -> None:
    """Write `count` parts, each as soon as it is there."""
    stream.write(_COUNT.pack(count))
    for part in parts:
        stream.write(_LENGTH.pack(len(part)))
        stream.write(part)
        stream.flush()
    stream.flush()


def read_parts(stream: IO[bytes], most: int, told: Callable[[int], None] = lambda _: None) -> list[bytes]:
    """Return the parts, of `most` bytes together; `told` hears after each how many have come.

    Raises `ValueError` where they end early or are more.
    """
    (count,) = _COUNT.unpack(_exactly(stream, _COUNT.size))
    if count > MAX_PARTS:
        raise ValueError("too many parts")
    parts: list[bytes] = []
    for _ in range(count):
        (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
        most -= length
        if most < 0:
            raise ValueError("too many bytes")
        parts.append(_exactly(stream, length))
        told(len(parts))
    return parts


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise ValueError("the stream ends early")
    return content


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
