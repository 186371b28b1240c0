"""The text that the demo types."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.text import LEAST_WORDS, messages_of_the_demo, words_to_type


def test_the_demo_brings_messages() -> None:
    """The default text is thousands of words in short messages, as people text."""
    messages = messages_of_the_demo()
    assert sum(len(message.split()) for message in messages) > 3_500
    assert all(message == message.strip() and 0 < len(message) < 120 for message in messages)
    assert sum(message[0].islower() for message in messages) > 0.9 * len(messages)
    assert not [
        message for message in messages if set(message) & set("_()[]{}=<>*`\\/@#") or not message.isascii()
    ]


@pytest.mark.parametrize("name", ["text.txt", "text.txt.gz"])
def test_a_file_is_typed_one_message_a_line(tmp_path: Path, name: str) -> None:
    """Plain and compressed files give the same words, as many as asked for."""
    content = ("see you tomorrow at the café\n" * 100).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    words = words_to_type(path, 400)
    assert [word.text for word in words[:6]] == ["see", "you", "tomorrow", "at", "the", "café"]
    assert len(words) == 400


@pytest.mark.parametrize("content", [None, b"", b"too short", b"\x1f\x8b broken"])
def test_an_unusable_file_is_refused_with_advice(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, short and broken files end in one sentence and advice, without their content."""
    path = tmp_path / "text.txt.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DemoFailed) as caught:
        words_to_type(path, None)
    assert "--text" in str(caught.value)
    assert "short" not in str(caught.value)
    plain = tmp_path / "plain.txt"
    plain.write_text("word " * (LEAST_WORDS - 1))
    with pytest.raises(DemoFailed, match="too few"):
        words_to_type(plain, None)
