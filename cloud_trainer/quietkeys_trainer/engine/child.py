"""The engine's child: `python -m quietkeys_trainer.engine.child PARENT CPU_S MEMORY_BYTES HIDDEN VERB ...`.

HIDDEN: the service's folders, separated by `:`. VERB: compile FOLDER SOURCES, serve RECIPE FOLDER SOURCES
NAME..., or load FOLDER..., which answers nothing where circuits can be run here.

It parses bytes of strangers with native code, so its memory holds nothing worth stealing: no credentials, no
database, no secret key; and it can reach nothing else, see `confinement`. Its user id is the service's, see
docs/decisions. Requests come on standard input, answers go to standard output, both as parts: count u32,
then count x (length u64, bytes), big-endian.

One that serves is given one account's evaluation keys, and then that account's jobs one by one until its
input ends: what is slow to make of keys is made once. It never sees another account's bytes.
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from quietkeys_trainer.engine.confinement import isolate, limit, stay_alone

NICENESS: Final = 10  # devices wait for the API, and nobody waits for a tenth of a job's time
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where OpenMP has a file of its own
OPENMP_FILE: Final = "__KMP_REGISTERED_LIB_{}_*"  # by process
PROGRAM_INFO: Final = "program_info.concrete.params.json"  # what Concrete calls it
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
    openmp, registration = _start_openmp()
    if verb == "compile":
        places = [private, Path(rest[0]).parent, *registration]
        isolate([], places, secret)  # and starts the system's linker
    else:
        circuits = map(Path, rest if verb == "load" else rest[1:2])
        isolate(circuits, [private, *registration], secret)
        stay_alone()
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # native code prints
        os.dup2(nowhere, descriptor)
    with outbox:
        match verb, rest:
            case "compile", [folder, sources]:
                (plan,) = read_parts(inbox, MAX_REQUEST_BYTES)
                write_parts(outbox, _compile(plan, Path(folder), int(sources)))
            case "serve", [recipe, folder, sources, *names]:
                (keys,) = read_parts(inbox, MAX_REQUEST_BYTES)
                keyed = _Keyed.of(keys, recipe, Path(folder), int(sources), names)
                del keys
                while inbox.peek(1):
                    threads, *values = read_parts(inbox, MAX_REQUEST_BYTES)
                    for library in openmp:
                        library.omp_set_num_threads(int(threads))
                    write_each(outbox, len(names) + 1, keyed.train(values))
            case "load", folders:
                read_parts(inbox, MAX_REQUEST_BYTES)
                write_parts(outbox, _load(folders))
    return 0


def _start_openmp() -> tuple[list[ctypes.CDLL], list[Path]]:
    """Start OpenMP, which crashes where it cannot; return its libraries and the file of its registration.

    The parent removes the file.
    """
    import concrete.compiler  # noqa: F401 - loads OpenMP

    libraries = []
    if sys.platform == "linux":
        mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
        libraries = [ctypes.CDLL(path) for path in mapped if Path(path).name.startswith("libomp")]
        for library in libraries:
            library.omp_get_max_threads()
    return libraries, list(SHARED_MEMORY.glob(OPENMP_FILE.format(os.getpid())))


def _compile(canonical: bytes, folder: Path, sources: int) -> list[bytes]:
    """Compile a plan's canonical form into a new folder; answer nothing."""
    from quietkeys_protocol.plan import Plan
    from quietkeys_protocol.recipes import parse_plan
    from quietkeys_protocol.sgd_plan import SgdPlan

    match parse_plan(canonical):
        case Plan() as plan:
            from quietkeys_trainer.engine.compile import compile_plan, save_module

            save_module(compile_plan(plan, sources), folder)
        case SgdPlan() as plan:
            from quietkeys_trainer.engine.compile_sgd import compile_batch, save_circuit

            save_circuit(compile_batch(plan), folder)
    return []


def _load(folders: list[str]) -> list[bytes]:
    """Load each folder's circuits as a run does, which fails where they were linked with another runtime."""
    from concrete.compiler import Library, ServerProgram

    for folder in folders:
        ServerProgram(Library(folder), False)
    return []


@dataclass(slots=True)
class _Keyed:
    """Evaluation keys in memory, and the circuits that are run under them. `told_s`: accounted for so far."""

    keys: Any
    circuits: list[Any]
    recipe: str
    sources: int
    start_s: float
    keys_s: float
    told_s: float = 0.0

    @classmethod
    def of(cls, sent: bytes, recipe: str, folder: Path, sources: int, names: list[str]) -> Self:
        """Load a folder's circuits and the keys that a device sent for them."""
        from concrete.compiler import Library, ServerKeyset, ServerProgram

        start_s = time.process_time()  # since the process began
        keys = ServerKeyset.deserialize(_filled(sent, folder) if recipe == "counts" else sent)
        program = ServerProgram(Library(str(folder)), False)
        circuits = [program.get_server_circuit(name) for name in names]
        return cls(keys, circuits, recipe, sources, start_s, time.process_time() - start_s)

    def train(self, request: list[bytes]) -> Iterator[bytes]:
        """Run the circuits on a job's reports; yield the results, then what it took, as JSON.

        What is said to have been taken counts from the end of the job before, so that nothing is left out.
        """
        from concrete.compiler import TransportValue

        values = [TransportValue.deserialize(value) for value in request]
        blocks_s = []
        begin = time.process_time()
        for weights in self._blocks(values) if self.recipe == "counts" else self._batches(values):
            yield weights.serialize()
            blocks_s.append(time.process_time() - begin)
            begin = time.process_time()
        now = time.process_time()
        facts = {
            "cpu_seconds": now - self.told_s,
            "start_seconds": self.start_s,
            "keys_seconds": self.keys_s,
            "block_seconds": blocks_s,
            "peak_rss_bytes": _peak_rss_bytes(),
        }
        self.start_s, self.keys_s, self.told_s = 0.0, 0.0, now
        yield json.dumps(facts).encode()

    def _blocks(self, values: list[Any]) -> Iterator[Any]:
        """Yield each circuit's result.

        A report holds as many values for every circuit, in their order; so does the next source's.
        """
        size = len(values) // self.sources  # of a report
        each = size // len(self.circuits)
        for position, circuit in enumerate(self.circuits):
            places = [
                source * size + each * position + i for source in range(self.sources) for i in range(each)
            ]
            (weights,) = circuit.call([values[place] for place in places], self.keys)
            yield weights

    def _batches(self, values: list[Any]) -> Iterator[Any]:
        """Yield the weights after all batches, of which each begins where the one before it ended."""
        (circuit,) = self.circuits
        *batches, weights, intercept = values
        for place in range(0, len(batches), 2):
            features, labels = batches[place : place + 2]
            weights, intercept = circuit.call([features, labels, weights, intercept], self.keys)
        yield weights


def _filled(keys: bytes, folder: Path) -> bytes:
    """Return evaluation keys as Concrete takes them, of what a device sent for a folder's circuits."""
    from quietkeys_protocol.cut_keys import KeyForm
    from quietkeys_protocol.specification import canonical_specification, parse_specification
    from quietkeys_protocol.templates import key_frame

    compiled = (folder / PROGRAM_INFO).read_bytes()
    form = KeyForm(key_frame(parse_specification(canonical_specification(compiled))))
    return b"".join(form.fill([keys]))


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
