"""What a child may do that parses bytes of strangers: compute. It calls this itself, before it reads them.

Limits on memory, time and files hold everywhere. On Linux the child dies with its parent, is the first to go
when memory runs out, cannot open a socket, and, once it `stays_alone`, cannot start another process, which
would outlive it and have limits of its own (seccomp, by libseccomp). Where the kernel has Landlock it sees no
file but the libraries and what it was given, and no other process of its user: neither their memory and
environment nor a way to signal them. What is `hidden` it sees nowhere, whether it lies among the libraries or
not. Whoever runs the service needs no privilege for any of this.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused

MAX_FILE_BYTES: Final = 256 << 20  # circuits have under 1 MB; a full disk is not this child's to cause

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_NO_NEW_PRIVS: Final = 38
CPU_GRACE_S: Final = (
    5  # from the signal that says that processor time is over to the end: the first tells why
)
MAX_OPEN_FILES: Final = 256

# What opens a socket (a ring of io_uring does so without a system call of its own), reaches into another
# process or the kernel, or leaves this process's group and namespaces.
_FORBIDDEN: Final = (
    *("socket", "socketpair", "io_uring_setup", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("pidfd_getfd", "bpf", "userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key"),
    *("unshare", "setns", "setsid", "setpgid"),
)
# What starts a process, or keeps bytes where neither a limit nor the size of a folder counts them.
_STARTING: Final = ("fork", "vfork", "execve", "execveat", "memfd_create")
_CLONE_THREAD: Final = 0x10000  # clone(2): another thread of this process

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
    *("/usr", "/lib", "/lib64", "/bin", "/nix/store", "/etc/ld.so.cache"),
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
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + CPU_GRACE_S))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_OPEN_FILES if most == resource.RLIM_INFINITY else min(most, MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def isolate(readable: Iterable[Path], writable: Iterable[Path], hidden: Iterable[Path] = ()) -> None:
    """Take away network, files and other processes, as far as this system can.

    Afterwards the interpreter, the system's libraries and `readable` can be read, `writable` written; of
    what is `hidden`, only what these name.
    """
    if sys.platform == "linux":
        import pyseccomp

        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if landlock_version():
            places = [*hidden]
            libraries = [part for place in _libraries() for part in around(place, places)]
            _hide_files([*libraries, *readable], [*writable, Path(os.devnull)])
        filtered = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
        for call in _FORBIDDEN:
            filtered.add_rule(pyseccomp.ERRNO(errno.EPERM), call)
        filtered.load()


def require_filters() -> None:
    """Raise `Refused` (PLAN_INVALID) where this system could not filter a child's calls."""
    if sys.platform == "linux":
        try:
            import pyseccomp  # noqa: F401 - it looks for the system's library
        except (ImportError, RuntimeError, OSError) as error:
            raise Refused(
                ErrorCode.PLAN_INVALID, "libseccomp, which confines it, is not installed"
            ) from error


def stay_alone() -> None:
    """Start no process from here on, only threads; call it after `isolate`, when nothing is to be started."""
    if sys.platform == "linux":
        import pyseccomp

        filtered = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
        for call in _STARTING:
            filtered.add_rule(pyseccomp.ERRNO(errno.EPERM), call)
        is_process = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0)
        filtered.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", is_process)
        # Its flags lie in memory, where no filter looks; without it the C library starts threads by `clone`.
        filtered.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
        filtered.load()


def around(place: Path, hidden: Iterable[Path]) -> Iterator[Path]:
    """Yield what covers a place but for what is hidden below it; the place itself where nothing is.

    A place that lies within something hidden is named on purpose, such as an environment of Python beside
    what it serves.
    """
    real = Path(os.path.realpath(place))
    inside = [one for one in map(Path, map(os.path.realpath, hidden)) if one == real or real in one.parents]
    if not inside:
        yield place
    elif real not in inside:
        try:
            entries = sorted(real.iterdir())
        except OSError:
            return
        for entry in entries:
            yield from around(entry, inside)


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
