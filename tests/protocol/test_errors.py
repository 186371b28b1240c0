"""The error tree: every code in one class, with something a person can do."""

from __future__ import annotations

import pickle

import pytest

from quietkeys_protocol import errors
from quietkeys_protocol.errors import LOCAL, ErrorCode, QuietkeysError, Refused, TryAgain, error_of


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_can_be_raised_and_says_what_to_do(code: ErrorCode) -> None:
    """A code leads to one class below the base, with a message and an advice that is a sentence."""
    error = error_of(code, "17 bytes")
    assert type(error) in QuietkeysError.__subclasses__()
    assert error.code is code
    assert error.message == f"{code.message}: 17 bytes"
    assert error.advice.endswith(".")
    assert code.status == LOCAL or 400 <= code.status < 600
    assert error_of(code).message == code.message


def test_a_code_goes_with_its_own_class_only() -> None:
    """Raising a code through another class is our own mistake and is noticed at once."""
    with pytest.raises(TypeError):
        Refused(ErrorCode.DISK_FULL)


def test_no_two_classes_share_a_remedy() -> None:
    """Each class of the tree tells the caller something else to do."""
    remedies = [kind.remedy for kind in QuietkeysError.__subclasses__()]
    assert sorted(remedies, key=str) == sorted(errors.Remedy, key=str)


def test_an_error_survives_the_way_between_processes() -> None:
    """An error raised in a child arrives in its parent with code and detail."""
    error = pickle.loads(pickle.dumps(TryAgain(ErrorCode.DISK_FULL, "blobs")))  # noqa: S301 - our own bytes
    assert isinstance(error, TryAgain)
    assert (error.code, error.detail) == (ErrorCode.DISK_FULL, "blobs")


def test_the_wire_value_leads_back_to_the_code() -> None:
    """A code that came over the wire is found by its value."""
    assert ErrorCode("key_unknown") is ErrorCode.KEY_UNKNOWN


def test_everything_offered_exists_and_is_sorted() -> None:
    """`__all__` lists what there is, in the order the linter keeps."""
    assert all(hasattr(errors, name) for name in errors.__all__)
    assert len(set(errors.__all__)) == len(errors.__all__)
