"""A text box that learns: `python examples/desktop.py [TRAINER_URL]`."""

import sys
import threading
import tkinter as tk
from functools import partial
from pathlib import Path

from quietkeys import Personalizer, QuietkeysError, Trainer, UndoReceipt

STATEMENT = "Encrypted counts of how you type go to a trainer that cannot read them."


class Desktop(tk.Tk):
    def __init__(self, keyboard: Personalizer) -> None:
        super().__init__()
        self.keyboard = keyboard
        self.last: tuple[str, str, UndoReceipt | None] = ("", "", None)  # typed, kept, and how to undo it
        self.text = tk.Text(self, width=60, height=10, wrap="word")
        self.strip = [tk.Button(self, command=partial(self.end, n)) for n in range(3)]
        self.said = tk.StringVar(self, "Type. Backspace takes a correction back.")
        agree = tk.Button(self, text="Agree and train", command=self.train)
        for widget in (self.text, *self.strip, tk.Label(self, textvariable=self.said), agree):
            widget.pack(fill="x")
        self.text.bind("<space>", lambda _: self.end())
        self.text.bind("<BackSpace>", lambda _: self.undo())
        self.text.bind("<KeyRelease>", lambda _: self.show())

    def word(self) -> tuple[str, str]:  # what stands before the word that is being typed, and that word
        before, space, typed = self.text.get("insert linestart", "insert").rpartition(" ")
        return before + space, typed

    def show(self) -> None:
        for button, word in zip(self.strip, [*self.keyboard.suggest(*self.word()).strip, "", "", ""]):
            button.config(text=word)

    def put(self, old: str, new: str) -> str:
        self.text.delete(f"insert-{len(old)}c", "insert")
        self.text.insert("insert", new)
        return "break"  # the key has done what it was to do

    def end(self, chosen: int | None = None) -> str:  # the word ends, corrected or as chosen in the strip
        context, typed = self.word()
        kept = (
            self.keyboard.suggest(context, typed).correction if chosen is None else self.strip[chosen]["text"]
        )
        kept = kept or typed
        self.last = (typed, kept, self.keyboard.record(context, typed, kept))
        return self.put(typed, kept + " ")

    def undo(self) -> str | None:
        typed, kept, receipt = self.last
        if receipt is None or typed == kept or not self.word()[0].endswith(kept + " ") or self.word()[1]:
            return None  # an ordinary backspace
        self.keyboard.undo(receipt)
        self.last = ("", "", None)
        return self.put(kept + " ", typed)

    def train(self) -> None:
        self.keyboard.consent.give(STATEMENT)
        threading.Thread(target=self.sync, daemon=True).start()

    def sync(self) -> None:
        try:
            self.said.set(self.keyboard.sync(lambda now: self.said.set(f"{now.step.value} ...")).reason)
        except QuietkeysError as error:
            self.said.set(str(error))


if __name__ == "__main__":
    trainer = Trainer(sys.argv[1]) if len(sys.argv) > 1 else None
    with Personalizer.open(Path.home() / ".quietkeys-example", trainer=trainer) as keyboard:
        Desktop(keyboard).mainloop()
