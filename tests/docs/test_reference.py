"""The reference: what is public is documented, says what it raises, and has its place on the site."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quietkeys_protocol import errors
from quietkeys_protocol.codes import ErrorCode
from quietkeys_protocol.errors import QuietkeysError
from tests.docs.conftest import ROOT
from tools.site_pages import REFERENCE, public_names

MODULES = [module for modules in REFERENCE.values() for module in modules]
ERRORS = {kind.__name__: kind for kind in vars(errors).values() if inspect.isclass(kind)}
GROUPS = {
    name: kind
    for name, kind in ERRORS.items()
    if issubclass(kind, QuietkeysError) and kind is not QuietkeysError
}
HELD_TO = {
    "Cipher": "quietkeys.cipher.Cipher",
    "Protection": "quietkeys.Protection",
}  # as docstrings say
ARRAYS = re.compile(r"\b(?:NDArray|Float\d+|U?Int\d+|Bool)\b")
SHAPE = re.compile(r"\[[^\]\n]*\]")


def members_of(module: str) -> Iterator[tuple[str, Any]]:
    """The public classes and functions of a module, and their public members, by full name."""
    found = importlib.import_module(module)
    for name in public_names(module) or [name for name in vars(found) if not name.startswith("_")]:
        thing = getattr(found, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not thing.__module__.startswith("quietkeys") or (
            not public_names(module) and thing.__module__ != module
        ):
            continue
        yield f"{module}.{name}", thing
        if inspect.isclass(thing):
            yield from _of_class(f"{module}.{name}", thing)


def _of_class(where: str, kind: type) -> Iterator[tuple[str, Any]]:
    skipped = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    if issubclass(kind, enum.Enum):
        skipped |= set(kind.__members__)
    for name, value in vars(kind).items():
        if name.startswith("_") or name in skipped:
            continue
        function = (
            getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
        )
        if inspect.isfunction(function):
            yield f"{where}.{name}", function


def words_of(thing: Any) -> str:
    """The docstring of a thing; of one that only says "See `Cipher`.", that of the same member there."""
    said = inspect.getdoc(thing) or ""
    other = re.match(r"See `([\w.]+)`", said)
    if other:
        module, _, name = HELD_TO.get(other[1], other[1]).rpartition(".")
        held_to = getattr(importlib.import_module(module), name)
        said += inspect.getdoc(getattr(held_to, thing.__name__)) or ""
    return said


def misnamed(words: str) -> Iterator[str]:
    """The codes in a docstring that no error of the class they are named with can have."""
    parts = re.split(rf"\b({'|'.join(GROUPS)})\b", words)
    for group, after in zip(parts[1::2], parts[2::2], strict=True):
        for code in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", after):
            if code not in ErrorCode.__members__ or ErrorCode[code].remedy is not GROUPS[group].remedy:
                yield f"{group} ({code})"


def unsaid(function: Any) -> Iterator[str]:
    """The codes that a function raises by its own statements and does not name in its docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            code = ast.unparse(node.exc.args[0]).removeprefix("ErrorCode.")
            if code in ErrorCode.__members__ and code not in words_of(function):
                yield code


def shapeless(thing: Any) -> bool:
    """Whether it takes, returns or holds arrays and no word says of which shape."""
    kinds = getattr(thing, "__annotations__", {})
    return bool(ARRAYS.search(" ".join(map(str, kinds.values())))) and not SHAPE.search(words_of(thing))


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_is_documented(module: str) -> None:
    """Modules, classes, functions, methods and properties; fields are in their class's words."""
    assert inspect.getdoc(importlib.import_module(module))
    assert [name for name, thing in members_of(module) if not thing.__doc__] == []


@pytest.mark.parametrize("module", MODULES)
def test_errors_are_named_as_they_are_raised(module: str) -> None:
    """A code stands behind the class that carries it, and what a function raises itself is in its words."""
    named = {name: list(misnamed(words_of(thing))) for name, thing in members_of(module)}
    assert {name: codes for name, codes in named.items() if codes} == {}
    raised = {name: list(unsaid(thing)) for name, thing in members_of(module) if inspect.isfunction(thing)}
    assert {name: codes for name, codes in raised.items() if codes} == {}


@pytest.mark.parametrize("module", MODULES)
def test_arrays_have_shapes(module: str) -> None:
    """Who takes, returns or holds an array says its shape in brackets."""
    assert [name for name, thing in members_of(module) if shapeless(thing)] == []


def test_the_checks_find_what_is_missing() -> None:
    """A method without words, a code of another class, a code that is not named, an array without a shape."""

    class Silent:
        """Says something."""

        def method(self) -> None:
            raise errors.Refused(ErrorCode.WORD_MALFORMED)

    ((name, method),) = _of_class("Silent", Silent)
    assert name == "Silent.method"
    assert not method.__doc__
    assert list(unsaid(method)) == ["WORD_MALFORMED"]
    assert list(misnamed("Raises Refused (DISK_FULL), TryAgain (DISK_FULL, NO_CODE).")) == [
        "Refused (DISK_FULL)",
        "TryAgain (NO_CODE)",
    ]
    method.__annotations__["return"] = "NDArray[np.int64]"
    assert shapeless(method)


def test_the_site_is_whole(tmp_path: Path) -> None:
    """It builds without a warning, has every public name, and fetches nothing from elsewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for title, modules in REFERENCE.items():
        page = (tmp_path / "reference" / f"{title}.html").read_text()
        for module in modules:
            assert f'id="{module}"' in page
            for name in public_names(module):
                assert f'id="{module}.{name}"' in page, f"{module}.{name}"
    for page_file in tmp_path.rglob("*.html"):
        fetched = re.findall(
            r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', page_file.read_text()
        )
        assert fetched == [], page_file.name
