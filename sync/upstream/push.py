"""Pushes to an upstream server, in the form in which the server does least harm with them.

See docs/specification/sync-protocol.md#upstream-push.

A conversation goes with the messages that changed and no others; its title goes only where it is new or changed, and
alone if nothing else did; a message that failed goes by the one endpoint that keeps the text of an error. A
conversation counts as stored only when the answer says so by its id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sterna.storage import Acknowledgements, Batch, Outgoing, OutMessage, UpstreamPull, UpstreamPush

from ..protocol.effects import Point, Progress, Tx
from ..wire import BATCH_BYTES, MESSAGE_BYTES, BadItem, Detail
from .codec import conversation_item, message_item
from .requests import Spent, Steps, Talk, encoded
from .responses import Said, Stopped

Item = tuple[str, str, int]

MOST_CONVERSATIONS, MOST_MESSAGES = 20, 100
PROBES = 16
"""Requests of one cycle that only find out which message of a conversation is not taken."""
CLEAR_FROM = 20
"""Deletions from which on one request for all of them is worth its risk: it takes what is made meanwhile, too."""
SPENT = "The hourly number of requests is used up for now; what waits is sent later."


@dataclass(slots=True)
class Parcel:
    """A conversation as it goes into one request."""

    one: Outgoing
    items: list[dict[str, Any]]
    """Its messages, as they are sent."""

    @property
    def parts(self) -> tuple[Parcel, Parcel]:
        """Two halves of its messages; the title goes with the first."""
        half = len(self.items) // 2
        first = replace(self.one, messages=self.one.messages[:half])
        second = replace(self.one, rev=None, known=True, messages=self.one.messages[half:])
        return Parcel(first, self.items[:half]), Parcel(second, self.items[half:])

    @property
    def bare(self) -> Parcel:
        """The conversation alone."""
        return Parcel(replace(self.one, messages=()), [])


@dataclass(slots=True)
class Outcome:
    """What became of what was sent."""

    acked: list[Item] = field(default_factory=list)
    refused: list[tuple[Item, str]] = field(default_factory=list)
    large: list[Item] = field(default_factory=list)
    unsaid: set[str] = field(default_factory=set)
    """Conversations of which the answer says nothing."""


class Pushing(Talk):
    """The history, told."""

    _probes = 0
    clear_from = CLEAR_FROM

    def push(self, fence: int, now_ms: int, *, skip: Collection[str] = ()) -> Steps[None]:
        """Send what waits, but not of the conversations in ``skip``."""
        self._probes = 0
        later = set(skip)
        while True:
            batch: Batch = yield Tx(
                UpstreamPush.freeze,
                (),
                {
                    "fence": fence,
                    "now_ms": now_ms,
                    "most_conversations": MOST_CONVERSATIONS,
                    "most_messages": MOST_MESSAGES,
                    "skip": tuple(sorted(later)),
                },
            )
            yield Point("frozen")
            if batch.empty:
                return
            for item in batch.deletes:
                yield from self._delete(item, fence, now_ms)
            outcome = Outcome()
            try:
                yield from self._send(batch.conversations, outcome, fence, now_ms)
            except (Stopped, Spent):
                yield from self._settle(outcome, fence, now_ms)  # what was told before
                raise
            yield from self._settle(outcome, fence, now_ms)
            later |= outcome.unsaid

    def clear(self, listed: Sequence[str] | None, fence: int, now_ms: int) -> Steps[None]:
        """Everything was deleted here: with one request, where nothing is lost by that."""
        items: Sequence[Item] | None = yield Tx(UpstreamPush.clear, (listed, self.clear_from), {"fence": fence})
        if items is None:
            return
        yield Point("clearing")
        said = yield from self.ask("DELETE", "clear-all", tolerant=True)
        done = said.kind == "good" and said.value.get("success") is True
        # it fails for many conversations: then each is deleted by its id
        yield from self._settle(Outcome(list(items if done else items[:1])), fence, now_ms)

    def _settle(self, outcome: Outcome, fence: int, now_ms: int) -> Steps[None]:
        if outcome.acked or outcome.refused:
            yield Tx(
                UpstreamPush.settle,
                (tuple(outcome.acked), tuple(outcome.refused)),
                {"fence": fence, "now_ms": now_ms},
                Progress(pushed=len(outcome.acked) + len(outcome.refused)),
            )
            self._pushed += len(outcome.acked)
        for kind, id_, rev in outcome.large:
            yield Tx(Acknowledgements.block, (kind, id_, rev, "too_large"), {"fence": fence})
        outcome.acked, outcome.refused, outcome.large = [], [], []

    def _delete(self, item: Item, fence: int, now_ms: int) -> Steps[None]:
        said = yield from self.ask("DELETE", "sessions", {"id": item[1]}, tolerant=True)
        done = said.kind == "good" and said.value.get("success") is True
        outcome = Outcome([item]) if done else Outcome(refused=[(item, f"status_{said.status}")])
        yield from self._settle(outcome, fence, now_ms)

    def _send(self, conversations: Iterable[Outgoing], outcome: Outcome, fence: int, now_ms: int) -> Steps[None]:
        parcels: list[Parcel] = []
        for one in conversations:
            if one.known and one.rev is not None and not one.messages and self.flavour != "S":
                said = yield from self.ask("POST", "session", body=encoded({"id": one.id, "title": one.row["title"]}))
                if said.kind == "good" and said.value.get("success") is True:
                    outcome.acked += one.items
                    continue
                if said.kind == "gone":
                    yield Tx(UpstreamPull.gone, (one.id,), {"fence": fence, "now_ms": now_ms})
                    continue
                if said.kind != "no_such_page":
                    outcome.refused += [(item, f"status_{said.status}") for item in one.items]
                    continue
            rest = yield from self._say_failed(one, outcome)
            if rest is not None and ((parcel := self._packed(rest, outcome)).items or rest.rev is not None):
                parcels.append(parcel)
        for some in _batches(parcels, self.user_id):
            yield from self._post(some, outcome, halved=False)
            yield from self._settle(outcome, fence, now_ms)

    def _packed(self, one: Outgoing, outcome: Outcome) -> Parcel:
        """With its messages as they are sent, but for those that are too large for any request."""
        kept: list[OutMessage] = []
        items: list[dict[str, Any]] = []
        for message in one.messages:
            try:
                item = message_item(message)
            except (BadItem, ValueError):
                outcome.refused.append((("m", message.id, message.rev), "bad_message"))
                continue
            if len(encoded(item)) > MESSAGE_BYTES:
                outcome.large.append(("m", message.id, message.rev))
            else:
                kept.append(message)
                items.append(item)
        return Parcel(replace(one, messages=tuple(kept)), items)

    def _say_failed(self, one: Outgoing, outcome: Outcome) -> Steps[Outgoing | None]:
        """Say the messages that failed by the endpoint that keeps why; gives what is left to send, if anything."""
        failed = tuple(message for message in one.messages if message.value["error_message"])
        if not failed or self.flavour != "H":
            return one
        parcel = self._packed(replace(one, messages=failed), outcome)
        body: dict[str, Any] = {"sessionId": one.id, "messages": parcel.items}
        if one.rev is not None:
            body["sessionTitle"] = one.row["title"]
        rest = tuple(message for message in one.messages if not message.value["error_message"])
        if not parcel.items:
            return replace(one, messages=rest)
        said = yield from self.ask("POST", "messages", body=encoded(body), tolerant=True)
        if said.kind != "good" or said.value.get("success") is not True:
            return one  # the other endpoint takes them, without the text
        outcome.acked += parcel.one.items
        return replace(one, rev=None, known=True, messages=rest) if rest else None

    def _post(self, parcels: Sequence[Parcel], outcome: Outcome, *, halved: bool) -> Steps[None]:
        """Send several conversations with one request."""
        if not parcels:
            return
        said = yield from self._posted(parcels)
        half = len(parcels) // 2
        if said.kind == "good":
            self.judge.refusals = 0
            yield from self._judged(parcels, said, outcome)
        elif said.kind == "too_large":
            if half:
                yield from self._post(parcels[:half], outcome, halved=halved)
                yield from self._post(parcels[half:], outcome, halved=halved)
            elif len(parcels[0].items) > 1:
                for part in parcels[0].parts:
                    yield from self._post([part], outcome, halved=halved)
            else:
                outcome.large += parcels[0].one.items
        elif not half:
            outcome.refused += [(item, f"status_{said.status}") for item in parcels[0].one.items]
        elif halved:
            raise Stopped(self.judge.refused())
        else:  # one of them may be why all are refused: each half is tried once
            yield from self._post(parcels[:half], outcome, halved=True)
            yield from self._post(parcels[half:], outcome, halved=True)

    def _posted(self, parcels: Sequence[Parcel]) -> Steps[Said]:
        items = [conversation_item(parcel.one, self.user_id, parcel.items) for parcel in parcels]
        return (yield from self.ask("POST", "sync", body=encoded({"conversations": items})))

    def _judged(self, parcels: Sequence[Parcel], said: Said, outcome: Outcome) -> Steps[None]:
        """Take the answer conversation by conversation. One that is not named in it is not stored."""
        stored: dict[str, bool] = {}
        for told in _details(said):
            try:
                detail = Detail.decode(told)
            except BadItem:
                continue
            stored[detail.id] = detail.error is None
        if said.value.get("success") is not True or not stored:
            raise Stopped(self.judge.strange())
        for parcel in parcels:
            if stored.get(parcel.one.id):
                outcome.acked += parcel.one.items
            elif parcel.one.id in stored:
                yield from self._searched(parcel, outcome)
            else:
                outcome.unsaid.add(parcel.one.id)

    def _searched(self, parcel: Parcel, outcome: Outcome) -> Steps[None]:
        """A conversation is not taken, and the server does not say why: find the message that it does not take."""
        items = parcel.one.items
        if len(parcel.items) + (parcel.one.rev is not None) <= 1 or self._probes >= PROBES:
            outcome.refused += [(item, "refused") for item in items]
            return
        if parcel.one.rev is not None:
            if (yield from self._probed(parcel.bare)):
                outcome.acked += parcel.bare.one.items
                rest = Parcel(replace(parcel.one, rev=None, known=True), parcel.items)
                yield from self._searched(rest, outcome)
            else:
                outcome.refused += [(item, "refused") for item in items]
            return
        for part in parcel.parts:
            if (yield from self._probed(part)):
                outcome.acked += part.one.items
            else:
                yield from self._searched(part, outcome)

    def _probed(self, parcel: Parcel) -> Steps[bool]:
        self._probes += 1
        said = yield from self._posted([parcel])
        return said.kind == "good" and any(
            told.get("conversationId") == parcel.one.id and told.get("status") == "synced" for told in _details(said)
        )


def _details(said: Said) -> list[Any]:
    results = said.value.get("results")
    details = results.get("details") if isinstance(results, dict) else None
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _batches(parcels: Iterable[Parcel], user_id: str) -> list[list[Parcel]]:
    """Parcels in requests of a megabyte at most; a conversation that is larger than that is cut."""
    batches: list[list[Parcel]] = [[]]
    size = 0
    waiting = list(parcels)
    while waiting:
        parcel = waiting.pop(0)
        weight = len(encoded(conversation_item(parcel.one, user_id, parcel.items)))
        if weight > BATCH_BYTES and len(parcel.items) > 1:
            waiting[:0] = parcel.parts
            continue
        if batches[-1] and (size + weight > BATCH_BYTES or len(batches[-1]) >= MOST_CONVERSATIONS):
            batches.append([])
            size = 0
        batches[-1].append(parcel)
        size += weight
    return [some for some in batches if some]
