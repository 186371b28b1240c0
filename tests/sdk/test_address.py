"""Addresses of trainers: encrypted, or this machine."""

from __future__ import annotations

import pytest

from quietkeys import ErrorCode, Refused
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
