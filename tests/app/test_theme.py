"""The look: readable in light and dark, and stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietkeys_keyboard.settings import FILE, Settings, free_port
from quietkeys_keyboard.theme import DARK, LIGHT, PAIRS, READABLE, Theme, contrast, rgba, roles


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_read_has_contrast(theme: Theme) -> None:
    """WCAG 2.2 AA for every pair of ink and ground that is drawn."""
    for ink, ground in PAIRS:
        assert contrast(getattr(theme, ink), getattr(theme, ground)) >= READABLE, f"{ink} on {ground}"


def test_contrast_is_wcags() -> None:
    """Black on white is 21, a colour on itself 1."""
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1.0
    assert rgba("#FF0080") == pytest.approx((1.0, 0.0, 0.502, 1.0), abs=0.001)


def test_both_themes_have_every_role() -> None:
    """Each a colour."""
    for name in roles():
        assert rgba(getattr(LIGHT, name))
        assert rgba(getattr(DARK, name))


def test_settings_are_kept_and_damage_is_not_in_the_way(tmp_path: Path) -> None:
    """What cannot be read is as if the app were new."""
    Settings(dark=True, introduced=True, port=8123).save(tmp_path)
    assert Settings.load(tmp_path) == Settings(dark=True, introduced=True, port=8123)
    for content in ("{", "[]", '{"port": "many"}', '{"dark": 3}'):
        (tmp_path / FILE).write_text(content)
        assert Settings.load(tmp_path) == Settings()
    assert 1024 < free_port() < 65536
