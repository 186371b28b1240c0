"""The typing screen as widgets: thread, field, strip, keys; keys of a hardware keyboard as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kivy.clock import Clock
from kivy.core.clipboard import Clipboard
from kivy.core.window import Window
from kivy.metrics import dp, sp
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.boxlayout import BoxLayout

from quietkeys_keyboard.presenters.emoji import groups
from quietkeys_keyboard.presenters.keys import Kind, Page
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_keyboard.views.parts import Bubble, Dialog, Segment, StripButton
from quietkeys_keyboard.views.rich_text import LINE

SHOWN_MESSAGES: Final = 30
STRIP: Final = 3  # places of the strip
SWIPE_DP: Final = 80
EMOJI_DP: Final = 162
FIELD_LINES: Final = 4  # of a long message that are seen at once, where there is room


class TypingView(BoxLayout):
    """Shows a `TypingPresenter` and hands everything on to it. Event: on_swipe, to the left."""

    __events__ = ("on_swipe",)

    notice = StringProperty("")
    private = BooleanProperty(False)
    pending = StringProperty("")
    least = NumericProperty(330)  # dp of height that its keys need
    bare = BooleanProperty(False)  # without its keys, where there is too little room
    field_lines = NumericProperty(FIELD_LINES)  # that there is room for
    lifted = NumericProperty(0)  # how far the text is moved up, so that the cursor is seen
    editing = BooleanProperty(False)  # cut, copy and paste are offered

    def __init__(self, presenter: TypingPresenter, ask: Any, **properties: Any) -> None:
        self.presenter = presenter
        super().__init__(**properties)
        self._ask = ask
        self._shown = 0
        self._edited = ""  # the text for which they are
        self._hardware: Any = None
        self.refresh_soon = Clock.create_trigger(self.refresh, -1)
        self._buttons = [StripButton() for _ in range(STRIP)]
        for place, button in enumerate(self._buttons):
            button.bind(on_choose=lambda _, place=place: presenter.choose(place))
            button.bind(on_hold=lambda _, place=place: self._menu(place))
            self.ids.strip.add_widget(button)
        keys = self.ids.board
        keys.bind(on_character=lambda _, character, touch: presenter.press(character, touch))
        keys.bind(on_kind=lambda _, kind: self._kind(kind))
        keys.bind(on_turn=lambda _, page: presenter.turn(page))
        self.ids.field.bind(on_place=lambda _, index: self._place(index))
        self.ids.field.bind(on_hold=lambda _, index: self._hold(index))
        self._groups = {}
        for name in groups():
            segment = Segment(text=name)
            segment.bind(on_release=lambda _, name=name: self._show_group(name))
            self._groups[name] = segment
            self.ids.groups.add_widget(segment)
        self.ids.emoji.bind(scroll_y=lambda *_: self._mark_group())
        self.ids.sheet.bind(on_emoji=lambda _, symbol: presenter.editor.press(symbol))
        self.bind(width=lambda *_: self._fit_bubbles(), height=lambda *_: self._fit_field())
        self.ids.board.bind(height=lambda *_: self._fit_field())
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show what the presenter holds now."""
        state, editor, field = self.presenter, self.presenter.editor, self.ids.field
        self._thread()
        field.text, field.cursor, field.underlined = editor.text, editor.cursor, editor.underlined
        field.selected = editor.selected
        self.editing = self.editing and editor.text == self._edited
        for place, button in enumerate(self._buttons):
            choice = editor.strip[place] if place < len(editor.strip) else None
            if state.query is not None:
                offered = state.emoji()
                button.text, button.literal = offered[place] if place < len(offered) else "", False
                button.best = False
                continue
            button.text = choice.text if choice else ""
            button.literal = bool(choice and choice.literal)
            button.best = bool(choice and choice.best and not choice.literal)
        keys = self.ids.board
        keys.page, keys.shift = state.page.value, editor.shift.value
        on_emoji = state.page is Page.EMOJI
        keys.height = 0 if self.bare else dp(54) if on_emoji else dp(216)
        keys.opacity = 0 if self.bare else 1
        self.ids.emoji.height = dp(EMOJI_DP) if on_emoji else 0
        self.ids.emoji.opacity = self.ids.groups.opacity = 1 if on_emoji else 0
        self.ids.groups.height = dp(44) if on_emoji else 0
        self._mark_group()
        self.notice, self.private, self.pending = state.notice, state.private, state.pending_words()
        field.draw()
        self.lifted = max(field.cursor_line() + 1 - self.field_lines, 0) * sp(16) * LINE

    def on_touch_up(self, touch: Any) -> bool:
        """See the other side by a swipe to the left over the thread."""
        above = self.ids.above
        flat = abs(touch.y - touch.oy) < dp(SWIPE_DP) / 2
        if above.collide_point(touch.ox, touch.oy) and flat and touch.ox - touch.x > dp(SWIPE_DP):
            self.dispatch("on_swipe")
        return bool(super().on_touch_up(touch))

    def on_swipe(self) -> None:
        """See `on_touch_up`."""

    def listen(self) -> None:
        """Take the keys of a hardware keyboard."""
        if self._hardware is None:
            self._hardware = Window.request_keyboard(self.ignore, self, "text")
            self._hardware.bind(on_key_down=self._key_down, on_textinput=self._text_input)

    def ignore(self) -> None:
        """Leave the hardware keyboard to somebody else."""
        if self._hardware is not None:
            self._hardware.unbind(on_key_down=self._key_down, on_textinput=self._text_input)
            self._hardware.release()
            self._hardware = None

    def toggle_private(self) -> None:
        """Switch incognito."""
        self.presenter.set_private(not self.presenter.private)

    def copy(self) -> None:
        """Copy what is selected."""
        if self.presenter.editor.selected is not None:
            Clipboard.copy(self.presenter.editor.copy())
        self.editing = False

    def cut(self) -> None:
        """Copy what is selected and take it out."""
        if self.presenter.editor.selected is not None:
            Clipboard.copy(self.presenter.editor.cut())
        self.editing = False

    def paste(self) -> None:
        """Put in what was copied, here or elsewhere."""
        self.presenter.editor.paste(Clipboard.paste() or "")
        self.editing = False

    def _place(self, index: int) -> None:
        self.presenter.editor.move(index)
        self.editing = False

    def _hold(self, index: int) -> None:
        self.presenter.editor.select_word(index)
        self._edited = self.presenter.editor.text
        self.editing = True

    def _kind(self, kind: Kind) -> None:
        {
            Kind.BACKSPACE: self.presenter.backspace,
            Kind.SEARCH: self.presenter.seek,
            Kind.ENTER: self.presenter.send,
            Kind.SPACE: self.presenter.editor.space,
            Kind.SHIFT: self.presenter.editor.tap_shift,
        }[kind]()

    def _key_down(self, _: object, keycode: tuple[int, str], __: str, modifiers: list[str]) -> bool:
        name, editor = keycode[1], self.presenter.editor
        selecting = "shift" in modifiers
        actions: dict[str, Callable[[], None]] = {
            "backspace": editor.backspace,
            "enter": self.presenter.send,
            "numpadenter": self.presenter.send,
            "left": lambda: editor.move(editor.cursor - 1, selecting=selecting),
            "right": lambda: editor.move(editor.cursor + 1, selecting=selecting),
            "home": lambda: editor.move(0, selecting=selecting),
            "end": lambda: editor.move(len(editor.text), selecting=selecting),
        }
        if "ctrl" in modifiers or "meta" in modifiers:
            actions = {"a": editor.select_all, "c": self.copy, "x": self.cut, "v": self.paste}
            actions["z"] = editor.undo
        if name in actions:
            actions[name]()
            return True
        return False

    def _text_input(self, _: object, text: str) -> None:
        for character in text:
            if character.isprintable():
                self.presenter.editor.type_hardware(character)

    def _show_group(self, name: str) -> None:
        scroll, sheet = self.ids.emoji, self.ids.sheet
        hidden = max(sheet.height - scroll.height, 1.0)
        scroll.scroll_y = 1.0 - min(sheet.begins(name) / hidden, 1.0)

    def _mark_group(self) -> None:
        scroll, sheet = self.ids.emoji, self.ids.sheet
        top = (1.0 - scroll.scroll_y) * max(sheet.height - scroll.height, 0.0) + 1.0
        shown = [name for name in self._groups if sheet.begins(name) <= top]
        for name, segment in self._groups.items():
            segment.chosen = bool(shown) and name == shown[-1]

    def _menu(self, place: int) -> None:
        if self.presenter.query is not None:
            return
        choice = self.presenter.editor.strip[place]
        dialog = Dialog(title=choice.text)
        back, ink = "page", "text"
        if choice.literal:
            dialog.answer("Never correct it", lambda: self.presenter.never_correct(place), back, ink)
            dialog.answer("Add to dictionary", lambda: self.presenter.add_word(place), back, ink)
        else:
            dialog.answer("Never suggest it", lambda: self.presenter.never_suggest(place), back, ink)
        dialog.answer("Cancel", lambda: None, "surface", "accent")
        self._ask(dialog)

    def _thread(self) -> None:
        messages = self.presenter.messages
        if self._shown > len(messages):
            self.ids.thread.clear_widgets()
            self._shown = 0
        for message in messages[self._shown :]:
            self.ids.thread.add_widget(Bubble(text=message.text, mine=message.mine, room=self._room()))
            Clock.schedule_once(lambda _: setattr(self.ids.scroll, "scroll_y", 0), 0)
        self._shown = len(messages)
        while len(self.ids.thread.children) > SHOWN_MESSAGES:
            self.ids.thread.remove_widget(self.ids.thread.children[-1])

    def _fit_bubbles(self) -> None:
        for bubble in self.ids.thread.children:
            bubble.room = self._room()

    def _fit_field(self) -> None:
        bare = self.height < dp(self.least)
        if bare != self.bare:
            self.bare = bare
            self.refresh_soon()
        free = self.height - self.ids.board.height - self.ids.strip.height - dp(90)
        self.field_lines = min(max(int(free / (sp(16) * LINE)), 1), FIELD_LINES)

    def _room(self) -> float:
        return float(min(self.width * 0.74, dp(520)) - dp(24))
