"""Exchange of attached files with a server that announces ``files``: in pieces, each of which can be the last one.

See docs/specification/sync-protocol.md#attachments. Messages come first: a file is uploaded once the server has
acknowledged a message with it, and downloaded once such a message is here. What was transferred before a connection
ended is not transferred again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sterna.storage import AttachmentFiles, Attachments, NotFound, Transfer

from ..wire import ATTACHMENT_PIECE, MAX_ATTACHMENT
from .effects import Effects, FileProgress, Request, Response, Transaction

CAPABILITY = "files"
PATH = "/api/chat/attachments"
MOST_FILES = 100
"""Files of one exchange in each direction."""
REFUSED = "The server does not take this file."
NO_ROOM = "The server has no room left for your files."

log = logging.getLogger("sterna.sync")


class _Interrupted(Exception):
    """A response that ends this exchange; the next one continues."""


def exchange_files() -> Effects[bool]:
    """Upload the files that the server does not have, and download those that are not here.

    Return whether any are left for a later exchange. Raises :class:`Unreachable` and what the store raises.
    """
    unsent = yield from Transaction(Attachments.unsent, MOST_FILES)
    missing = yield from Transaction(Attachments.missing, MOST_FILES)
    total = sum(min(item.size, MAX_ATTACHMENT) for item in (*unsent, *missing))
    done, left = 0, False
    try:
        there = yield from _ask_server(unsent) if unsent else _nothing()
        for item in unsent:
            yield from FileProgress(done, total)
            if there.has_room(item):
                left = not (yield from _upload(item, there.files.get(item.id), done, total)) or left
            else:
                yield from Transaction(Attachments.mark_refused, item.id, NO_ROOM)
            done += item.size
        for item in missing:
            yield from FileProgress(done, total)
            left = not (yield from _download(item, done, total)) or left
            done += item.size
    except _Interrupted as error:
        log.info("files were not exchanged: status %s", error)
        left = True
    yield from FileProgress(0, 0)
    return left or MOST_FILES in (len(unsent), len(missing))


@dataclass
class _ServerState:
    """Files that the server has, and limits of what it takes."""

    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """States of files by their ids."""
    room: int | None = None
    """Bytes that it takes beside them; None where it did not say."""

    def has_room(self, item: Transfer) -> bool:
        """Return whether a file is there or fits, and count it."""
        if item.id in self.files or self.room is None:
            return True
        if item.size > self.room:
            return False
        self.room -= item.size
        return True


def _nothing() -> Effects[_ServerState]:
    yield from ()
    return _ServerState()


def _ask_server(files: Sequence[Transfer]) -> Effects[_ServerState]:
    body = json.dumps({"ids": [item.id for item in files]}).encode()
    response = yield from Request("POST", PATH, {}, {"content-type": "application/json"}, body)
    if response.status != 200:
        raise _Interrupted(response.status)
    value = _object(response)
    rows, quota, used = (value.get(key) for key in ("attachments", "quota", "used"))
    known = {str(row.get("id")): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}
    return _ServerState(known, quota - used if isinstance(quota, int) and isinstance(used, int) else None)


def _upload(item: Transfer, known: Mapping[str, Any] | None, done: int, total: int) -> Effects[bool]:
    """Upload a file, or what is missing of it; return False when a later exchange has to continue."""
    offset = _count(known, "received")
    if known is not None and known.get("complete") is True:
        yield from Transaction(Attachments.mark_uploaded, item.id)
        return True
    if item.size > MAX_ATTACHMENT:
        yield from Transaction(Attachments.mark_refused, item.id, REFUSED)
        return True
    restarts = 0
    while True:
        try:
            piece = yield from Transaction(AttachmentFiles.read_piece, item.id, offset, ATTACHMENT_PIECE)
        except NotFound:
            return True  # removed meanwhile
        query = {"size": str(item.size), "offset": str(offset)}
        headers = {"content-type": "application/octet-stream"}
        response = yield from Request("PUT", f"{PATH}/{item.id}", query, headers, piece)
        state = _object(response)
        if response.status == 409 and restarts < 2:
            offset, restarts = _count(state, "received"), restarts + 1
        elif response.status == 200:
            if state.get("complete") is True:
                yield from Transaction(Attachments.mark_uploaded, item.id)
                return True
            if (received := _count(state, "received")) <= offset:
                raise _Interrupted(response.status)
            offset = received
            yield from FileProgress(done + offset, total)
        elif response.status in (400, 409, 413):
            reason = state.get("error")
            yield from Transaction(
                Attachments.mark_refused, item.id, reason[:500] if isinstance(reason, str) else REFUSED
            )
            return True
        else:
            raise _Interrupted(response.status)


def _download(item: Transfer, done: int, total: int) -> Effects[bool]:
    """Download a file, or the rest of it; return False when a later exchange has to continue."""
    offset = yield from Transaction(AttachmentFiles.received, item.id)
    while True:
        response = yield from Request("GET", f"{PATH}/{item.id}", {"offset": str(offset)})
        if response.status == 404:
            return False  # another device is still uploading it
        size = response.headers.get("attachment-size", "")
        if response.status != 200 or not size.isascii() or not size.isdigit() or len(size) > 12:
            raise _Interrupted(response.status)
        if not offset <= offset + len(response.body) <= int(size) <= MAX_ATTACHMENT:
            yield from Transaction(AttachmentFiles.discard, item.id)
            return False
        if response.body:
            yield from Transaction(AttachmentFiles.receive, item.id, offset, response.body)
            offset += len(response.body)
            yield from FileProgress(done + offset, total)
        if offset == int(size):
            return (yield from Transaction(Attachments.complete, item.id))
        if not response.body:
            return False


def _object(response: Response) -> Mapping[str, Any]:
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _count(value: Mapping[str, Any] | None, key: str) -> int:
    number = value.get(key) if value is not None else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MAX_ATTACHMENT else 0
