"""Bindings, keymaps, names of keys and the table of keys, all derived from the list of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

from .action import Action, Scope
from .presets import clashing, preset_keys
from .registry import ACTIONS, SECTIONS
from .sequences import LEADER, bound_key, bound_keys, second_key

if TYPE_CHECKING:
    from sterna.config import Settings

LEADER_ACTION = "app.leader"
"""Action whose key begins a sequence."""

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def bindings(scope: Scope) -> list[BindingType]:
    """Return the bindings of the node of that scope, each with its action's id so that it can be remapped."""
    return [
        Binding(
            ",".join(bound_keys(action.key)),
            action.binding,
            action.title,
            show=bool(action.hint),
            tooltip=action.help,
            id=action.id,
            priority=action.priority,
        )
        for action in ACTIONS
        if action.scope is scope
    ]


NO_KEY = "f35"
"""Stands in a keymap for "no key": Textual skips empty entries, and no keyboard has this one."""

NEWLINE_FIRST = {"prompt.send": "ctrl+j,alt+enter", "prompt.newline": "enter,shift+enter"}
"""Keys of a prompt where enter starts a line."""


def keymap(
    configured: Mapping[str, str], *, vim: bool = True, enter_sends: bool = True, preset: str = "default"
) -> tuple[dict[str, str], list[str]]:
    """Return the keymap for ``App.set_keymap``, and a sentence for each configured key that cannot be used."""
    defaults = preset_keys(preset) | ({} if enter_sends else NEWLINE_FIRST)
    if not vim:
        letterless = [action for action in ACTIONS if action.vim]
        defaults |= {action.id: _without_letters(defaults.get(action.id, action.key)) for action in letterless}
    mapping: dict[str, str] = {}
    problems: list[str] = []
    leaders = bound_keys(configured.get(LEADER_ACTION, BY_ID[LEADER_ACTION].key))
    for action_id, keys in configured.items():
        if action_id not in BY_ID:
            from difflib import get_close_matches  # needed for a misspelt name only

            near = get_close_matches(action_id, BY_ID, 1)
            advice = f"Did you mean “{near[0]}”?" if near else "The README lists all actions."
            problems.append(f"[keys]: unknown action “{action_id}”. {advice}")
            continue
        if wrong := next((part for part in keys.split(",") if bound_key(part, leaders) is None), ""):
            problems.append(f"[keys]: “{wrong.strip()}” is no key. Two keys in a row begin with “{LEADER}”.")
            if not bound_keys(keys, leaders):
                continue
        mapping[action_id] = ",".join(bound_keys(keys, leaders)) or NO_KEY
    # Checked as a whole, so that two actions may exchange their keys; each refusal can only free keys, never take one.
    while clash := next(((each, other) for each in mapping if (other := _conflicting(each, defaults, mapping))), None):
        action_id, other = clash
        refused, stays = key_names(mapping.pop(action_id)), key_names(defaults.get(action_id, BY_ID[action_id].key))
        problems.append(f"[keys]: {refused} already belongs to “{other}”, so “{action_id}” keeps {stays}.")
    return {**defaults, **mapping}, problems


def keymap_of(settings: Settings) -> tuple[dict[str, str], list[str]]:
    """Return the keymap that the settings ask for, and a sentence for each configured key that cannot be used."""
    ui = settings.ui
    return keymap(settings.keys, vim=ui.vim, enter_sends=ui.enter_sends, preset=ui.keys)


def keys_of(action: Action, mapping: Mapping[str, str]) -> list[str]:
    """Return the keys of an action as Textual binds them, the first choice first."""
    return bound_keys(mapping.get(action.id, action.key))


def _without_letters(keys: str) -> str:
    return ",".join(key for key in bound_keys(keys) if len(key) > 1)


def _conflicting(action_id: str, defaults: Mapping[str, str], mapping: Mapping[str, str]) -> str | None:
    """Return another action that would have one of the same keys where both are active."""
    keys = set(mapping[action_id].split(",")) - {NO_KEY}
    other = clashing(BY_ID[action_id], keys, {**defaults, **mapping})
    return other.id if other is not None else None


KEY_NAMES = {
    NO_KEY: "no key",
    "underscore": "_",
    "slash": "/",
    "backslash": "\\",
    "question_mark": "?",
    "comma": ",",
    "colon": ":",
    "number_sign": "#",
    "percent_sign": "%",
    "ampersand": "&",
    "exclamation_mark": "!",
    "dollar_sign": "$",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "semicolon": ";",
    "full_stop": ".",
    "asterisk": "*",
    "vertical_line": "|",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def key_name(key: str, leader: str = "ctrl+x") -> str:
    """Return a key as users write it: ``ctrl+underscore`` → ``ctrl+_``, ``leader_comma`` → ``ctrl+x ,``."""
    bound = bound_key(key) or key
    if (second := second_key(bound)) is not None:
        return f"{leader} {key_name(second)}"
    modifiers, plus, last = bound.rpartition("+")
    return f"{modifiers}{plus}{KEY_NAMES.get(last, last)}"


def key_names(keys: str, leader: str = "ctrl+x") -> str:
    """Return every key of a comma-separated list as users write it."""
    return ", ".join(key_name(key, leader) for key in keys.split(","))


def leader_name(mapping: Mapping[str, str]) -> str:
    """Return the key that begins a sequence, as users write it."""
    return key_name(keys_of(BY_ID[LEADER_ACTION], mapping)[0])


def keys_table() -> str:
    """Return the table of keys in Markdown, for the README."""
    lines: list[str] = []
    for heading, actions in SECTIONS:
        lines += [f"**{heading}**", "", "| key | | id |", "|---|---|---|"]
        for action in actions:
            keys = ", ".join(f"`{key_name(key)}`" for key in action.key.split(",")).replace("|", "\\|")
            lines.append(f"| {keys} | {action.help} | `{action.id}` |")
        lines.append("")
    return "\n".join(lines)
