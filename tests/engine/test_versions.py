"""A Concrete that reads other bytes than devices write is told at once, not by noise in somebody's update."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.engine import circuit_cache
from quietkeys_trainer.engine.local import load_engine
from quietkeys_trainer.engine.sgd import load_sgd_engine
from tests.fhe_fixtures import SMALL_PLAN
from tests.sgd_plans import SMALL_SGD


@pytest.mark.parametrize("found", ["2.9.0", "2.11.0", "2.100.0", "3.10.0", ""])
def test_another_concrete_is_refused(found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older and a newer one, and none at all: before anything is compiled, by name."""

    def version(_: str) -> str:
        if not found:
            raise PackageNotFoundError
        return found

    monkeypatch.setattr(circuit_cache, "version", version)
    with pytest.raises(Refused) as refused:
        load_engine(SMALL_PLAN, tmp_path)
    assert refused.value.code is ErrorCode.EXTRA_MISSING
    assert circuit_cache.CONCRETE in refused.value.detail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("found", ["1.8.0", "1.10.0", "2.0.0", ""])
def test_another_concrete_ml_is_refused(found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For plans that it would compile, by name; plans of counts do not ask for it."""

    def version(package: str) -> str:
        if package != "concrete-ml":
            return installed(package)
        if not found:
            raise PackageNotFoundError
        return found

    monkeypatch.setattr(circuit_cache, "version", version)
    with pytest.raises(Refused) as refused:
        load_sgd_engine(SMALL_SGD, tmp_path)
    assert refused.value.code is ErrorCode.EXTRA_MISSING
    assert f"Concrete ML {circuit_cache.CONCRETE_ML}" in refused.value.detail
    assert list(tmp_path.iterdir()) == []


def test_the_pinned_concrete_is_known() -> None:
    """What the lock brings is the release that the protocol describes."""
    circuit_cache.require_known_concrete()
    circuit_cache.require_known_concrete_ml()
