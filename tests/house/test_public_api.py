"""What apps may rely on changes in plain sight; CONTRIBUTING.md says when it may."""

from __future__ import annotations

import inspect

from quietkeys import Personalizer
from tests.house.public_api import KEPT, public_api


def test_the_public_api_is_the_one_that_is_written_down() -> None:
    """Names, arguments, types and members are those in public_api.txt, so that a review sees a change."""
    assert public_api() == KEPT.read_text(), "if it is wanted: python -m tests.house.public_api"


def test_opening_a_profile_takes_nine_arguments_at_most() -> None:
    """What is there for tests is in `quietkeys.testing`."""
    assert len(inspect.signature(Personalizer.open).parameters) <= 9
