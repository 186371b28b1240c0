"""What apps may rely on changes in plain sight; CONTRIBUTING.md says when it may."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
from pathlib import Path

import pytest

import quietkeys
from quietkeys import Outcome, Personalizer
from tests.house.public_api import KEPT, public_api


def test_the_public_api_is_the_one_that_is_written_down() -> None:
    """Names, arguments, types and members are those in public_api.txt, so that a review sees a change."""
    assert public_api() == KEPT.read_text(), "if it is wanted: python -m tests.house.public_api"


def test_opening_a_profile_takes_nine_arguments_at_most() -> None:
    """What is there for tests is in `quietkeys.testing`."""
    assert len(inspect.signature(Personalizer.open).parameters) <= 9


def test_a_name_is_one_thing_to_the_type_checker_and_at_run_time() -> None:
    """Each public name is imported from the module that the type checker is told of, and is listed."""
    (told,) = (
        node for node in ast.parse(Path(quietkeys.__file__).read_text()).body if isinstance(node, ast.If)
    )
    homes = {
        alias.name: node.module
        for node in told.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == quietkeys._HOME
    assert sorted(homes) == sorted(quietkeys.__all__)
    for name, home in homes.items():
        assert getattr(quietkeys, name) is getattr(importlib.import_module(str(home)), name)
    assert set(quietkeys.__all__) < set(dir(quietkeys))


def test_what_is_imported_late_is_no_different() -> None:
    """It can be had by a star, is pickled by its own module, and what is not there is no attribute."""
    found: dict[str, object] = {}
    exec("from quietkeys import *", found)  # noqa: S102
    assert set(quietkeys.__all__) <= set(found)
    pickled = pickle.dumps((Outcome.LOST, Personalizer))
    assert pickle.loads(pickled) == (Outcome.LOST, Personalizer)  # noqa: S301 - our own bytes
    with pytest.raises(AttributeError, match=r"quietkeys.*'Nothing'"):
        _ = quietkeys.Nothing
