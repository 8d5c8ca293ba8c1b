"""Corrections of Textual's field of one line, apart from textual_fixes because the first frame needs no field."""

from __future__ import annotations

import re

from textual import events
from textual.widgets import Input

from .textual_fixes import run_binding_in_turn

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n|\r|\n|\t")


def insert(field: Input, text: str) -> None:
    """Insert text of any number of lines at the cursor, as one line, as much of it as the field may hold."""
    text = _CONTROL.sub("", _LINE_END.sub(" ", text.strip("\r\n")))
    if field.max_length:
        text = text[: max(0, field.max_length - len(field.value) + len(field.selected_text))]
    if text:
        field.replace(text, *field.selection)


def paste(field: Input, event: events.Paste) -> None:
    """Insert a whole paste; Textual inserts its first line."""
    event.stop()
    insert(field, event.text)


def paste_from_clipboard(field: Input) -> None:
    """Insert what was copied in the program."""
    insert(field, field.app.clipboard)


for _name, _fixed in (
    ("_on_paste", paste),
    ("action_paste", paste_from_clipboard),
    ("handle_key", run_binding_in_turn),
):
    setattr(Input, _name, _fixed)
