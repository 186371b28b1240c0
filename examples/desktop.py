"""A text box that learns: `python examples/desktop.py [TRAINER_URL]`."""

import sys
import threading
import tkinter as tk
from functools import partial
from pathlib import Path

from quietkeys import Personalizer, QuietkeysError, Trainer
from quietkeys.typing import Choice, Edit, Surroundings, Typing

STATEMENT = "Encrypted counts of how you type go to a trainer that cannot read them."


class Desktop(tk.Tk):
    def __init__(self, keyboard: Personalizer) -> None:
        super().__init__()
        self.keyboard, self.typing = keyboard, Typing(keyboard)
        self.choices: tuple[Choice, ...] = ()
        self.text = tk.Text(self, width=60, height=10, wrap="word")
        self.strip = [tk.Button(self, command=partial(self.choose, n)) for n in range(3)]
        self.said = tk.StringVar(self, "Type. Backspace takes a correction back.")
        agree = tk.Button(self, text="Agree and train", command=self.train)
        for widget in (self.text, *self.strip, tk.Label(self, textvariable=self.said), agree):
            widget.pack(fill="x")
        self.text.bind("<Key>", self.key)
        self.text.bind("<KeyRelease>", lambda _: self.show())
        self.text.bind("<ButtonRelease>", lambda _: self.show())

    def here(self) -> Surroundings:
        return Surroundings(self.text.get("1.0", "insert"), self.text.get("insert", "end-1c"))

    def key(self, event: "tk.Event[tk.Text]") -> str | None:
        if self.text.tag_ranges("sel") or int(event.state) & 0x4:  # what is selected, and Ctrl, are the box's
            return None
        if event.keysym == "BackSpace":
            return self.do(self.typing.backspace(self.here()))
        typed = "\n" if event.keysym == "Return" else event.char
        if not typed or not (typed.isprintable() or typed == "\n"):
            return None
        return self.do(self.typing.press(self.here(), typed, by_finger=False))

    def choose(self, place: int) -> None:
        if place < len(self.choices):
            self.do(self.typing.choose(self.here(), self.choices[place]))
            self.show()

    def do(self, edit: Edit) -> str:
        self.text.delete(f"insert-{edit.before}c", f"insert+{edit.after}c")
        self.text.insert("insert", edit.insert)
        return "break"  # the key has done what it was to do

    def show(self) -> None:
        self.choices = self.typing.strip(self.here())
        for button, choice in zip(self.strip, [*self.choices, Choice(""), Choice(""), Choice("")]):
            button.config(text=choice.text)

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
