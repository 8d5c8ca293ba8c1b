"""Corrections of faults in Textual, for every widget. Each is described in docs/textual-notes.md.

Importing this module applies them. They change nothing where Textual has corrected the fault itself.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from textual import events
from textual.await_complete import AwaitComplete
from textual.document._document import Document, Selection
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import TextArea
from textual.widgets._toast import ToastRack

_LINE_END = re.compile(r"\r\n|\r|\n")

_refresh = Widget.refresh


def refresh_and_forget_size(
    widget: Widget, *regions: Any, repaint: bool = True, layout: bool = False, recompose: bool = False
) -> Widget:
    """Refresh a widget; with ``layout`` also forget the size that a layout pass may have cached meanwhile.

    Textual counts a layout request once until the widget is idle. A layout pass in between caches the size under that
    count, and content that changes after the pass keeps the old size for good.
    """
    if layout and widget._layout_required:
        widget._layout_updates += 1
        widget.clear_cached_dimensions()
        widget._layout_cache.clear()
    return _refresh(widget, *regions, repaint=repaint, layout=layout, recompose=recompose)


def types_text(key: events.Key) -> bool:
    """Return whether a key types a character: any but a control character, and none with alt.

    Textual asks ``str.isprintable``, which is false for every space but one, for joiners and for unassigned ones. It
    gives a letter with alt the letter as its character, so a field takes the key before its binding does.
    """
    if not key.character or key.key.startswith("alt+"):
        return False
    return not any(unicodedata.category(each) in ("Cc", "Cs") for each in key.character)


class Lines(str):
    """Text that only a line end divides into lines; ``str`` also divides at U+2028 and at control characters."""

    def splitlines(self, keepends: bool = False) -> list[str]:
        """Return the lines, without an empty one after a final line end."""
        lines = _LINE_END.split(self)
        return lines if lines[-1] else lines[:-1]


_make_document, _replace_range = Document.__init__, Document.replace_range


def make_document(document: Document, text: str) -> None:
    """Make a document of exactly the lines of ``text``."""
    _make_document(document, Lines(text))


def replace_range(document: Document, start: Any, end: Any, text: str) -> Any:
    """Replace a range by exactly the lines of ``text``."""
    return _replace_range(document, start, end, Lines(text))


_refresh_size = TextArea._refresh_size


def keep_selection_inside(area: TextArea) -> None:
    """Take the new size with the cursor inside the text; after an undo it is where the text was longer."""
    last = area.document.line_count - 1

    def inside(location: tuple[int, int]) -> tuple[int, int]:
        row = min(location[0], last)
        return row, min(location[1], len(area.document.get_line(row)))

    start, end = area.selection
    area.set_reactive(TextArea.selection, Selection(inside(start), inside(end)))
    _refresh_size(area)


_dismiss = Screen.dismiss


def dismiss_once(screen: Screen[Any], result: Any = None) -> AwaitComplete:
    """Close a dialog that is open. A second answer, to a dialog that is closing, would close what lies below it."""
    return _dismiss(screen, result) if screen.is_active else AwaitComplete.nothing()  # type: ignore[no-untyped-call]


_suspend = Screen._on_screen_suspend


def suspend_without_notices(screen: Screen[Any]) -> None:
    """Hide the notices of a screen that a dialog comes to lie over, and shows itself; Textual shows them twice."""
    _suspend(screen)
    for rack in screen.query_children(ToastRack):
        rack.display = False


_widget_and_offset_at = Screen.get_widget_and_offset_at


def attached_widget_and_offset_at(screen: Screen[Any], x: int, y: int) -> Any:
    """Return what is under the mouse, unless it is being removed: a click on that would end the program."""
    widget, offset = _widget_and_offset_at(screen, x, y)
    return (widget, offset) if widget is None or widget.is_attached else (None, None)


_call_after_refresh = MessagePump.call_after_refresh


def call_after_refresh_if_there(pump: MessagePump, callback: Any, *values: Any, **named: Any) -> bool:
    """Call back after the next refresh, unless the widget is being removed by then."""

    def call() -> Any:
        return None if getattr(pump, "_pruning", False) else callback(*values, **named)

    return _call_after_refresh(pump, call)


_leave = Widget._message_loop_exit


async def leave_without_workers(widget: Widget) -> None:
    """Cancel the workers of a widget that is being removed, and then remove what is in it.

    Textual cancels them last, so a worker could look for a part of its widget that was removed already.
    """
    widget.workers.cancel_node(widget)
    await _leave(widget)


async def run_binding_in_turn(field: Widget, key: events.Key) -> bool:
    """Run what a key is bound to in a field, if anything, in its turn among the letters; return whether it was bound.

    Textual runs it when the key has bubbled up to the app. A field inserts letters when it gets them, so those that
    were typed right behind the key would be inserted first.
    """
    bound = field.app.active_bindings.get(key.key)
    if bound is None or bound.node is not field or not await field.app.run_action(bound.binding.action, field):
        return False
    key.stop()
    return True


for _owner, _name, _fixed in (
    (Widget, "refresh", refresh_and_forget_size),
    (events.Key, "is_printable", property(types_text)),
    (Document, "__init__", make_document),
    (Document, "replace_range", replace_range),
    (TextArea, "_refresh_size", keep_selection_inside),
    (TextArea, "handle_key", run_binding_in_turn),
    (Screen, "dismiss", dismiss_once),
    (Screen, "_on_screen_suspend", suspend_without_notices),
    (Screen, "get_widget_and_offset_at", attached_widget_and_offset_at),
    (MessagePump, "call_after_refresh", call_after_refresh_if_there),
    (Widget, "_message_loop_exit", leave_without_workers),
):
    setattr(_owner, _name, _fixed)
