"""The stable public names with what they take and return, as text: one line a name.

python -m tests.house.public_api     writes the text anew, after a change that is wanted
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from quietkeys import Layout

MODULES: Final = (
    "quietkeys",
    "quietkeys.layouts",
    "quietkeys.sgd",
    "quietkeys.testing",
    "quietkeys.typing",
)
KEPT: Final = Path(__file__).parent / "public_api.txt"


def public_api() -> str:
    """Return a line for each public name and each public member of one."""
    lines: list[str] = []
    for module in MODULES:
        found = importlib.import_module(module)
        lines.append(f"[{module}]")
        for name in found.__all__:
            lines += _described(name, getattr(found, name))
    return "\n".join(lines) + "\n"


def _described(name: str, thing: object) -> Iterator[str]:
    if inspect.isclass(thing):
        yield from _class(name, thing)
    elif inspect.isfunction(thing):
        yield f"{name}{_signature(thing)}"
    elif isinstance(thing, Layout):
        yield f"{name}: Layout"
    else:
        yield f"{name} = {thing if hasattr(thing, '__args__') else type(thing).__name__}"


def _class(name: str, thing: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
    yield f"{name}({bases})" if bases else name
    if issubclass(thing, enum.Enum):
        for case in thing:
            yield f"    {case.name} = {case.value!r}"
    elif dataclasses.is_dataclass(thing):
        for one in dataclasses.fields(thing):
            if not one.name.startswith("_"):
                missing = one.default is one.default_factory is dataclasses.MISSING
                yield f"    {one.name}: {one.type}{'' if missing else ' = ...'}"
    elif inspect.isfunction(thing.__init__) and not _is_made_by_us(thing):
        yield f"    __init__{_signature(thing.__init__)}"
    if not dataclasses.is_dataclass(thing):
        for member, kind in sorted(inspect.get_annotations(thing).items()):
            if not member.startswith("_"):
                yield f"    {member}: {kind}"
    for member, value in sorted(vars(thing).items()):
        if member.startswith("_"):
            continue
        if isinstance(value, property) and value.fget is not None:
            writable = "" if value.fset is None else ", writable"
            yield f"    {member}: {inspect.signature(value.fget).return_annotation}{writable}"
        elif isinstance(value, classmethod | staticmethod):
            yield f"    {type(value).__name__} {member}{_signature(value.__func__)}"
        elif inspect.isfunction(value):
            yield f"    {member}{_signature(value)}"


def _is_made_by_us(thing: type) -> bool:
    """Whether apps get this from a method, as its docstring says, and do not call it; or it is a protocol."""
    said = thing.__doc__ or ""
    return getattr(thing, "_is_protocol", False) or "Made by `" in said or "Reached by `" in said


def _signature(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    parameters = [
        one.replace(annotation=_Words(str(one.annotation)), default=_default(one))
        for one in signature.parameters.values()
        if one.name not in ("self", "cls")
    ]
    answer = _Words(str(signature.return_annotation))
    return str(signature.replace(parameters=parameters, return_annotation=answer))


def _default(parameter: inspect.Parameter) -> object:
    """A default as its source says it; those that take too many words are left out."""
    value = parameter.default
    if isinstance(value, enum.Enum):
        return _Words(f"{type(value).__name__}.{value.name}")
    if value is parameter.empty or isinstance(value, bool | int | float | str | bytes | None):
        return value
    return _Words("...")


@dataclasses.dataclass(frozen=True)
class _Words:
    """Shown as they are."""

    text: str

    def __repr__(self) -> str:
        return self.text


if __name__ == "__main__":
    KEPT.write_text(public_api())
