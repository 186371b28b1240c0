"""The prose that benches of speed type."""

from __future__ import annotations

from quietkeys_bench.common.prose import prose_of_python


def test_python_ships_enough_prose() -> None:
    """The default text is thousands of words of sentences, each once, without code."""
    sentences = prose_of_python()
    assert len(sentences) == len(set(sentences))
    assert sum(len(sentence.split()) for sentence in sentences) > 8000
    assert not [sentence for sentence in sentences if set(sentence) & set("_()[]{}=<>*`\\/\n")]
    assert all(sentence[0].isupper() and sentence[-1] in ".!?" for sentence in sentences)
