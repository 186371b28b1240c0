"""An application of Qt 5 with fields of some kinds: `qt_window.py FILE`, for the Python that has PyQt5.

FILE gets what it holds, as JSON, whenever that changes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QApplication, QLineEdit, QTextEdit, QVBoxLayout, QWidget

STATE = Path(sys.argv[1])
said = ""


def made() -> dict[str, Any]:
    """The fields by name."""
    fields: dict[str, Any] = {name: QLineEdit() for name in ("text", "hidden", "email", "private", "other")}
    fields["hidden"].setEchoMode(QLineEdit.Password)
    fields["email"].setInputMethodHints(Qt.ImhEmailCharactersOnly)
    fields["private"].setInputMethodHints(Qt.ImhSensitiveData)
    fields["lines"] = QTextEdit()
    return fields


def text_of(field: Any) -> str:
    """What stands in a field."""
    return str(field.toPlainText() if isinstance(field, QTextEdit) else field.text())


def tell(window: Any, fields: dict[str, Any]) -> None:
    """Write the state if it has changed."""
    global said
    focus = QApplication.focusWidget()
    within = [name for name, one in fields.items() if one is focus]
    now = json.dumps(
        {
            "texts": {name: text_of(one) for name, one in fields.items()},
            "focus": within[0] if within else "",
            "active": bool(window.isActiveWindow()),
            "places": {name: [one.x() + 30, one.y() + 12] for name, one in fields.items()},
        }
    )
    if now != said:
        said = now
        draft = STATE.with_suffix(".draft")
        draft.write_text(now)
        draft.replace(STATE)


def main() -> None:
    """Show the window until this process ends."""
    application, window, fields = QApplication(["fields"]), QWidget(), made()
    window.setWindowTitle("fields")
    box = QVBoxLayout(window)
    for field in fields.values():
        box.addWidget(field)
    clock = QTimer()
    clock.timeout.connect(lambda: tell(window, fields))
    clock.start(20)
    window.show()
    application.exec_()


main()
