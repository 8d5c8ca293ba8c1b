"""Screen of key bindings: a preset, and every action with its keys, which can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import on, work
from textual.content import Content
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.config import ConfigError

from ..actions.action import Action
from ..actions.bindings import key_names, keymap_of, leader_name
from ..actions.presets import PRESETS
from ..actions.registry import SECTIONS
from ..context import AppContext
from ..pickers.chooser import Chooser
from .key_dialog import KeyDialog

KEYS = "enter change   esc close"
ABOUT = {
    "default": "keys that any terminal passes on",
    "vim": "more letters in list and messages, no modes in the prompt",
    "emacs": "ctrl+n, ctrl+p, ctrl+v, alt+x …",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Line of the list: a heading, a preset, or an action."""

    content: Content
    preset: str = ""
    action: Action | None = None

    @property
    def is_heading(self) -> bool:
        """True where there is nothing to choose."""
        return not self.preset and self.action is None


class KeysScreen(Chooser[None]):
    """Each change is written into config.toml at once, and is in force then."""

    TITLE = "Key bindings"
    PLACEHOLDER = "Filter by action or key"

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self._lines: list[Line] = []

    def on_mount(self) -> None:
        """List the actions."""
        super().on_mount()
        self._list()
        self._say_problems()

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._list, self.menu.highlighted)

    def _say_problems(self) -> None:
        """Say which keys of config.toml cannot be used."""
        _, problems = keymap_of(self.context.settings)
        self.say("\n".join(problems), KEYS)

    @on(Input.Changed)
    def _filter(self) -> None:
        self._list()

    def _list(self, at: int | None = None) -> None:
        """Show what matches; the highlight stays at a line, or goes to the first."""
        words = self.field.value.casefold().split()
        presets = self._preset_lines(words)
        self._lines = [*presets, *self._action_lines(words, is_first=not presets)]
        options = [Option(line.content, disabled=line.is_heading) for line in self._lines]
        first = next((index for index, line in enumerate(self._lines) if not line.is_heading), None)
        self.fill(options, at if at is not None and at < len(options) else first)

    def _preset_lines(self, words: Sequence[str]) -> list[Line]:
        names = [name for name in PRESETS if all(word in f"preset {name}" for word in words)]
        current = self.context.settings.ui.keys
        lines = [Line(_heading("Preset"))] if names else []
        for name in names:
            mark = ("  current", "bold $primary") if name == current else ""
            lines.append(Line(Content.assemble(name, (f"  {ABOUT[name]}", "$foreground 75%"), mark), preset=name))
        return lines

    def _action_lines(self, words: Sequence[str], *, is_first: bool) -> list[Line]:
        mapping, leader = self.context.keymap, leader_name(self.context.keymap)
        own = self.context.settings.keys
        lines: list[Line] = []
        for heading, actions in SECTIONS:
            matching: list[Line] = []
            for action in actions:
                keys = key_names(mapping.get(action.id, action.key), leader)
                text = f"{heading} {action.title} {action.help} {action.id} {keys}".casefold()
                if all(word in text for word in words):
                    matching.append(Line(self._action_line(action, keys, is_own=action.id in own), action=action))
            if matching:
                lines += [*([Line(Content(""))] if lines or not is_first else []), Line(_heading(heading)), *matching]
        return lines

    def _action_line(self, action: Action, keys: str, *, is_own: bool) -> Content:
        width = max(12, self.room * 3 // 5)
        title = Content(action.title).truncate(width, ellipsis=True, pad=True)
        mark = "  changed" if is_own else ""
        shown = keys.split(", ")
        while len(shown) > 1 and width + cell_len(", ".join(shown) + mark) > self.room:
            shown.pop()  # a key that is cut is no help
        line = Content.assemble(title, (", ".join(shown), "$primary"), (mark, "$foreground 75%"))
        return line.truncate(self.room, ellipsis=True)

    # Changing

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Change what is highlighted."""
        self._choose(self.menu.highlighted)

    def choose_line(self, line: int) -> None:
        """Change what was clicked."""
        self._choose(line)

    def _choose(self, index: int | None) -> None:
        if index is None or index >= len(self._lines):
            return
        line = self._lines[index]
        if line.preset:
            self._save({"ui.keys": line.preset if line.preset != "default" else None}, index)
        elif line.action is not None:
            self._change(line.action, index)

    @work(group="keys", exclusive=True)
    async def _change(self, action: Action, index: int) -> None:
        changes = await self.app.push_screen_wait(KeyDialog(self.context, action))
        if changes:
            await self._write({f"keys.{action_id}": keys for action_id, keys in changes.items()}, index)

    @work(group="keys", exclusive=True)
    async def _save(self, values: dict[str, object], index: int) -> None:
        await self._write(values, index)

    async def _write(self, values: dict[str, object], index: int) -> None:
        """Write into config.toml; what was taken away comes first, so that no state between clashes."""
        try:
            for path, value in values.items():
                await self.context.settings_file.save(path, value)
        except ConfigError as error:
            self.say(str(error), KEYS)
            return
        if self.is_there:
            self._list(index)
            self._say_problems()


def _heading(text: str) -> Content:
    return Content.styled(text, "bold $secondary")
