"""What a server answers in upstream's protocol, and how it says what it can beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from .values import BATCH_BYTES, MESSAGE_BYTES, VERSION, BadItem, count, digits, instant_of, text, written

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Detail:
    """What became of one conversation of a push: ``error`` is None where it is stored."""

    id: str
    message_count: int = 0
    error: str | None = None

    @classmethod
    def decode(cls, item: Any) -> Self:
        """One of results.details."""
        if not isinstance(item, dict) or not isinstance(item.get("conversationId"), str):
            raise BadItem("bad_detail")
        error = item.get("error")
        if error is None and item.get("status") != "synced":
            raise BadItem("bad_detail")
        return cls(item["conversationId"], count(item.get("messageCount")), None if error is None else str(error))

    def encode(self) -> dict[str, Any]:
        """As it is answered."""
        if self.error is not None:
            return {"conversationId": self.id, "error": self.error}
        return {"conversationId": self.id, "status": "synced", "messageCount": self.message_count}


def pushed(details: Iterable[Detail], at: datetime) -> dict[str, Any]:
    """The answer to a push."""
    told = [one.encode() for one in details]
    errors = sum("error" in one for one in told)
    results = {"synced": len(told) - errors, "errors": errors, "details": told}
    return {"success": True, "results": results, "syncTime": written(at)}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends; the next one starts after it."""

    ts: datetime
    id: str = ""

    @classmethod
    def decode(cls, item: Any) -> Self:
        """Of ``nextCursor``, or of ``cursor_ts`` and ``cursor_id``."""
        if not isinstance(item, dict) or (ts := instant_of(item.get("ts"))) is None:
            raise BadItem("bad_cursor")
        found = item.get("id") or ""
        return cls(ts, text(found, "bad_cursor"))

    def encode(self) -> dict[str, str]:
        """As ``nextCursor``: to the microsecond, or rows within a millisecond would be left out."""
        return {"ts": self.ts.astimezone(UTC).isoformat(), "id": self.id}


@dataclass(frozen=True, slots=True)
class Capability:
    """The header ``Sync-Server``: what a server can beyond upstream's protocol."""

    caps: frozenset[str]
    batch: int = BATCH_BYTES
    msg: int = MESSAGE_BYTES
    version: int = VERSION

    @classmethod
    def parse(cls, header: str) -> Self:
        """Of a header's value. Raises BadItem."""
        first, *rest = [part.strip() for part in header.split(";")]
        told = dict(part.partition("=")[::2] for part in rest)
        return cls(
            frozenset(word for word in told.get("caps", "").split(",") if _WORD.fullmatch(word)),
            digits(told.get("batch", str(BATCH_BYTES))),
            digits(told.get("msg", str(MESSAGE_BYTES))),
            digits(first),
        )

    def format(self) -> str:
        """The header's value."""
        return f"{self.version}; caps={','.join(sorted(self.caps))}; batch={self.batch}; msg={self.msg}"
