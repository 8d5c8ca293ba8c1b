"""What an upstream server has, fetched: its list compared, the messages of what changed, and what is missing asked for.

The list of all conversations is one request and says everything but messages; the first page of the newest is smaller,
and blind for renames, deletions and edits of old conversations. So a small account is always listed whole, and a large
one every six hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sterna.storage import Entry, InMessage, Survey, UpstreamPull

from ..protocol.effects import Problem, Progress, Tx
from ..wire import BadItem, instant_of, written
from .codec import WrongOwner, listed, message_in
from .requests import RESERVE, Spent, Steps, Talk
from .responses import Stopped

SWEEP_MS = 6 * 3_600_000
SMALL = 200
"""Conversations up to which the whole list is no more than a few pages."""
ROW_CAP = 1_000
"""A hosted database answers no more rows and does not say that there are more."""
TRIES = 3
"""How often messages are fetched that are not as many as the list says, for they may never be."""
PAGES = 50
PAGE = "20"


class Pulling(Talk):
    """The server's history, looked at."""

    row_cap = ROW_CAP
    _swept_ms: int | None = None
    _size = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left: dict[str, Entry] = {}
        self._whole = False
        self._tries: dict[str, tuple[str, int]] = {}
        self._kept_back: tuple[str, ...] = ()

    def look(self, fence: int, now_ms: int, *, sure: bool = False) -> Steps[tuple[str, ...] | None]:
        """Compare the server's list with what it was; gives the ids of all it has, None when that is not known.

        ``sure``: nothing but the whole list will do.
        """
        old = self._swept_ms is None or not 0 <= now_ms - self._swept_ms < SWEEP_MS
        if sure or old or self._size <= SMALL or self.flavour != "H":
            said = yield from self.ask("GET", "sessions")
            entries = self._entries(said.value.get("sessions"))
            whole = len(entries) < self.row_cap
            self._swept_ms, self._size = now_ms, len(entries)
        else:
            said = yield from self.ask("GET", "sync", {"limit": PAGE, "summary_only": "true"})
            entries = self._entries(said.value.get("conversations"))
            whole = False
        survey: Survey = yield Tx(UpstreamPull.survey, (entries,), {"whole": whole, "fence": fence, "now_ms": now_ms})
        by_id = {one.id: one for one in entries}
        self._left |= {id_: by_id[id_] for id_ in survey.changed if not self._tried(by_id[id_])}
        self._whole = self._whole or whole
        self._kept_back = survey.held
        yield from self._ask_for(survey.missing, fence, now_ms)
        return tuple(by_id) if whole else None

    def fetch(self, fence: int) -> Steps[None]:
        """Fetch the messages of what changed, as far as the budget goes."""
        left = sum(_things(entry) for entry in self._left.values())
        for id_ in list(self._left):
            left -= _things(self._left[id_])
            try:
                yield from self._fetch_one(self._left[id_], fence, left=left)
            except Spent:
                return
            del self._left[id_]
        if self._whole:
            yield Tx(UpstreamPull.is_whole, (fence,))
            self._whole = False

    def conversation(self, session_id: str, fence: int) -> Steps[None]:
        """Fetch one conversation's messages now, because somebody wants to read them."""
        try:
            entry = self._left.get(session_id)
            if entry is None and self.flavour != "S":
                said = yield from self.ask("GET", "session", {"id": session_id})
                entry = next(iter(self._entries([said.value.get("session")])), None) if said.kind == "good" else None
            if entry is not None:
                yield from self._fetch_one(entry, fence, keep=0)
                self._left.pop(session_id, None)
        except (Spent, Stopped):
            return

    def _fetch_one(self, entry: Entry, fence: int, keep: int = RESERVE, left: int = 0) -> Steps[None]:
        found, sound = yield from self._messages(entry.id, {}, keep)
        if found is None:
            self._note_try(entry)
            return
        newest = found
        pages = 0
        while newest and _counted(found) < entry.message_count and self.flavour == "H" and pages < PAGES:
            since = _since(newest[-1])
            more, fine = yield from self._messages(entry.id, {"since_ts": since}, keep)
            known = {one.id for one in found}
            newest = [one for one in more or [] if one.id not in known]
            found, sound, pages = [*found, *newest], sound and fine, pages + 1
        whole = sound and entry.message_count in (len(found), _counted(found))
        if sound and not whole and len(found) < self.row_cap and self._times_tried(entry) >= TRIES - 1:
            whole = True  # it was counted wrong: by a client, or with rows that are not shown
        taken: int = yield Tx(
            UpstreamPull.merge,
            (entry.id, found, entry.fingerprint if whole else None),
            {"fence": fence, "now_ms": self.budget.at_ms or 0},
            Progress(fetched=_things(entry), left=left),
        )
        self._pulled += taken
        if not whole:
            self._note_try(entry)

    def _messages(
        self, session_id: str, more: Mapping[str, str], keep: int
    ) -> Steps[tuple[list[InMessage] | None, bool]]:
        """Messages, and whether every one could be read; None where there was no list."""
        said = yield from self.ask("GET", "messages", {"session_id": session_id, **more}, keep=keep, tolerant=True)
        items = said.value.get("messages")
        if said.kind != "good" or not isinstance(items, list):
            return None, False
        found: list[InMessage] = []
        sound = True
        for item in items:
            try:
                found.append(message_in(item))
            except (BadItem, AttributeError):
                sound = False
        return found, sound

    def _ask_for(self, missing: Sequence[str], fence: int, now_ms: int) -> Steps[None]:
        """Whether what is not in the list is really gone: only the answer to its own id counts."""
        for id_ in missing:
            try:
                said = (
                    None if self.flavour == "S" else (yield from self.ask("GET", "session", {"id": id_}, keep=RESERVE))
                )
                if said is None or said.kind == "no_such_page":
                    said = yield from self.ask("GET", "messages", {"session_id": id_}, keep=RESERVE)
            except Spent:
                return
            if said.kind == "gone" and isinstance(said.value.get("error"), str):
                gone: bool = yield Tx(UpstreamPull.gone, (id_,), {"fence": fence, "now_ms": now_ms})
                self._pulled += int(gone)

    def _entries(self, items: Any) -> list[Entry]:
        """What a list names. One that cannot be read is as good as not there: it is asked for by its id."""
        if not isinstance(items, list):
            raise Stopped(self.judge.strange())
        found: dict[str, Entry] = {}
        for item in items:
            try:
                entry = listed(item, self.user_id)
                found[entry.id] = entry
            except BadItem:
                continue
            except WrongOwner:
                raise Stopped(
                    Problem("signin", "The sign-in is not of this history's account. Sign in again: sterna login")
                ) from None
        if items and not found:
            raise Stopped(self.judge.strange())
        return list(found.values())

    def _tried(self, entry: Entry) -> bool:
        return self._times_tried(entry) >= TRIES

    def _times_tried(self, entry: Entry) -> int:
        fingerprint, times = self._tries.get(entry.id, ("", 0))
        return times if fingerprint == entry.fingerprint else 0

    def _note_try(self, entry: Entry) -> None:
        self._tries[entry.id] = (entry.fingerprint, self._times_tried(entry) + 1)


def _things(entry: Entry) -> int:
    """How many things a conversation is: itself, and the messages that the list counts."""
    return 1 + entry.message_count


def _counted(messages: Iterable[InMessage]) -> int:
    return sum(not one.value["error_message"] for one in messages)


def _since(newest: InMessage) -> str:
    """Just before the newest: others may have its time."""
    at = instant_of(newest.value["message_timestamp"][:23] + "Z")
    assert at is not None
    return written(at - timedelta(milliseconds=1))
