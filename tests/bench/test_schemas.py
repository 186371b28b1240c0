"""What a bench writes has a committed form, and nothing else is written."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import FOLDER, read_figures, validator, write_figures

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_schema_and_stands_alone(name: str) -> None:
    """Every committed schema is valid, and no reference to another file is left in it."""
    schema = validator(name).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert '.json"' not in json.dumps(schema).replace(f'"{name}.json"', "")


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_refuses_what_it_does_not_know(name: str) -> None:
    """A figure with a wrong type or an unknown name is refused by every schema."""
    assert not validator(name).is_valid({"surprise": 1})
    assert not validator(name).is_valid("text")


def test_the_machine_fits_its_schema() -> None:
    """What we say of this machine has the form that all figures use, without its name or its user's."""
    tree = this_machine().tree()
    validator("machine").validate(tree)
    import getpass
    import platform

    assert platform.node() not in json.dumps(tree).split('"')
    assert getpass.getuser() not in json.dumps(tree).split('"')


def test_wrong_figures_are_not_written(tmp_path: Path) -> None:
    """Figures of another form raise, and leave what was there before."""
    path = tmp_path / "machine.json"
    write_figures(path, "machine", this_machine().tree())
    before = path.read_bytes()
    with pytest.raises(jsonschema.ValidationError):
        write_figures(path, "machine", {"cpu": "one"})
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cpu": "one"}'])
def test_broken_figures_count_as_missing(tmp_path: Path, content: str) -> None:
    """A file that was cut off or has another form is read as nothing."""
    path = tmp_path / "machine.json"
    path.write_text(content)
    assert read_figures(path, "machine") == {}
    assert read_figures(tmp_path / "none.json", "machine") == {}
