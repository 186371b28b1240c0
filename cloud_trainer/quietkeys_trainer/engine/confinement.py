"""What a child may do that parses bytes of strangers: compute. It calls this itself, before it reads them.

Limits on memory, time and files hold everywhere. On Linux the child dies with its parent, is the first to go
when memory runs out, and cannot open a socket (seccomp). Where the kernel has Landlock it sees no file but
the libraries and what it was given, and no other process of its user: neither their memory and environment
nor a way to signal them. Whoever runs the service needs no privilege for any of this.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 256 << 20  # circuits have under 1 MB; a full disk is not this child's to cause

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

# seccomp(2): by machine, its audit code and the numbers of socket, ptrace, process_vm_readv and _writev.
_CALLS: Final = {
    "x86_64": (0xC000003E, (41, 101, 310, 311)),
    "aarch64": (0xC00000B7, (198, 117, 270, 271)),
}
_IO_URING_SETUP: Final = 425  # on every machine; a ring opens sockets without a system call of its own
_X32: Final = 0x40000000  # numbers from here on are the calls of another interface, on x86_64
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of the filter, linux/filter.h
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_DENY: Final = 0x00050000 | 1  # EPERM

# landlock(7)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every machine
_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1
_READ: Final = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a folder
_FILE_RIGHTS: Final = {
    1: (1 << 13) - 1,
    2: (1 << 14) - 1,
    3: (1 << 15) - 1,
    5: (1 << 16) - 1,
}  # since version
_OF_FILES: Final = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # the rights that a file can have
_SCOPES: Final = 1 << 0 | 1 << 1  # abstract sockets, signals; since version 6
_SYSTEM: Final = (  # libraries, their cache, what the machine is like, this process itself
    *("/usr", "/lib", "/lib64", "/bin", "/opt", "/nix/store", "/etc/ld.so.cache"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/cmdline", "/sys"),
)


def limit(parent: int, cpu_s: int, memory_bytes: int) -> None:
    """End this process with its parent, and limit what it can use."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            sys.exit(1)
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def isolate(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Take away network, files and other processes, as far as this system can.

    Afterwards the interpreter, the system's libraries and `readable` can be read, `writable` written.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if landlock_version():
            _hide_files([*_libraries(), *readable], [*writable, Path(os.devnull)])
        _deny_calls()


def landlock_version() -> int:
    """Return the version of Landlock in this kernel, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


def _libraries() -> list[Path]:
    """Return where the interpreter finds modules, and the system its libraries."""
    random = [Path("/dev/urandom"), Path("/dev/random")]
    places = {*map(Path, _SYSTEM), Path(sys.prefix), Path(sys.base_prefix), *random}
    return [*places, *(Path(place) for place in sys.path if place)]


def _hide_files(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Hide all of the file system but what is named."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = landlock_version()
    rights = max(mask for since, mask in _FILE_RIGHTS.items() if since <= version)
    layout = struct.pack("=QQQ", rights, 0, _SCOPES if version >= 6 else 0)[: 24 if version >= 6 else 8]
    ruleset = libc.syscall(_CREATE_RULESET, layout, len(layout), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    for paths, allowed in ((readable, _READ), (writable, rights)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue  # what is not there needs no rule
            mask = allowed & rights if path.is_dir() else allowed & rights & _OF_FILES
            rule = struct.pack("=Qi", mask, place)
            if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0):
                raise OSError(ctypes.get_errno(), "landlock")
            os.close(place)
    if libc.syscall(_RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock")
    os.close(ruleset)


def _deny_calls() -> None:
    """Have the system refuse what opens a socket or another process's memory."""
    if platform.machine() not in _CALLS:
        return
    audit, known = _CALLS[platform.machine()]
    numbers = (*known, _IO_URING_SETUP)
    rest = len(numbers) + 1  # instructions from the first comparison of numbers to the one that allows
    filters = [
        (_LOAD, 0, 0, 4),  # the machine
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the call
        (_AT_LEAST, rest, 0, _X32),
        *((_EQUAL, rest - 1 - position, 0, number) for position, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in filters))
    program = struct.pack("@HP", len(filters), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
