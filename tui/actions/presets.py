"""Sets of keys for people who come from vim or emacs.

A preset names the keys it wants. Where another action is active in the same place and has such a key, that action gives
it up and keeps its others; the only key of an action stays with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .action import Action, Scope
from .registry import ACTIONS
from .sequences import bound_keys

VIM: Mapping[str, str] = {
    "app.palette": "+colon",
    "conversation.undo": "+u",
    "conversation.next": "+J",
    "conversation.previous": "+K",
    "sidebar.open": "+l",
    "sidebar.delete": "+x",
    "sidebar.export": "X",
    "sidebar.page_up": "+ctrl+b",
    "transcript.page_up": "+ctrl+b",
    "transcript.delete": "+x",
    "transcript.copy": "y,c",
    "transcript.copy_code": "Y",
}

EMACS: Mapping[str, str] = {
    "app.palette": "alt+x,leader colon",
    "prompt.page_up": "+alt+v",
    "prompt.editor": "leader E",
    "transcript.find": "+ctrl+s",
    "transcript.down": "ctrl+n,down",
    "transcript.up": "ctrl+p,up",
    "transcript.page_down": "ctrl+v,pagedown,space",
    "transcript.page_up": "alt+v,pageup",
    "transcript.first": "alt+less_than_sign,home",
    "transcript.last": "alt+greater_than_sign,end",
    "transcript.copy": "alt+w,c",
    "sidebar.next": "ctrl+n,down",
    "sidebar.previous": "ctrl+p,up",
    "sidebar.page_down": "ctrl+v,pagedown",
    "sidebar.page_up": "alt+v,pageup",
    "sidebar.first": "alt+less_than_sign,home",
    "sidebar.last": "alt+greater_than_sign,end",
}

EMACS_EDITING: Mapping[str, str] = {
    "prompt.cursor_down": "ctrl+n",
    "prompt.cursor_up": "ctrl+p",
    "prompt.cursor_right": "ctrl+f",
    "prompt.cursor_left": "ctrl+b",
}
"""Keys of the prompt's own movements, which are no actions: arrow keys do the same."""

PRESETS: Mapping[str, Mapping[str, str]] = {"default": {}, "vim": VIM, "emacs": EMACS}
"""Keys by action. ``+`` before them: in addition to the action's own."""


def preset_keys(name: str) -> dict[str, str]:
    """Return the keys of every action that has other ones in a preset, as Textual binds them."""
    by_id = {action.id: action for action in ACTIONS}
    editing = EMACS_EDITING if name == "emacs" else {}
    wanted = PRESETS.get(name, {})
    taken = [(Scope.PROMPT, "", key) for key in editing.values()]
    changed: dict[str, list[str]] = {}
    for action_id, keys in wanted.items():
        action, own = by_id[action_id], bound_keys(keys.lstrip("+"))
        taken += [(action.scope, action_id, key) for key in own]
        changed[action_id] = [*bound_keys(action.key), *own] if keys.startswith("+") else own
    for other in ACTIONS:
        own = changed.get(other.id, bound_keys(other.key))
        lost = {key for scope, action_id, key in taken if action_id != other.id and other.scope in active_with(scope)}
        left = [key for key in own if key not in lost]
        if other.id in wanted or left == own:
            continue
        if left:
            changed[other.id] = left
        else:  # it has no other key: the preset does without
            changed |= {action_id: [key for key in changed[action_id] if key not in own] for action_id in wanted}
    return {action_id: ",".join(keys) for action_id, keys in changed.items()} | dict(editing)


def active_with(scope: Scope) -> frozenset[Scope]:
    """Return the scopes whose keys are active at the same time as those of ``scope``."""
    everywhere = frozenset((Scope.APP, Scope.MAIN))
    return frozenset(Scope) if scope in everywhere else everywhere | {scope}


def clashing(action: Action, keys: set[str], mapping: Mapping[str, str]) -> Action | None:
    """Return another action that has one of the same keys where both are active."""
    scopes = active_with(action.scope)
    for other in ACTIONS:
        is_active = other.id != action.id and other.scope in scopes
        if is_active and keys & set(bound_keys(mapping.get(other.id, other.key))):
            return other
    return None
