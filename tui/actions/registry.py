"""Everything a person can do, in one tuple: keys, palette, hints, help screen and the README's table all come from it.

An action's ``run`` is the Textual action called on the node of its scope: ``run="next_message"`` in scope
``transcript`` is ``Transcript.action_next_message``. Keys were chosen to work in a plain terminal over ssh: no
ctrl+s or ctrl+q (flow control), no ctrl+b or ctrl+a (tmux, screen), nothing that a text area edits with, nothing that
needs ctrl+shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["app", "main", "prompt", "transcript", "sidebar"]
"""The node that has the binding: anywhere, the main screen, or one of its three parts while it has the focus."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do."""

    id: str
    """What ``[keys]`` in config.toml calls it."""
    title: str
    key: str
    """The default keys, with commas between."""
    help: str
    """One sentence for the help screen, the palette and the README."""
    scope: Scope
    run: str
    hint: str = ""
    """The word shown beside the key in the status line; empty: never shown there."""
    palette: bool = True
    """Listed in the command palette."""
    priority: bool = False
    """Its key means this everywhere, also where a field has a use of its own for it."""


ACTIONS: tuple[Action, ...] = (
    # Conversations
    Action(
        "conversation.new",
        "New conversation",
        "ctrl+n",
        "Start a new conversation; unsent text stays as a draft",
        "main",
        "new_conversation",
        "new",
    ),
    Action(
        "conversation.search",
        "Search everything",
        "ctrl+r,f3",
        "Find any message or title as you type, and open it",
        "main",
        "search",
        "search",
    ),
    Action(
        "conversation.open",
        "Conversations",
        "ctrl+o",
        "Go to the list of conversations",
        "main",
        "focus_sidebar",
        "list",
    ),
    Action(
        "conversation.next",
        "Next conversation",
        "alt+down,ctrl+down",
        "Open the conversation below the open one",
        "main",
        "next_conversation",
    ),
    Action(
        "conversation.previous",
        "Previous conversation",
        "alt+up,ctrl+up",
        "Open the conversation above the open one",
        "main",
        "previous_conversation",
    ),
    Action("conversation.rename", "Rename", "f2", "Rename this conversation", "main", "rename"),
    Action(
        "conversation.settings",
        "Conversation settings",
        "f4",
        "Set the system prompt and parameters",
        "main",
        "conversation_settings",
    ),
    Action(
        "conversation.delete",
        "Delete conversation",
        "f8",
        "Delete this conversation (can be undone)",
        "main",
        "delete_conversation",
    ),
    Action("conversation.undo", "Undo delete", "ctrl+underscore", "Undo the last deletion", "main", "undo_delete"),
    Action(
        "conversation.clear",
        "Delete all conversations",
        "shift+f8",
        "Delete all conversations (asks you to confirm)",
        "main",
        "clear_all",
    ),
    Action(
        "conversation.before",
        "Earlier question",
        "shift+f3",
        "Open the earlier similar question",
        "main",
        "open_before",
    ),
    Action(
        "conversation.private",
        "Sync on or off",
        "shift+f4",
        "Toggle sync for this conversation",
        "main",
        "toggle_private",
    ),
    # Replies
    Action(
        "reply.stop",
        "Stop the reply",
        "escape",
        "Stop the reply and save what arrived; otherwise go back to the prompt",
        "main",
        "stop_or_back",
        "stop",
    ),
    Action(
        "reply.retry",
        "Regenerate reply",
        "f5",
        "Regenerate the last or selected reply",
        "main",
        "retry",
        "retry",
    ),
    Action(
        "model.choose",
        "Choose model",
        "ctrl+l",
        "Choose the model for this conversation",
        "main",
        "choose_model",
        "model",
    ),
    # Writing
    Action("prompt.send", "Send", "enter", "Send the prompt", "prompt", "send", "send", palette=False),
    Action(
        "prompt.newline",
        "New line",
        "shift+enter,alt+enter,ctrl+j",
        "Start a new line (so does a backslash before enter)",
        "prompt",
        "newline",
        palette=False,
    ),
    Action(
        "prompt.focus",
        "Write",
        "i",
        "Go to the prompt from the list or from the messages",
        "main",
        "focus_prompt",
        palette=False,
    ),
    Action(
        "prompt.page_up",
        "Scroll up",
        "pageup",
        "Scroll the messages up while you write",
        "prompt",
        "screen.scroll_messages('page_up')",
        palette=False,
    ),
    Action(
        "prompt.page_down",
        "Scroll down",
        "pagedown",
        "Scroll the messages down while you write",
        "prompt",
        "screen.scroll_messages('page_down')",
        palette=False,
    ),
    Action(
        "prompt.first",
        "To the first message",
        "ctrl+home",
        "Go to the first message while you write",
        "prompt",
        "screen.scroll_messages('first')",
        palette=False,
    ),
    Action(
        "prompt.last",
        "To the newest message",
        "ctrl+end",
        "Go to the newest message while you write",
        "prompt",
        "screen.scroll_messages('last')",
        palette=False,
    ),
    # Reading
    Action(
        "transcript.focus",
        "Read",
        "ctrl+g",
        "Go to the messages to read, select and copy",
        "main",
        "focus_transcript",
        "read",
    ),
    Action(
        "transcript.down",
        "Next message",
        "j,down",
        "Select the next message",
        "transcript",
        "cursor_down",
        palette=False,
    ),
    Action(
        "transcript.up",
        "Previous message",
        "k,up",
        "Select the previous message",
        "transcript",
        "cursor_up",
        palette=False,
    ),
    Action(
        "transcript.half_page_down",
        "Half a page down",
        "ctrl+d",
        "Scroll half a page down",
        "transcript",
        "half_page_down",
        palette=False,
    ),
    Action(
        "transcript.half_page_up",
        "Half a page up",
        "ctrl+u",
        "Scroll half a page up",
        "transcript",
        "half_page_up",
        palette=False,
    ),
    Action(
        "transcript.page_down",
        "A page down",
        "pagedown,space",
        "Scroll a page down",
        "transcript",
        "page_down",
        palette=False,
    ),
    Action("transcript.page_up", "A page up", "pageup", "Scroll a page up", "transcript", "page_up", palette=False),
    Action(
        "transcript.first", "First message", "g,home", "Go to the beginning of the conversation", "transcript", "first"
    ),
    Action("transcript.last", "Last message", "G,end", "Go to the end of the conversation", "transcript", "last"),
    Action(
        "transcript.copy",
        "Copy message",
        "c",
        "Copy the selected message or text",
        "transcript",
        "copy_message",
        "copy",
    ),
    Action(
        "transcript.copy_code",
        "Copy code block",
        "y",
        "Copy a code block of the selected message; again for the next one",
        "transcript",
        "copy_code_block",
        "copy code",
    ),
    Action(
        "transcript.reasoning",
        "Show or hide reasoning",
        "enter,o",
        "Show or hide reasoning",
        "transcript",
        "toggle_reasoning",
    ),
    Action(
        "transcript.retry",
        "Regenerate this reply",
        "r",
        "Regenerate the selected reply",
        "transcript",
        "retry",
        "retry",
        palette=False,
    ),
    Action(
        "transcript.versions",
        "Show another version",
        "v",
        "Show another version of the selected reply, from before it was asked for again",
        "transcript",
        "versions",
    ),
    Action(
        "transcript.delete",
        "Delete message",
        "d",
        "Delete the selected message (can be undone)",
        "transcript",
        "delete",
    ),
    Action(
        "transcript.next_match",
        "Next match",
        "n",
        "Go to the next search match",
        "transcript",
        "next_match",
    ),
    Action(
        "transcript.previous_match",
        "Previous match",
        "N",
        "Go to the previous search match",
        "transcript",
        "previous_match",
    ),
    # The list
    Action(
        "sidebar.toggle",
        "Show or hide the list",
        "ctrl+t",
        "Show or hide the list of conversations",
        "main",
        "toggle_sidebar",
    ),
    Action("sidebar.next", "Down", "j,down", "Move down the list", "sidebar", "cursor_down", palette=False),
    Action("sidebar.previous", "Up", "k,up", "Move up the list", "sidebar", "cursor_up", palette=False),
    Action(
        "sidebar.half_down",
        "Half a page down",
        "ctrl+d",
        "Move half a page down the list",
        "sidebar",
        "half_page_down",
        palette=False,
    ),
    Action(
        "sidebar.half_up",
        "Half a page up",
        "ctrl+u",
        "Move half a page up the list",
        "sidebar",
        "half_page_up",
        palette=False,
    ),
    Action(
        "sidebar.page_down",
        "A page down",
        "pagedown",
        "Move a page down the list",
        "sidebar",
        "page_down",
        palette=False,
    ),
    Action("sidebar.page_up", "A page up", "pageup", "Move a page up the list", "sidebar", "page_up", palette=False),
    Action("sidebar.first", "Newest", "g,home", "Go to the newest conversation", "sidebar", "first", palette=False),
    Action("sidebar.last", "Oldest", "G,end", "Go to the oldest conversation", "sidebar", "last", palette=False),
    Action(
        "sidebar.open",
        "Open",
        "enter",
        "Open the selected conversation",
        "sidebar",
        "open",
        "open",
        palette=False,
    ),
    Action(
        "sidebar.filter",
        "Filter the list",
        "slash",
        "Filter by title or last message",
        "sidebar",
        "filter",
        "filter",
    ),
    Action(
        "sidebar.rename",
        "Rename in the list",
        "r",
        "Rename the selected conversation",
        "sidebar",
        "rename",
        "rename",
        palette=False,
    ),
    Action(
        "sidebar.delete",
        "Delete from the list",
        "d,delete",
        "Delete the selected conversation (can be undone)",
        "sidebar",
        "delete",
        "delete",
        palette=False,
    ),
    # The program
    Action(
        "app.palette",
        "Commands",
        "ctrl+p",
        "Find any command or conversation by name",
        "app",
        "command_palette",
        "commands",
        palette=False,
    ),
    Action("app.help", "Help", "f1", "Show every key", "app", "help", "help"),
    Action("app.theme", "Light or dark", "shift+f6", "Switch between light and dark", "app", "toggle_dark"),
    Action("app.themes", "Themes", "shift+f7", "Choose a theme", "app", "change_theme"),
    Action(
        "app.sync",
        "Sync",
        "shift+f9",
        "Sync status, sign in and sign out",
        "main",
        "show_sync",
    ),
    Action("app.profile", "Account", "shift+f2", "Account and usage", "main", "show_profile"),
    Action("app.settings", "Settings", "f9", "Providers, theme and behaviour", "app", "settings"),
    Action("app.screenshot", "Screenshot", "f12", "Save the screen as an SVG picture", "app", "screenshot"),
    Action(
        "app.suspend",
        "Suspend",
        "alt+z",
        "Go back to the shell (fg continues); unsent text is kept",
        "app",
        "suspend",
        priority=True,
    ),
    Action("app.quit", "Quit", "f10", "Quit (or ctrl+c twice); unsent text is kept", "app", "quit"),
)
