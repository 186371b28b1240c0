"""What a bench measured: written and read in the form of the schema that is committed for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

FOLDER: Final = Path(__file__).parents[1] / "schemas"

Figures = dict[str, Any]
Tell = Callable[[int, int, str], None]  # steps done, steps in all, what is done


@lru_cache(maxsize=16)
def validator(name: str) -> Draft202012Validator:
    """Return the validator of a committed schema, `schemas/NAME.json`."""
    return Draft202012Validator(_inlined(json.loads((FOLDER / f"{name}.json").read_text())))


def _inlined(schema: Any) -> Any:
    # The schema with every reference to another file replaced by what that file says.
    if isinstance(schema, list):
        return [_inlined(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    file = str(schema.get("$ref", "#"))
    if not file.startswith("#"):
        part = json.loads((FOLDER / file).read_text())
        return _inlined({key: value for key, value in part.items() if key not in {"$id", "$schema"}})
    return {key: _inlined(value) for key, value in schema.items()}


def write_figures(path: Path, name: str, figures: Mapping[str, object]) -> None:
    """Write figures, whole or not at all, in the form of their schema.

    Raises jsonschema.ValidationError for others: a mistake of the bench, not of its user.
    """
    validator(name).validate(figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def cells_folder(out: Path) -> Path:
    """Return the folder beside an output that keeps a JSON a person, so that a stopped run can go on."""
    return out.with_name(f"{out.stem}.cells")


def kept_figures(path: Path, name: str, identity: Mapping[str, object]) -> Figures:
    """Return figures that an earlier run has left, or nothing if they are missing or of something else.

    identity: the values by name that must agree.
    """
    found = read_figures(path, name)
    return found if found and all(found.get(key) == value for key, value in identity.items()) else {}


def kept_or_measured(
    path: Path, name: str, identity: Mapping[str, object], measure: Callable[[], Mapping[str, object]]
) -> Figures:
    """Return figures that an earlier run has left; else what is measured, with its identity, once written."""
    kept = kept_figures(path, name, identity)
    if not kept:
        kept = {**identity, **measure()}
        write_figures(path, name, kept)
    return kept


def read_figures(path: Path, name: str) -> Figures:
    """Return figures in the form of their schema, or nothing where there are none (any longer)."""
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return figures if validator(name).is_valid(figures) else {}
