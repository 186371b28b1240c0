"""Compiled circuits: made once, however many want them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from quietkeys_trainer.engine import circuit_cache
from quietkeys_trainer.engine.child import PROGRAM_INFO
from quietkeys_trainer.engine.children import Limits
from quietkeys_trainer.engine.circuit_cache import compiled
from quietkeys_trainer.engine.interface import EngineFailed
from tests.fhe_fixtures import SMALL_PLAN


def test_circuits_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three that want the same circuits at once one compiles, and the others wait for it."""
    compilations: list[str] = []

    def compile_slowly(arguments: list[str], parts: Sequence[bytes], _: Limits) -> list[bytes]:
        assert parts == [SMALL_PLAN.canonical]
        compilations.append(arguments[2])
        time.sleep(0.2)
        Path(arguments[1]).mkdir()
        (Path(arguments[1]) / PROGRAM_INFO).touch()
        return []

    monkeypatch.setattr(circuit_cache, "ask", compile_slowly)
    found: list[Path] = []
    wanted = [
        threading.Thread(target=lambda: found.append(compiled(SMALL_PLAN, 1, tmp_path))) for _ in range(3)
    ]
    for thread in wanted:
        thread.start()
    for thread in wanted:
        thread.join()
    assert compilations == ["1"]
    assert len(set(found)) == 1
    assert (found[0] / PROGRAM_INFO).exists()
    compiled(SMALL_PLAN, 2, tmp_path)
    assert compilations == ["1", "2"]


def test_a_compilation_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left that would be taken for circuits, and nobody is kept waiting."""

    def make_nothing(*_: object) -> list[bytes]:
        return []

    monkeypatch.setattr(circuit_cache, "ask", make_nothing)
    for _ in range(2):
        with pytest.raises(EngineFailed):
            compiled(SMALL_PLAN, 1, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and path.name == "1"]
