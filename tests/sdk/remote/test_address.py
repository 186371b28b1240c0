"""Addresses of trainers: encrypted, or this machine."""

from __future__ import annotations

import pytest

from quietkeys import ErrorCode, Refused, Trainer
from quietkeys.remote.trust import trainer_address


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("https://trainer.test", "https://trainer.test"),
        ("https://Trainer.TEST:8443/", "https://trainer.test:8443"),
        ("http://127.0.0.1:8750", "http://127.0.0.1:8750"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_addresses_that_are_safe(given_url: str, used: str) -> None:
    """Https anywhere, http on this machine; one spelling each."""
    assert trainer_address(given_url) == used


@pytest.mark.parametrize(
    "url",
    [
        "",
        "trainer.test",
        "http://trainer.test",
        "http://192.0.2.1",
        "http://127.0.0.1.evil.test",
        "http://localhost@evil.test",
        "https://user:password@trainer.test",
        "https://trainer.test/path",
        "https://trainer.test?x=1",
        "https://trainer.test:port",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    """Everything else is refused before anything is sent."""
    with pytest.raises(Refused) as caught:
        trainer_address(url)
    assert caught.value.code is ErrorCode.ADDRESS_UNSAFE


def test_a_trainer_is_checked_when_it_is_named() -> None:
    """Its address has one spelling, its key 32 bytes, and nothing else is a trainer."""
    assert Trainer("https://Trainer.TEST:8443/") == Trainer("https://trainer.test:8443")
    with pytest.raises(Refused) as caught:
        Trainer("http://trainer.test")
    assert caught.value.code is ErrorCode.ADDRESS_UNSAFE
    with pytest.raises(ValueError, match="32 bytes"):
        Trainer("https://trainer.test", key=bytes(31))


def test_a_trainer_does_not_print_its_enrolment_token() -> None:
    """What lets a device in is a secret; where it goes is not."""
    shown = repr(Trainer("https://trainer.test", enrolment_token="let-me-in"))
    assert "https://trainer.test" in shown
    assert "let-me-in" not in shown
