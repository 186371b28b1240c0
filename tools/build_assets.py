"""Builds what the demo keyboard draws: the icons it uses out of Material Design Icons, and a sheet of emoji.

    python tools/build_assets.py MDI_FOLDER NOTO_EMOJI_TTF demo_app/quietkeys_keyboard/assets

MDI_FOLDER: the unpacked npm package @mdi/font. NOTO_EMOJI_TTF: NotoColorEmoji.ttf of Debian's
fonts-noto-color-emoji. Run in an environment of its own with Pillow and fonttools; the result is committed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

from fontTools import subset
from PIL import Image, ImageDraw, ImageFont

ICONS: Final = (
    "account-multiple-plus", "apple-keyboard-shift", "apple-keyboard-caps", "arrow-left", "backspace-outline",
    "chart-line", "check", "check-circle", "chevron-right", "close", "cloud-off-outline", "cog-outline",
    "delete-outline", "download", "emoticon-outline", "eye-off-outline", "eye-outline", "key-variant",
    "keyboard-return", "keyboard-outline", "magnify", "minus", "pause", "play", "plus", "restore",
    "rotate-left", "school-outline", "send", "shield-lock-outline", "stop", "sync", "theme-light-dark",
    "tune-variant", "upload", "alert-circle-outline", "information-outline", "lock-outline", "progress-clock",
    "help-circle-outline",
)  # fmt: skip
SIZE: Final = 109  # of the bitmaps in the font
CELL: Final = 64
COLUMNS: Final = 16
GROUPS: Final = {
    "Faces": "😀😃😄😁😆😅😂🙂🙃😉😊😇🥰😍😘😋😜🤗🤔😐😏🙄😬😌😔😴😷🤒🥳😎🤓😕😟😮😳🥺😢😭😱😡",
    "Hands": "👋👌✌🤞👍👎✊👏🙌🙏💪👀",
    "Hearts": "❤💛💚💙💜💔💕💯✨🔥🎉🎁",
    "Life": "🐶🐱🐭🦊🐻🐼🦁🐸🐵🦄🐝🌸🌻🌳☀🌙⭐🌈☔⛄🍎🍌🍓🍕🍔🍟🎂🍰☕🍺🍷⚽🏀🎮🎵🎸🚗🚲✈🏠⏰📱💻📚✏💡",
}


def icons(folder: Path, out: Path) -> None:
    """Write the font of the icons and their code points by name."""
    styles = (folder / "css" / "materialdesignicons.css").read_text()
    points = {
        name: int(match.group(1), 16)
        for name in ICONS
        if (match := re.search(rf'\.mdi-{name}::before {{\s*content: "\\([0-9A-F]+)"', styles))
    }
    missing = set(ICONS) - points.keys()
    if missing:
        raise SystemExit(f"not in the font: {', '.join(sorted(missing))}")
    font = subset.load_font(str(folder / "fonts" / "materialdesignicons-webfont.ttf"), subset.Options())
    cutter = subset.Subsetter()
    cutter.populate(unicodes=points.values())
    cutter.subset(font)
    subset.save_font(font, str(out / "icons.ttf"), subset.Options())
    (out / "icons.json").write_text(
        json.dumps({name: chr(point) for name, point in sorted(points.items())}, indent=1)
    )


def emoji(font_file: Path, out: Path) -> None:
    """Write the sheet, COLUMNS cells a row, and the emoji in it by group, in order."""
    font = ImageFont.truetype(str(font_file), SIZE)
    symbols = [symbol for group in GROUPS.values() for symbol in group]
    rows = -(-len(symbols) // COLUMNS)
    sheet = Image.new("RGBA", (COLUMNS * CELL, rows * CELL))
    for place, symbol in enumerate(symbols):
        glyph = Image.new("RGBA", (136, 136))
        ImageDraw.Draw(glyph).text((0, 4), symbol, font=font, embedded_color=True)
        glyph = glyph.crop(glyph.getbbox())
        scale = (CELL - 6) / max(glyph.size)
        glyph = glyph.resize(
            (round(glyph.width * scale), round(glyph.height * scale)), Image.Resampling.LANCZOS
        )
        row, column = divmod(place, COLUMNS)
        at = (column * CELL + (CELL - glyph.width) // 2, row * CELL + (CELL - glyph.height) // 2)
        sheet.paste(glyph, at)
    sheet.quantize(256, method=Image.Quantize.FASTOCTREE).save(out / "emoji.png", optimize=True)
    groups = {name: list(group) for name, group in GROUPS.items()}
    (out / "emoji.json").write_text(
        json.dumps({"cell": CELL, "columns": COLUMNS, "groups": groups}, indent=1)
    )


def main() -> None:
    """Build both."""
    mdi, noto, out = map(Path, sys.argv[1:4])
    out.mkdir(parents=True, exist_ok=True)
    icons(mdi, out)
    emoji(noto, out)


if __name__ == "__main__":
    main()
