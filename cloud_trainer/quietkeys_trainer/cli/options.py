"""Flags of commands, made from the settings that they set, and how all commands end in an error."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, NoReturn, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from sqlalchemy.exc import SQLAlchemyError

from quietkeys_protocol.errors import QuietkeysError
from quietkeys_trainer.service.settings import FILE, PREFIX, SYSTEM_FILE, Settings, read_settings

STORES: Final = ("state", "database", "blobs")
KEPT: Final = ("keep_results_days", "keep_reports_days", "keep_keys_days", "keep_audit_days")
WORK: Final = (
    *(*STORES, "shipped_plans", "plan", "client_spec_sha256", "plans", "pin"),
    *("executor", "address", "lease_seconds", "warm_bytes"),
)
ALL: Final = tuple(Settings.model_fields)
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help=f"A TOML file with settings, instead of {FILE} in the state folder or {SYSTEM_FILE}.",
        dir_okay=False,
        show_default=False,
    ),
]

Command = Callable[..., None]


@contextmanager
def typed_exit() -> Iterator[None]:
    """Turn a typed error, or what a system or a database says, into a line and exit status 2."""
    try:
        yield
    except QuietkeysError as error:
        _end(error, str(error))
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        says = f"{error.strerror or type(error).__name__}{place}"
        _end(
            error,
            f"{says[0].lower()}{says[1:]}. See that it is the right place and that this user may use it.",
        )
    except SQLAlchemyError as error:  # whose own words may quote rows
        _end(
            error,
            f"the database refused this ({type(error).__name__}). See that it is this trainer's, and whole.",
        )


def _end(error: Exception, says: str) -> NoReturn:
    print(f"quietkeys-trainer: {says}", file=sys.stderr)
    raise typer.Exit(2) from error


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Give a command the flags of these settings, and call it with all settings as its first argument.

    A typed error of the command, or of a setting wherever it stands, ends it.
    """

    def decorate(command: Command) -> Command:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        flags = [_parameter(name, flag(name), None) for name in names]
        config = _parameter("config", ConfigOption, None)

        @wraps(command)
        def called(**given: Any) -> None:
            found = {name: given.pop(name) for name in names}
            with typed_exit():
                settings = read_settings(
                    {name: value for name, value in found.items() if value not in (None, [])},
                    given.pop("config"),
                )
                command(settings, **given)

        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *flags, config)]
        vars(called)["__signature__"] = inspect.Signature(parameters)
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return decorate


def flag(name: str) -> Any:
    """Return the type, for Typer, of a setting's flag; None is a flag that was not given.

    Everything but a switch is taken as text, so that the settings say what is wrong with it, whether it came
    by flag, by environment or from a file.
    """
    field = Settings.model_fields[name]
    spelt = f"--{name.replace('_', '-')}"
    described: dict[str, Any] = {"help": f"{field.description}", "show_default": shown_default(field)}
    if field.annotation is bool:
        option = typer.Option(f"{spelt}/--no-{spelt[2:]}", **described)
        return Annotated[bool | None, option]
    option = typer.Option(spelt, metavar=_metavar(field), **described)
    return Annotated[list[str] | None, option] if _is_several(field) else Annotated[str | None, option]


def shown_default(field: FieldInfo) -> str | bool:
    """Return a setting's default in words; False where it has none to show."""
    default = field.default
    if default in ("", (), None):
        return False
    if isinstance(default, tuple):
        return ", ".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def settings_table() -> str:
    """Return all settings as a table in Markdown, for docs/OPERATIONS.md."""
    lines = ["| setting | usual | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = shown_default(field)
        lines.append(f"| `{name}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(lines)


def variable(name: str) -> str:
    """Return the environment variable that sets a setting."""
    return f"{PREFIX}{name.upper()}"


def _parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _is_several(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def _metavar(field: FieldInfo) -> str:
    """Return what a flag's help shows in the place of its value."""
    kinds = [one for one in (get_args(field.annotation) or (field.annotation,)) if one not in (NoneType, ...)]
    kind = get_args(kinds[0])[0] if get_origin(kinds[0]) is Annotated else kinds[0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "[" + "|".join(kind) + "]"
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")
