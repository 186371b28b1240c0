"""The examples: the desktop's driven by keys on a screen in memory, the clinic's with a real trainer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT
from tests.patience import HANGS_S

EXAMPLE = ROOT / "examples" / "desktop.py"
CLINIC = ROOT / "examples" / "clinic.py"
DRIVER = """
import runpy, sys, tkinter
from quietkeys import Trainer
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys_protocol.plan import Plan

trainer = InMemoryTrainer(Plan.parse(shipped_bundle()["plan.json"]))
Desktop = runpy.run_path(sys.argv[1])["Desktop"]
settings = {"trainer": Trainer("https://trainer.test"), "transport": trainer, "cipher": NoopCipher}
with open_profile(sys.argv[2], **settings) as keyboard:
    window = Desktop(keyboard)
    window.update()
    window.text.focus_force()

    def keys(*names):
        for name in names:
            window.text.event_generate("<Key>", keysym=name)
            window.text.event_generate("<KeyRelease>", keysym=name)
            window.update()

    def text():
        return window.text.get("1.0", "end-1c")

    keys(*"see", "space", *"you", "space", *"tomorow")
    assert [button["text"] for button in window.strip].count("tomorrow") == 1, window.strip
    assert keyboard.status().words_recorded == 2
    keys("space")
    assert text() == "see you tomorrow ", text()
    assert keyboard.status().words_recorded == 3
    keys("BackSpace")
    assert text() == "see you tomorow", text()
    assert keyboard.status().words_recorded == 2
    keys("BackSpace")
    assert text() == "see you tomoro", text()
    chosen = [button["text"] for button in window.strip].index("tomorrow")
    window.strip[chosen].invoke()
    assert text() == "see you tomorrow ", text()
    assert keyboard.consent.given is None
    window.train()
    window.after(3000, window.quit)
    window.mainloop()
    assert "too little typing" in window.said.get(), window.said.get()
    assert keyboard.consent.given is not None
    window.destroy()
print("done")
"""


def test_the_desktop_example_corrects_undoes_and_trains(screen_in_memory: str, tmp_path: Path) -> None:
    """Corrected at the space, given back by a backspace, taken from the strip; then counts are sent."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(EXAMPLE), str(tmp_path / "profile")],
        env=os.environ | {"DISPLAY": screen_in_memory},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize("example", [EXAMPLE, CLINIC])
def test_the_example_is_as_short_as_it_says(example: Path) -> None:
    """At most 60 lines that are not blank."""
    lines = [line for line in example.read_text().splitlines() if line.strip()]
    assert len(lines) <= 60


@pytest.mark.fhe
@pytest.mark.soak
def test_the_clinic_learns_from_records_that_nobody_reads() -> None:
    """A real trainer and real keys: from 60 records of four values, most records of others are told right."""
    done = subprocess.run(
        [sys.executable, str(CLINIC)], capture_output=True, text=True, timeout=4 * HANGS_S, check=False
    )
    found = re.search(r"([\d.]+)% right before, ([\d.]+)% after", done.stdout)
    assert found, done.stdout + done.stderr
    before, after = map(float, found.groups())
    assert before < 65.0
    assert after > 85.0
    assert "The update was applied" in done.stdout
