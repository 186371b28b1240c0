"""What an embedding must get right between keys and text, for keyboards, input methods and text boxes.

`Typing` knows when a word ends, what a refusal is, where spaces go and what is learnt, and owns no text: it
is told what stands around the cursor and answers with an `Edit`. `Editor` owns a text, a cursor and a shift
key on top of it. Both see plaintext, keep the last of it in memory while somebody types, and write none.

May come in: what follows from a text and a key alone; not how anything looks, nothing of a window system.
"""

from __future__ import annotations

from quietkeys.text.starts import capital_due
from quietkeys.typing.aside import Aside
from quietkeys.typing.capitals import Shift, recased
from quietkeys.typing.composing import Typing
from quietkeys.typing.editor import Editor
from quietkeys.typing.edits import Choice, Edit, KeptWord, Surroundings
from quietkeys.typing.mirror import Mirror

__all__ = [
    "Aside",
    "Choice",
    "Edit",
    "Editor",
    "KeptWord",
    "Mirror",
    "Shift",
    "Surroundings",
    "Typing",
    "capital_due",
    "recased",
]
