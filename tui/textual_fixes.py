"""Corrections of faults in Textual, made once for every widget. Each is reported in docs/textual-notes.md.

Importing this module applies them. They change nothing where Textual has corrected the fault itself.
"""

from __future__ import annotations

from typing import Any

from textual.widget import Widget

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


Widget.refresh = refresh_and_forget_size  # type: ignore[method-assign,assignment]
