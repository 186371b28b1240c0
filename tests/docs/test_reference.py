"""The API reference: everything public is documented, and the pages can be written."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.api_reference import MODULES, write


def undocumented(module: str) -> Iterator[str]:
    """The public names of a module that say nothing about themselves."""
    found = importlib.import_module(module)
    if not inspect.getdoc(found):
        yield module
    names = getattr(found, "__all__", None) or [name for name in vars(found) if not name.startswith("_")]
    for name in names:
        thing = getattr(found, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)) or thing.__module__.split(".")[
            0
        ] not in {
            "quietkeys",
            "quietkeys_protocol",
        }:
            continue
        if not thing.__doc__:
            yield f"{module}.{name}"
        if inspect.isclass(thing):
            yield from (f"{module}.{name}.{member}" for member in _silent(thing))


def _silent(kind: type) -> Iterator[str]:
    own = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
    skipped = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    if issubclass(kind, enum.Enum):
        skipped |= set(kind.__members__)
    for name, value in own.items():
        if name in skipped:
            continue
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if callable(function) and not inspect.getdoc(function):
            yield name


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_is_documented(module: str) -> None:
    """Modules, classes, functions, methods and properties; fields are in their class's words."""
    assert list(undocumented(module)) == []


def test_the_check_finds_what_is_missing() -> None:
    """A method without words is found."""

    class Silent:
        """Says something."""

        def method(self) -> None:
            pass

    assert list(_silent(Silent)) == ["method"]


def test_the_pages_have_every_public_name(tmp_path: Path) -> None:
    """A page for each module, with each of its names."""
    write(tmp_path)
    assert (tmp_path / "index.html").is_file()
    for module in MODULES:
        page = (tmp_path / f"{module.replace('.', '/')}.html").read_text()
        for name in getattr(importlib.import_module(module), "__all__", ()):
            assert f'id="{name}"' in page, f"{module}.{name}"
