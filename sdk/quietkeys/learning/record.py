"""From what an app says was typed and kept to what is learnt of it."""

from __future__ import annotations

import secrets

from quietkeys.api.typing_model import TypingModel
from quietkeys.keyboard.layout import Floats
from quietkeys.learning.recorder import Kept, Receipt
from quietkeys.prediction.predictor import Judged
from quietkeys.prediction.scorer import Adapter
from quietkeys.text.pieces import words_of


def record(
    learning: TypingModel, adapter: Adapter, context: str, typed: str, kept: str, touches: Floats
) -> Receipt:
    """Learn what was kept, but for what is to be blanked; `Personalizer.record` says what that is.

    What only now turns out to be secret, as the first of two words that an app has a pattern for, is taken
    back. touches: [len(typed), 2].
    """
    seen = learning.redactor.redacted(context, kept)
    learning.recorder.unlearn(seen.words)
    meant = words_of(seen.context, seen.text)
    came = learning.redactor.redacted(context, typed)
    hit = words_of(came.context, came.text)
    judged: list[Judged | None] = [None] * len(meant)
    if len(hit) == len(meant):
        judged = [
            learning.predictor.judge(piece.context, one.text, adapter, one.touches(touches))
            for piece, one in zip(meant, hit, strict=True)
        ]
    pieces = [Kept(piece.context, one, piece.text) for piece, one in zip(meant, judged, strict=True)]
    return learning.recorder.record_all(pieces, secrets.token_hex(16))


def record_nothing(learning: TypingModel) -> Receipt:
    """Return a receipt of nothing."""
    return learning.recorder.record_all((), secrets.token_hex(16))
