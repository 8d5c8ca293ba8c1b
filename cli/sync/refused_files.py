"""Attached files that the server does not take."""

from __future__ import annotations

from sterna.storage import Store, one_line


def refused_files(store: Store) -> str:
    """Return a sentence about attached files that the server does not take; "" where there are none."""
    refused = store.attachments.refused()
    if not refused:
        return ""
    count, reason = sum(refused.values()), one_line(next(iter(refused)), 200)
    files = "1 attached file is" if count == 1 else f"{count} attached files are"
    return f"{files} not synced. {reason} See: sterna attachments"
