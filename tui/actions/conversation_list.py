"""Actions of the list of conversations."""

from __future__ import annotations

from functools import partial

from .action import Action, Focus, Needs, Scope, Target

_layout = partial(Action, scope=Scope.MAIN, target=Target.LAYOUT)
_sidebar = partial(Action, scope=Scope.SIDEBAR, palette=False)

LIST = (
    _layout(
        "sidebar.toggle", "Show or hide the list", "ctrl+t", "Show or hide the list of conversations",
        "toggle_list", needs=Needs.STORE,
    ),
    _sidebar("sidebar.next", "Down", "j,down", "Move down the list", "move('down')", vim=True),
    _sidebar("sidebar.previous", "Up", "k,up", "Move up the list", "move('up')", vim=True),
    _sidebar(
        "sidebar.half_down", "Half a page down", "ctrl+d", "Move half a page down the list", "move('half_page_down')"
    ),
    _sidebar("sidebar.half_up", "Half a page up", "ctrl+u", "Move half a page up the list", "move('half_page_up')"),
    _sidebar("sidebar.page_down", "A page down", "pagedown", "Move a page down the list", "move('page_down')"),
    _sidebar("sidebar.page_up", "A page up", "pageup", "Move a page up the list", "move('page_up')"),
    _sidebar("sidebar.first", "Newest", "g,home", "Go to the newest conversation", "move('first')", vim=True),
    _sidebar("sidebar.last", "Oldest", "G,end", "Go to the oldest conversation", "move('last')", vim=True),
    _sidebar(
        "sidebar.open", "Open", "enter", "Open the selected conversation",
        "open", hint="open", focus=Focus.RETURNS | Focus.SWITCHES,
    ),
    _sidebar(
        "sidebar.filter", "Filter the list", "slash",
        "Filter by title or last message, #tag, is:pinned, is:archived, is:untagged, from:codex or in:~/src",
        "filter", hint="filter", palette=True, focus=Focus.LEAVES,
    ),
    _sidebar(
        "sidebar.rename", "Rename in the list", "r", "Rename the selected conversation",
        "rename", hint="rename", focus=Focus.LEAVES,
    ),
    _sidebar(
        "sidebar.delete", "Delete from the list", "d,delete", "Delete the selected conversations (can be undone)",
        "delete", hint="delete", destroys=True,
    ),
    _sidebar(
        "sidebar.select", "Select", "space", "Select the conversation, to do something with several",
        "select", hint="select",
    ),
    _sidebar(
        "sidebar.extend_down", "Select downwards", "shift+down", "Select the conversation and the next one", "extend(1)"
    ),
    _sidebar(
        "sidebar.extend_up", "Select upwards", "shift+up", "Select the conversation and the one before it", "extend(-1)"
    ),
    _sidebar(
        "sidebar.select_all", "Select all", "asterisk", "Select every conversation of the list, or none", "select_all"
    ),
    _sidebar(
        "sidebar.pin", "Pin in the list", "p", "Pin or unpin the selected conversations",
        "label('pin')", hint="pin", destroys=True,
    ),
    _sidebar(
        "sidebar.archive", "Archive in the list", "a", "Archive the selected conversations, or put them back",
        "label('archive')", hint="archive", destroys=True,
    ),
    _sidebar(
        "sidebar.tag", "Tag in the list", "t", "Choose the tags of the selected conversations",
        "label('tag')", hint="tag", focus=Focus.LEAVES,
    ),
    _sidebar(
        "sidebar.export", "Export from the list", "x", "Write the selected conversations to files",
        "label('export')", focus=Focus.LEAVES,
    ),
    _sidebar(
        "sidebar.resume", "Copy its command", "o",
        "Copy the command that opens the conversation in the program that it was gathered from", "label('resume')",
    ),
)  # fmt: skip
