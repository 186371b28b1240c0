"""`python -m tests.app.desk_driver FOLDER STATE SIZE`: the input method's screens, saying what they show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from quietkeys_keyboard.window import configure
from tests.app.window_driver import drive, shell


def state(app: Any) -> dict[str, Any]:
    """What the screen shows."""
    return shell(app) | {
        "presence": app.remote.presence,
        "title": app.views["absent"].title,
        "notice": app.remote.notice,
        "meter": app.views["train"].meter,
        "headline": app.views["train"].headline,
        "steps": [line.title for line in app.training.course.steps],
        "paused": app.views["privacy"].paused,
        "known": app.views["privacy"].known,
        "level": [one.text for one in app.views["privacy"]._segments.values() if one.chosen],
        "ledger": [row.text for row in reversed(app.views["privacy"].ids.ledger.children)],
        "programs": [row.text for row in app.views["programs"].ids.programs.children],
    }


def main(folder: str, file: str, size: str) -> None:
    """Run until the window is closed."""
    configure(size, corner=True)
    from quietkeys_keyboard.desk import DeskApp

    app = DeskApp(Path(folder))
    drive(app, file, lambda: state(app))


if __name__ == "__main__":
    main(*sys.argv[1:4])
