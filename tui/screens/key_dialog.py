"""Dialog that takes the keys of one action as they are pressed, and shows with which other action they clash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.getters import query_one
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Label

from ..actions.action import Action, Scope
from ..actions.bindings import BY_ID, LEADER_ACTION, NO_KEY, key_name, keys_of, leader_name
from ..actions.presets import clashing, preset_keys
from ..actions.sequences import second_key, sequence_key
from ..context import AppContext
from ..dialogs.panels import Buttons, Dialog, Panel, sentence

Changes = dict[str, list[str] | None]
"""Keys to store by action; None: those of the preset again."""

NOT_TAKEN = frozenset(("tab", "shift+tab", "enter", "escape"))
"""Keys that work in this dialog, and are changed in config.toml only."""


class KeyField(Widget, can_focus=True):
    """Shows keys; with the focus, each key that is pressed is added, and backspace removes the last one."""

    class Changed(Message):
        """Other keys are shown."""

    def __init__(self, keys: Sequence[str], leader: Sequence[str]) -> None:
        super().__init__()
        self.keys = list(keys)
        self._leader = leader
        """Keys that begin a sequence."""
        self._begun = ""
        """Leader key that was pressed, until the next key."""
        self._is_fresh = True
        """True until a key is pressed: the first one replaces those that there were."""
        self.border_title = Content("Keys")
        self.border_subtitle = Content("press one or several")

    def put(self, keys: Sequence[str]) -> None:
        """Show other keys."""
        self.keys, self._begun, self._is_fresh = list(keys), "", True
        self.refresh()
        self.post_message(self.Changed())

    def render(self) -> Content:
        """Return the keys."""
        leader = key_name(self._leader[0]) if self._leader else ""
        names = [key_name(key, leader) for key in self.keys]
        if self._begun:
            names.append(f"{key_name(self._begun)} …")
        return Content(", ".join(names)) if names else Content.styled("no key", "$foreground 75%")

    def on_key(self, event: events.Key) -> None:
        """Take a key."""
        if event.key in NOT_TAKEN and not self._begun:
            return
        event.stop()
        event.prevent_default()
        if self._begun and event.key in NOT_TAKEN:
            self._begun = ""
        elif event.key == "backspace" and not self._begun:
            self.keys = self.keys[:-1]
            self._is_fresh = False
        elif event.key in self._leader and not self._begun:
            self._begun = event.key
        else:
            key = sequence_key(event.key) if self._begun else event.key
            before = [] if self._is_fresh else self.keys
            self.keys = [*(each for each in before if each != key), key]
            self._begun, self._is_fresh = "", False
        self.refresh()
        self.post_message(self.Changed())


class KeyDialog(Dialog[Changes | None]):
    """Returns what is to be stored, keys that are taken away from other actions first."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel"), Binding("enter", "save", "Save")]

    field = query_one(KeyField)

    def __init__(self, context: AppContext, action: Action) -> None:
        super().__init__()
        self._action = action
        self._mapping: Mapping[str, str] = context.keymap
        self._preset = preset_keys(context.settings.ui.keys)

    def compose(self) -> ComposeResult:
        """Compose the field and the buttons."""
        leaders = [] if self._action.id == LEADER_ACTION else keys_of(BY_ID[LEADER_ACTION], self._mapping)
        with Panel(f"Keys: {self._action.title}", keys="enter save   esc cancel"):
            yield sentence(self._action.help)
            yield KeyField([key for key in keys_of(self._action, self._mapping) if key != NO_KEY], leaders)
            yield sentence("", id="clash")
            yield Buttons(("none", "No key"), ("default", "Default"), ("cancel", "Cancel"), ("save", "Save", "primary"))

    def on_mount(self) -> None:
        """Wait for keys."""
        self.field.focus()
        self.show_clash()

    @on(KeyField.Changed)
    def show_clash(self) -> None:
        """Say which other action has one of the keys, and what saving does about it."""
        label = self.query_one("#clash", Label)
        if letters := [key for key in self.field.keys if self._would_be_typed(key)]:
            names = ", ".join(map(key_name, letters))
            label.update(Content.styled(f"{names} would be typed into the prompt. Take it with ctrl or alt.", "$error"))
            return
        others = [(key, other) for key in self.field.keys if (other := self._other(key)) is not None]
        leader = leader_name(self._mapping)
        clashes = [f"{key_name(key, leader)} runs “{other.title}” now; saving takes it away." for key, other in others]
        if clashes:
            label.update(Content.styled("\n".join(clashes), "$warning"))
        else:
            label.update(Content.styled("No clash with another action." if self.field.keys else "", "$success"))

    def _would_be_typed(self, key: str) -> bool:
        return self._action.scope is Scope.PROMPT and second_key(key) is None and len(key) == 1

    def _other(self, key: str) -> Action | None:
        return clashing(self._action, {key}, self._mapping)

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        match event.button.id:
            case "none":
                self.field.put([])
            case "default":
                self.field.put(keys_of(self._action, self._preset))
            case "save":
                self.action_save()
            case _:
                self.dismiss(None)

    def action_save(self) -> None:
        """Return the keys, and those of the other actions without them."""
        keys = self.field.keys
        if any(map(self._would_be_typed, keys)):
            return
        taken: dict[str, list[str]] = {}
        for key in keys:
            if (other := self._other(key)) is not None:
                left = taken.get(other.id, keys_of(other, self._mapping))
                taken[other.id] = [each for each in left if each != key]
        changes: Changes = {action_id: list(map(written, left)) for action_id, left in taken.items()}
        is_default = keys == keys_of(self._action, self._preset)
        self.dismiss({**changes, self._action.id: None if is_default else list(map(written, keys))})


def written(key: str) -> str:
    """Return a key as config.toml has it."""
    second = second_key(key)
    return f"leader {second}" if second is not None else key
