"""The transcript's keys, in one place. Each has an id, by which a person's own keys (``App.set_keymap``) replace it."""

from __future__ import annotations

from textual.binding import Binding

BINDINGS: tuple[Binding, ...] = (
    Binding("j,down", "cursor_down", "Next message", id="transcript.down", show=False),
    Binding("k,up", "cursor_up", "Previous message", id="transcript.up", show=False),
    Binding("ctrl+d", "half_page_down", "Half a page down", id="transcript.half_page_down", show=False),
    Binding("ctrl+u", "half_page_up", "Half a page up", id="transcript.half_page_up", show=False),
    Binding("pagedown,space", "page_down", "Page down", id="transcript.page_down", show=False),
    Binding("pageup", "page_up", "Page up", id="transcript.page_up", show=False),
    Binding("g,home", "first", "First message", id="transcript.first", show=False),
    Binding("G,end", "last", "Last message", id="transcript.last", show=False),
    Binding("c", "copy_message", "Copy message", id="transcript.copy"),
    Binding("y", "copy_code_block", "Copy code", id="transcript.copy_code"),
    Binding("r", "retry", "Retry", id="transcript.retry"),
    Binding("d", "delete", "Delete message", id="transcript.delete"),
    Binding("enter,o", "toggle_reasoning", "Show thinking", id="transcript.reasoning", show=False),
    Binding("n", "next_match", "Next match", id="transcript.next_match", show=False),
    Binding("N", "previous_match", "Previous match", id="transcript.previous_match", show=False),
)
