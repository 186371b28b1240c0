"""What a look-up costs without anything around it: Concrete's own bootstrap and key switch, in one thread.

They are called as the compiled circuits call them, on random words under random keys of the specification's
sizes: how long they take does not depend on what is in them.
"""

from __future__ import annotations

import ctypes
import time
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys_protocol.specification import Specification

_RUNTIME: Final = "libConcretelangRuntime"  # the library in the wheel of concrete-python
_FFT_BYTES: Final = 4096  # more than the structure of a transform has
_ALIGNED: Final = 64


def bare_ms(specification: Specification, times: int) -> float:
    """Return the milliseconds of processor time of a key switch and a bootstrap, the mean of so many."""
    import concrete.compiler  # noqa: F401 - loads what the library needs

    (bootstrap,), (keyswitch,) = specification.bootstrap_keys, specification.keyswitch_keys
    library, draw = ctypes.CDLL(str(_library())), np.random.default_rng(0)
    k, size, n = bootstrap.glwe_dimension, bootstrap.polynomial_size, bootstrap.input_dimension
    big = k * size
    lwe, small, out = _words(draw, big + 1), _words(draw, n + 1), np.zeros(big + 1, np.uint64)
    accumulator = _words(draw, (k + 1) * size)
    switching = _words(draw, big * keyswitch.levels * (n + 1))
    # A key in the Fourier domain: numbers as large as random words are there, so that nothing is skipped.
    fourier = draw.standard_normal(n * bootstrap.levels * (k + 1) ** 2 * size) * 2.0**20
    fft = _aligned(_FFT_BYTES)
    library.concrete_cpu_construct_concrete_fft(_at(fft), ctypes.c_size_t(size))
    need, align = ctypes.c_size_t(), ctypes.c_size_t()
    library.concrete_cpu_bootstrap_lwe_ciphertext_u64_scratch(
        ctypes.byref(need), ctypes.byref(align), ctypes.c_size_t(k), ctypes.c_size_t(size), _at(fft)
    )
    stack = _aligned(need.value + align.value)

    def look_up() -> None:
        library.concrete_cpu_keyswitch_lwe_ciphertext_u64(
            *(_at(one) for one in (small, lwe, switching)),
            *map(ctypes.c_size_t, (keyswitch.levels, keyswitch.base_log, big, n)),
        )
        library.concrete_cpu_bootstrap_lwe_ciphertext_u64(
            *(_at(one) for one in (out, small, accumulator, fourier)),
            *map(ctypes.c_size_t, (bootstrap.levels, bootstrap.base_log, k, size, n)),
            *(_at(fft), _at(stack), ctypes.c_size_t(len(stack))),
        )

    look_up()
    begin = time.process_time()
    for _ in range(times):
        look_up()
    took = time.process_time() - begin
    library.concrete_cpu_destroy_concrete_fft(_at(fft))
    return 1000 * took / times


def _library() -> Path:
    (found,) = [path for path in files("concrete-python") or () if path.name.startswith(_RUNTIME)]
    return Path(str(found.locate()))


def _words(draw: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return draw.integers(0, 1 << 64, count, np.uint64)


def _aligned(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    whole = np.zeros(size + _ALIGNED, np.uint8)
    return whole[-whole.ctypes.data % _ALIGNED :][:size]


def _at(array: np.ndarray[Any, Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
