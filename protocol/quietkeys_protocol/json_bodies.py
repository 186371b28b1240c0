"""JSON bodies, each described once: how it is written, how it is read and its JSON schema follow.

A body is a frozen dataclass whose fields say in their annotation what stands for them in JSON:

    device_id: Annotated[str, hex_text(16)]

What stands there is text, whatever the value is, or an object, or a list of objects. Reading is exact: these
fields, once each, in these spellings and bounds. A field with a default may be missing, and is left out when
it has that value. A body is written in one way: no spaces, fields in the order of their declaration.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Final, Self, get_type_hints

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, Untrusted
from quietkeys_protocol.signing import parse_base64_within

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What stands for a field in JSON.

    schema: of that, but for bounds that a schema cannot express. read: from what stands there to the value;
    raises ValueError where it stands for none. write: back.
    """

    schema: Schema
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = str


class Body:
    """A JSON body, or an object within one. Its own `__post_init__` may refuse more, with a ValueError."""

    __slots__ = ()

    def to_json(self) -> bytes:
        """Return this body as JSON, in UTF-8."""
        return json.dumps(self._write(), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Return the body that these bytes spell; for what is raised see `RequestBody` and `AnswerBody`."""
        try:
            tree = json.loads(content.decode(), object_pairs_hook=_once_each)  # of bytes it takes UTF-16 too
        except (ValueError, RecursionError):
            raise cls._malformed("not JSON") from None  # without its cause, which holds the whole body
        try:
            return cls._read(tree)
        except ValueError as error:
            raise cls._malformed(str(error) or "fields") from None

    @classmethod
    def schema(cls) -> Schema:
        """Return the JSON schema of what `parse` takes."""
        described = _described(cls).items()
        return {
            "type": "object",
            "properties": {name: kind.schema for name, (_, kind) in described},
            "required": sorted(name for name, (field, _) in described if field.default is MISSING),
            "additionalProperties": False,
        }

    @classmethod
    def _malformed(cls, what: str) -> QuietkeysError:
        raise NotImplementedError

    @classmethod
    def _read(cls, tree: Any) -> Self:
        described = _described(cls)
        _require(isinstance(tree, dict) and tree.keys() <= described.keys())
        values = {}
        for name, (field, kind) in described.items():
            if name in tree:
                try:
                    values[name] = kind.read(tree[name])
                except ValueError:
                    raise ValueError(name) from None
            elif field.default is MISSING:
                raise ValueError(name)
        return cls(**values)

    def _write(self) -> dict[str, Any]:
        tree = {}
        for name, (field, kind) in _described(type(self)).items():
            value = getattr(self, name)
            if value != field.default:
                tree[name] = kind.write(value)
        return tree


class RequestBody(Body):
    """What a device or an operator sends; `parse` raises Refused (REQUEST_MALFORMED), naming the field."""

    __slots__ = ()

    @classmethod
    def _malformed(cls, what: str) -> QuietkeysError:
        return Refused(ErrorCode.REQUEST_MALFORMED, what)


class AnswerBody(Body):
    """What a trainer sends; `parse` raises Untrusted (TRAINER_GARBLED), naming the field."""

    __slots__ = ()

    @classmethod
    def _malformed(cls, what: str) -> QuietkeysError:
        return Untrusted(ErrorCode.TRAINER_GARBLED, what)


_DESCRIBED: Final[dict[type[Body], dict[str, tuple[Field[Any], Kind]]]] = {}  # once computed


def any_text() -> Kind:
    """Return the kind for any text at all, read as a str."""
    return Kind({"type": "string"}, _text)


def hex_text(size: int, *, or_empty: bool = False) -> Kind:
    """Return the kind for lower-case hex of `size` bytes, or nothing where `or_empty`, read as a str."""
    digits = f"[0-9a-f]{{{2 * size}}}"
    return _spelt(f"^({digits})?$" if or_empty else f"^{digits}$", str)


def hex_bytes(size: int) -> Kind:
    """Return the kind for lower-case hex of `size` bytes, read as bytes."""
    return _spelt(f"^[0-9a-f]{{{2 * size}}}$", bytes.fromhex, bytes.hex)


def decimal(least: int, most: int) -> Kind:
    """Return the kind for decimal digits without leading zeros, an int of `least` (0 or 1) to `most`."""
    number = f"[1-9][0-9]{{0,{len(str(most)) - 1}}}"

    def within(text: str) -> int:
        _require(least <= int(text) <= most)
        return int(text)

    return _spelt(f"^{number}$" if least else f"^(0|{number})$", within)


def base64_bytes(least: int, most: int) -> Kind:
    """Return the kind for canonical base64, read as `least` to `most` bytes."""

    def read(tree: Any) -> bytes:
        try:
            content = parse_base64_within(_text(tree), most, "")
        except Refused:
            raise ValueError from None
        _require(len(content) >= least)
        return content

    lengths = {"minLength": _base64_length(least), "maxLength": _base64_length(most)}
    schema = {"type": "string", "contentEncoding": "base64", **lengths}
    return Kind(schema, read, lambda content: base64.b64encode(content).decode())


def one_of(words: Sequence[str]) -> Kind:
    """Return the kind for one of some words, members of a StrEnum or plain text, read as the member."""

    def read(tree: Any) -> str:
        _require(_text(tree) in words)
        return words[words.index(tree)]

    return Kind({"type": "string", "enum": [str(word) for word in words]}, read)


def nested(kind: type[Body]) -> Kind:
    """Return the kind for an object with fields of its own, read as a body."""
    return Kind(kind.schema(), kind._read, kind._write)


def list_of(kind: type[Body], least: int, most: int) -> Kind:
    """Return the kind for `least` to `most` objects, read as a tuple of bodies."""

    def read(tree: Any) -> tuple[Body, ...]:
        _require(isinstance(tree, list) and least <= len(tree) <= most)
        return tuple(kind._read(entry) for entry in tree)

    schema = {"type": "array", "items": kind.schema(), "minItems": least, "maxItems": most}
    return Kind(schema, read, lambda bodies: [body._write() for body in bodies])


def _described(cls: type[Body]) -> dict[str, tuple[Field[Any], Kind]]:
    """Return the fields of a body by name, with the kind that their annotation names."""
    if cls not in _DESCRIBED:
        hints = get_type_hints(cls, include_extras=True)
        own = fields(cls)  # type: ignore[arg-type]
        _DESCRIBED[cls] = {field.name: (field, hints[field.name].__metadata__[0]) for field in own}
    return _DESCRIBED[cls]


def _spelt(pattern: str, read: Callable[[str], Any], write: Callable[[Any], str] = str) -> Kind:
    """Return the kind for text of a pattern."""

    def matching(tree: Any) -> Any:
        _require(re.fullmatch(pattern, _text(tree)) is not None)
        return read(tree)

    return Kind({"type": "string", "pattern": pattern}, matching, write)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    _require(len(tree) == len(pairs))
    return tree


def _text(tree: Any) -> str:
    if not isinstance(tree, str):
        raise ValueError
    tree.encode()  # a ValueError where it is half of a surrogate pair, which JSON can spell and UTF-8 cannot
    return tree


def _base64_length(size: int) -> int:
    return (size + 2) // 3 * 4


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError
