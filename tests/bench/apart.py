"""Calls in a process of their own: what loads Concrete may not do so in the process of the tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Found = TypeVar("Found")


def apart(call: Callable[..., Found], *arguments: object) -> Found:
    """What a call returns in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()
