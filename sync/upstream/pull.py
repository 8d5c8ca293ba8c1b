"""Pull from an upstream server: compare its list, fetch the messages of what changed, and check what is missing.

The list of all conversations is one request and contains everything but messages. The first page of the newest is
smaller, but does not show renames, deletions and edits of older conversations. So a small account is always listed
completely, and a large one every six hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sterna.storage import ConversationEntry, IncomingMessage, UpstreamPull

from ..backoff import HOUR_MS
from ..errors import SIGN_IN_AGAIN
from ..protocol.effects import Effects, Problem, Progress, Transaction
from ..wire import BadItem, format_time, parse_time
from .codec import WrongOwner, decode_entry, decode_message
from .requests import RESERVE, BudgetExhausted, UpstreamRequests
from .responses import CycleStopped

COMPLETE_MS = 6 * HOUR_MS
"""Time between two complete lists of a large account."""
SMALL = 200
"""Most conversations of a small account, whose complete list is no more than a few pages."""
ROW_CAP = 1_000
"""Rows after which a hosted database cuts a response without a sign of it."""
TRIES = 3
"""Fetches of a conversation whose messages never are as many as the list counts."""
PAGES = 50
PAGE = "20"


class ConversationPull:
    """Comparison and fetching of one account's conversations."""

    row_cap = ROW_CAP

    def __init__(self, requests: UpstreamRequests) -> None:
        self._requests = requests
        self.pulled = 0
        """Rows fetched in the current cycle."""
        self.changed: dict[str, ConversationEntry] = {}
        """Conversations whose messages are still to be fetched, by id."""
        self.held_back: tuple[str, ...] = ()
        """Missing conversations that wait for the user's decision."""
        self._is_complete = False
        self._attempts: dict[str, tuple[str, int]] = {}
        self._completed_ms: int | None = None
        self._size = 0

    def compare(self, fence: int, now_ms: int, *, complete: bool = False) -> Effects[tuple[str, ...] | None]:
        """Compare the server's list with the last one. Return the ids of all conversations, None where unknown.

        ``complete`` requires the complete list.
        """
        is_due = self._completed_ms is None or not 0 <= now_ms - self._completed_ms < COMPLETE_MS
        if complete or is_due or self._size <= SMALL or self._requests.form != "H":
            response = yield from self._requests.send("GET", "sessions")
            entries = self._entries(response.value.get("sessions"))
            is_complete = len(entries) < self.row_cap
            self._completed_ms, self._size = now_ms, len(entries)
        else:
            response = yield from self._requests.send("GET", "sync", {"limit": PAGE, "summary_only": "true"})
            entries = self._entries(response.value.get("conversations"))
            is_complete = False
        survey = yield from Transaction(UpstreamPull.survey, entries, whole=is_complete, fence=fence, now_ms=now_ms)
        by_id = {entry.id: entry for entry in entries}
        self.changed |= {id_: by_id[id_] for id_ in survey.changed if not self._is_given_up(by_id[id_])}
        self._is_complete = self._is_complete or is_complete
        self.held_back = survey.held
        yield from self._check_missing(survey.missing, fence, now_ms)
        return tuple(by_id) if is_complete else None

    def fetch(self, fence: int) -> Effects[None]:
        """Fetch the messages of changed conversations, as far as the budget allows."""
        left = sum(_item_count(entry) for entry in self.changed.values())
        for id_ in list(self.changed):
            left -= _item_count(self.changed[id_])
            try:
                yield from self._fetch(self.changed[id_], fence, left=left)
            except BudgetExhausted:
                return
            del self.changed[id_]
        if self._is_complete:
            yield from Transaction(UpstreamPull.is_whole, fence)
            self._is_complete = False

    def fetch_conversation(self, session_id: str, fence: int) -> Effects[None]:
        """Fetch one conversation's messages now, because they are about to be read."""
        try:
            entry = self.changed.get(session_id)
            if entry is None and self._requests.form != "S":
                response = yield from self._requests.send("GET", "session", {"id": session_id})
                entries = self._entries([response.value.get("session")]) if response.kind == "ok" else []
                entry = next(iter(entries), None)
            if entry is not None:
                yield from self._fetch(entry, fence, keep=0)
                self.changed.pop(session_id, None)
        except (BudgetExhausted, CycleStopped):
            return

    def _fetch(self, entry: ConversationEntry, fence: int, keep: int = RESERVE, left: int = 0) -> Effects[None]:
        messages, all_valid = yield from self._messages(entry.id, {}, keep)
        if messages is None:
            self._note_attempt(entry)
            return
        newest = messages
        pages = 0
        while newest and _count(messages) < entry.message_count and self._requests.form == "H" and pages < PAGES:
            since = _just_before(newest[-1])
            more, more_valid = yield from self._messages(entry.id, {"since_ts": since}, keep)
            known = {message.id for message in messages}
            newest = [message for message in more or [] if message.id not in known]
            messages, all_valid, pages = [*messages, *newest], all_valid and more_valid, pages + 1
        is_whole = all_valid and entry.message_count in (len(messages), _count(messages))
        if all_valid and not is_whole and len(messages) < self.row_cap and self._attempt_count(entry) >= TRIES - 1:
            is_whole = True  # the count is wrong: a client's, or it includes rows that are not shown
        merged = yield from Transaction(
            UpstreamPull.merge,
            entry.id,
            messages,
            entry.fingerprint if is_whole else None,
            fence=fence,
            now_ms=self._requests.budget.at_ms or 0,
        )
        self.pulled += merged
        yield from Progress(fetched=_item_count(entry), left=left)
        if not is_whole:
            self._note_attempt(entry)

    def _messages(
        self, session_id: str, more: Mapping[str, str], keep: int
    ) -> Effects[tuple[list[IncomingMessage] | None, bool]]:
        """Return messages, and whether every one was valid; None where there was no list."""
        query = {"session_id": session_id, **more}
        response = yield from self._requests.send("GET", "messages", query, keep=keep, tolerant=True)
        items = response.value.get("messages")
        if response.kind != "ok" or not isinstance(items, list):
            return None, False
        messages: list[IncomingMessage] = []
        all_valid = True
        for item in items:
            try:
                messages.append(decode_message(item))
            except (BadItem, AttributeError):
                all_valid = False
        return messages, all_valid

    def _check_missing(self, missing: Sequence[str], fence: int, now_ms: int) -> Effects[None]:
        """Delete missing conversations here, if the server confirms for each id that it does not exist."""
        for id_ in missing:
            try:
                response = None
                if self._requests.form != "S":
                    response = yield from self._requests.send("GET", "session", {"id": id_}, keep=RESERVE)
                if response is None or response.kind == "no_endpoint":
                    response = yield from self._requests.send("GET", "messages", {"session_id": id_}, keep=RESERVE)
            except BudgetExhausted:
                return
            if response.kind == "gone" and isinstance(response.value.get("error"), str):
                removed = yield from Transaction(UpstreamPull.gone, id_, fence=fence, now_ms=now_ms)
                self.pulled += int(removed)

    def _entries(self, items: Any) -> list[ConversationEntry]:
        """Return the conversations of a list. An invalid one counts as missing, and is then checked by its id."""
        if not isinstance(items, list):
            raise CycleStopped(self._requests.reader.not_upstream())
        entries: dict[str, ConversationEntry] = {}
        for item in items:
            try:
                entry = decode_entry(item, self._requests.user_id)
                entries[entry.id] = entry
            except BadItem:
                continue
            except WrongOwner:
                sentence = f"The sign-in belongs to another account than this history. {SIGN_IN_AGAIN}"
                raise CycleStopped(Problem("signin", sentence)) from None
        if items and not entries:
            raise CycleStopped(self._requests.reader.not_upstream())
        return list(entries.values())

    def _is_given_up(self, entry: ConversationEntry) -> bool:
        return self._attempt_count(entry) >= TRIES

    def _attempt_count(self, entry: ConversationEntry) -> int:
        fingerprint, count = self._attempts.get(entry.id, ("", 0))
        return count if fingerprint == entry.fingerprint else 0

    def _note_attempt(self, entry: ConversationEntry) -> None:
        self._attempts[entry.id] = (entry.fingerprint, self._attempt_count(entry) + 1)


def _item_count(entry: ConversationEntry) -> int:
    """Return the number of items of a conversation: itself, and the messages that the list counts."""
    return 1 + entry.message_count


def _count(messages: Iterable[IncomingMessage]) -> int:
    return sum(not message.value["error_message"] for message in messages)


def _just_before(newest: IncomingMessage) -> str:
    """Return the time before the newest message, because others may have its time."""
    at = parse_time(newest.value["message_timestamp"][:23] + "Z")
    assert at is not None
    return format_time(at - timedelta(milliseconds=1))
