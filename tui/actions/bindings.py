"""What follows from the list of actions: bindings, keymaps, the names of keys, the table of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from textual.binding import Binding, BindingType

from .registry import ACTIONS, Action, Scope

__all__ = [
    "ACTIONS",
    "BY_ID",
    "Action",
    "Scope",
    "bindings",
    "key_name",
    "key_names",
    "keymap",
    "keys_table",
    "sections",
]

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Conversations", ("conversation",)),
    ("Replies", ("reply", "model")),
    ("Writing", ("prompt",)),
    ("Reading (when the messages have the focus)", ("transcript",)),
    ("The list (when it has the focus)", ("sidebar",)),
    ("Sterna", ("app",)),
)
"""Headings of the help screen and the first parts of the ids under each."""


def bindings(scope: Scope) -> list[BindingType]:
    """The bindings of the node of that scope, each with the action's id so that it can be remapped."""
    return [
        Binding(
            action.key,
            action.run,
            action.title,
            show=bool(action.hint),
            tooltip=action.help,
            id=action.id,
            priority=action.priority,
        )
        for action in ACTIONS
        if action.scope == scope
    ]


def sections() -> Iterator[tuple[str, list[Action]]]:
    """Every action once, under its heading."""
    for heading, prefixes in SECTIONS:
        yield heading, [action for action in ACTIONS if action.id.split(".", 1)[0] in prefixes]


NO_KEY = "f35"
"""Stands in a keymap for "no key": Textual skips empty entries, and no keyboard has this one."""

NEWLINE_FIRST = {"prompt.send": "ctrl+j,alt+enter", "prompt.newline": "enter,shift+enter"}
"""The keys of a prompt where enter starts a line."""


def keymap(
    wanted: Mapping[str, str], *, vim: bool = True, enter_sends: bool = True
) -> tuple[dict[str, str], list[str]]:
    """The keymap for ``App.set_keymap`` and a sentence for each entry that cannot be followed."""
    usual = {} if enter_sends else dict(NEWLINE_FIRST)
    if not vim:
        usual |= {action.id: keys for action in ACTIONS if (keys := _without_letters(action)) != action.key}
    mapping: dict[str, str] = {}
    problems: list[str] = []
    for action_id, keys in wanted.items():
        if action_id not in BY_ID:
            near = get_close_matches(action_id, BY_ID, 1)
            advice = f"; did you mean “{near[0]}”?" if near else "; the help screen lists them."
            problems.append(f"[keys] names no action “{action_id}”{advice}")
        else:
            mapping[action_id] = ",".join(part.strip() for part in keys.split(",") if part.strip()) or NO_KEY
    # Judged as a whole, so that two actions may exchange their keys; each refusal can only free keys, never take one.
    while clash := next(((one, other) for one in mapping if (other := _sharing(one, mapping))), None):
        action_id, other = clash
        refused = mapping.pop(action_id)
        problems.append(
            f"[keys] gives {refused} to “{action_id}”, but “{other}” has it; “{action_id}” keeps "
            f"{key_names(BY_ID[action_id].key)}."
        )
    return {**usual, **mapping}, problems


def _without_letters(action: Action) -> str:
    """The keys of a movement without vim's letters."""
    if action.scope not in ("transcript", "sidebar") or action.run in ("delete", "rename") or "," not in action.key:
        return action.key
    return ",".join(key for key in action.key.split(",") if len(key) > 1)


def _sharing(action_id: str, mapping: Mapping[str, str]) -> str | None:
    """Another action that would answer to one of the keys in the same place."""
    mine = set(mapping[action_id].split(",")) - {NO_KEY}
    places = _places(BY_ID[action_id].scope)
    for other in ACTIONS:
        if other.id != action_id and other.scope in places and mine & set(mapping.get(other.id, other.key).split(",")):
            return other.id
    return None


def _places(scope: Scope) -> frozenset[Scope]:
    """Scopes whose keys reach a person at the same time as this one's."""
    if scope in ("app", "main"):
        return frozenset(("app", "main", "prompt", "transcript", "sidebar"))
    return frozenset(("app", "main", scope))


NAMED = {
    NO_KEY: "no key",
    "ctrl+underscore": "ctrl+_",
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "up": "↑",
    "down": "↓",
    "alt+up": "alt+↑",
    "alt+down": "alt+↓",
    "ctrl+up": "ctrl+↑",
    "ctrl+down": "ctrl+↓",
    "left": "←",
    "right": "→",
}


def key_name(key: str) -> str:
    """How a key is written for people: ``ctrl+underscore`` → ``ctrl+_``."""
    return NAMED.get(key, key)


def key_names(keys: str) -> str:
    """Every key of a comma-separated list, written for people."""
    return " ".join(key_name(key) for key in keys.split(","))


def keys_table(mapping: Mapping[str, str] | None = None) -> str:
    """The table of keys in Markdown, for the README."""
    lines: list[str] = []
    for heading, actions in sections():
        lines += [f"**{heading}**", "", "| key | | id |", "|---|---|---|"]
        for action in actions:
            keys = ", ".join(f"`{key_name(key)}`" for key in (mapping or {}).get(action.id, action.key).split(","))
            lines.append(f"| {keys} | {action.help} | `{action.id}` |")
        lines.append("")
    return "\n".join(lines)
