"""Responses of upstream's protocol, and the header that announces what a server offers beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from .values import BATCH_BYTES, MESSAGE_BYTES, VERSION, BadItem, count, format_time, parse_digits, parse_time, text

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Detail:
    """Result of one conversation of a push; ``error`` is None where it was stored."""

    id: str
    message_count: int = 0
    error: str | None = None

    @classmethod
    def decode(cls, item: Any) -> Self:
        """Return the result in one item of ``results.details``."""
        if not isinstance(item, dict) or not isinstance(item.get("conversationId"), str):
            raise BadItem("bad_detail")
        error = item.get("error")
        if error is None and item.get("status") != "synced":
            raise BadItem("bad_detail")
        return cls(item["conversationId"], count(item.get("messageCount")), None if error is None else str(error))

    def encode(self) -> dict[str, Any]:
        """Return the result as JSON."""
        if self.error is not None:
            return {"conversationId": self.id, "error": self.error}
        return {"conversationId": self.id, "status": "synced", "messageCount": self.message_count}


def push_response(details: Iterable[Detail], at: datetime) -> dict[str, Any]:
    """Return the response to a push."""
    items = [detail.encode() for detail in details]
    errors = sum("error" in item for item in items)
    results = {"synced": len(items) - errors, "errors": errors, "details": items}
    return {"success": True, "results": results, "syncTime": format_time(at)}


@dataclass(frozen=True, slots=True)
class Cursor:
    """End of a page; the next page starts after it."""

    ts: datetime
    id: str = ""

    @classmethod
    def decode(cls, item: Any) -> Self:
        """Return the cursor in ``nextCursor``, or in ``cursor_ts`` and ``cursor_id``."""
        if not isinstance(item, dict) or (ts := parse_time(item.get("ts"))) is None:
            raise BadItem("bad_cursor")
        return cls(ts, text(item.get("id") or "", "bad_cursor"))

    def encode(self) -> dict[str, str]:
        """Return ``nextCursor``, in microseconds: milliseconds would skip rows."""
        return {"ts": self.ts.astimezone(UTC).isoformat(), "id": self.id}


@dataclass(frozen=True, slots=True)
class Capability:
    """Header ``Sync-Server``: features of a server beyond upstream's protocol."""

    caps: frozenset[str]
    batch: int = BATCH_BYTES
    msg: int = MESSAGE_BYTES
    version: int = VERSION

    @classmethod
    def parse(cls, header: str) -> Self:
        """Return the capability in a header's value. Raises :class:`BadItem`."""
        first, *rest = [part.strip() for part in header.split(";")]
        values = dict(part.partition("=")[::2] for part in rest)
        return cls(
            frozenset(word for word in values.get("caps", "").split(",") if _WORD.fullmatch(word)),
            parse_digits(values.get("batch", str(BATCH_BYTES))),
            parse_digits(values.get("msg", str(MESSAGE_BYTES))),
            parse_digits(first),
        )

    def format(self) -> str:
        """Return the header's value."""
        return f"{self.version}; caps={','.join(sorted(self.caps))}; batch={self.batch}; msg={self.msg}"
