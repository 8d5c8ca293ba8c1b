"""Push to an upstream server, in the form with the fewest side effects there.

See docs/specification/sync-protocol.md#upstream-push.

A conversation is sent with the messages that changed and no others. Its title is sent only where it is new or changed,
and alone if nothing else did. A failed message is sent to the one endpoint that stores the text of an error. A
conversation counts as stored only when the response says so by its id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sterna.storage import Acknowledgements, OutgoingConversation, OutgoingMessage, UpstreamPull, UpstreamPush

from ..protocol.effects import CrashPoint, Effects, Progress, Transaction
from ..wire import BATCH_BYTES, MESSAGE_BYTES, BadItem, Detail
from .codec import encode_conversation, encode_message
from .requests import BudgetExhausted, UpstreamRequests, encoded
from .responses import CycleStopped, UpstreamResponse

Item = tuple[str, str, int]

MOST_CONVERSATIONS, MOST_MESSAGES = 20, 100
PROBES = 16
"""Most requests of one cycle that only search for a message that the server rejects."""
CLEAR_FROM = 20
"""Deletions from which one request for all of them is worth its risk: it also deletes what is created meanwhile."""


@dataclass(slots=True)
class ConversationUpload:
    """One conversation, as it is sent in one request."""

    conversation: OutgoingConversation
    items: list[dict[str, Any]]
    """Its messages as JSON."""

    @property
    def halves(self) -> tuple[ConversationUpload, ConversationUpload]:
        """Return two halves of its messages; the title goes with the first."""
        half = len(self.items) // 2
        first = replace(self.conversation, messages=self.conversation.messages[:half])
        second = replace(self.conversation, rev=None, known=True, messages=self.conversation.messages[half:])
        return ConversationUpload(first, self.items[:half]), ConversationUpload(second, self.items[half:])

    @property
    def bare(self) -> ConversationUpload:
        """Return the conversation without its messages."""
        return ConversationUpload(replace(self.conversation, messages=()), [])


@dataclass(slots=True)
class PushResult:
    """Results of what was sent."""

    acked: list[Item] = field(default_factory=list)
    refused: list[tuple[Item, str]] = field(default_factory=list)
    too_large: list[Item] = field(default_factory=list)
    unreported: set[str] = field(default_factory=set)
    """Conversations that the response does not mention."""


class ConversationPush:
    """Sending of one account's changes."""

    clear_from = CLEAR_FROM

    def __init__(self, requests: UpstreamRequests) -> None:
        self._requests = requests
        self.pushed = 0
        """Items acknowledged in the current cycle."""
        self._probes = 0

    def push(self, fence: int, now_ms: int, *, skip: Collection[str] = ()) -> Effects[None]:
        """Send what waits, except for the conversations in ``skip``."""
        self._probes = 0
        skipped = set(skip)
        while True:
            batch = yield from Transaction(
                UpstreamPush.freeze,
                fence=fence,
                now_ms=now_ms,
                most_conversations=MOST_CONVERSATIONS,
                most_messages=MOST_MESSAGES,
                skip=tuple(sorted(skipped)),
            )
            yield from CrashPoint("frozen")
            if batch.empty:
                return
            for item in batch.deletes:
                yield from self._delete(item, fence, now_ms)
            outcome = PushResult()
            try:
                yield from self._send(batch.conversations, outcome, fence, now_ms)
            except (CycleStopped, BudgetExhausted):
                yield from self._settle(outcome, fence, now_ms)  # results of earlier requests
                raise
            yield from self._settle(outcome, fence, now_ms)
            skipped |= outcome.unreported

    def clear(self, listed: Sequence[str] | None, fence: int, now_ms: int) -> Effects[None]:
        """Delete everything with one request, where all that the server has was deleted here."""
        items = yield from Transaction(UpstreamPush.clear, listed, self.clear_from, fence=fence)
        if items is None:
            return
        yield from CrashPoint("clearing")
        response = yield from self._requests.send("DELETE", "clear-all", tolerant=True)
        succeeded = response.kind == "ok" and response.value.get("success") is True
        # it fails for many conversations; then each is deleted by its id
        yield from self._settle(PushResult(list(items if succeeded else items[:1])), fence, now_ms)

    def _settle(self, outcome: PushResult, fence: int, now_ms: int) -> Effects[None]:
        if outcome.acked or outcome.refused:
            yield from Transaction(
                UpstreamPush.settle, tuple(outcome.acked), tuple(outcome.refused), fence=fence, now_ms=now_ms
            )
            yield from Progress(pushed=len(outcome.acked) + len(outcome.refused))
            self.pushed += len(outcome.acked)
        for kind, id_, rev in outcome.too_large:
            yield from Transaction(Acknowledgements.block, kind, id_, rev, "too_large", fence=fence)
        outcome.acked, outcome.refused, outcome.too_large = [], [], []

    def _delete(self, item: Item, fence: int, now_ms: int) -> Effects[None]:
        response = yield from self._requests.send("DELETE", "sessions", {"id": item[1]}, tolerant=True)
        succeeded = response.kind == "ok" and response.value.get("success") is True
        outcome = PushResult([item]) if succeeded else PushResult(refused=[(item, f"status_{response.status}")])
        yield from self._settle(outcome, fence, now_ms)

    def _send(
        self, conversations: Iterable[OutgoingConversation], outcome: PushResult, fence: int, now_ms: int
    ) -> Effects[None]:
        parcels: list[ConversationUpload] = []
        for conversation in conversations:
            if (yield from self._rename(conversation, outcome, fence, now_ms)):
                continue
            rest = yield from self._send_failed(conversation, outcome)
            if rest is not None and ((parcel := self._parcel(rest, outcome)).items or rest.rev is not None):
                parcels.append(parcel)
        for batch in _batches(parcels, self._requests.user_id):
            yield from self._post(batch, outcome, halved=False)
            yield from self._settle(outcome, fence, now_ms)

    def _rename(
        self, conversation: OutgoingConversation, outcome: PushResult, fence: int, now_ms: int
    ) -> Effects[bool]:
        """Send a changed title of which nothing else has to be sent. Return whether that is settled."""
        if not conversation.known or conversation.rev is None or conversation.messages or self._requests.form == "S":
            return False
        body = encoded({"id": conversation.id, "title": conversation.row["title"]})
        response = yield from self._requests.send("POST", "session", body=body)
        if response.kind == "ok" and response.value.get("success") is True:
            outcome.acked += conversation.items
        elif response.kind == "gone":
            yield from Transaction(UpstreamPull.gone, conversation.id, fence=fence, now_ms=now_ms)
        elif response.kind != "no_endpoint":
            outcome.refused += [(item, f"status_{response.status}") for item in conversation.items]
        else:
            return False
        return True

    def _parcel(self, conversation: OutgoingConversation, outcome: PushResult) -> ConversationUpload:
        """Encode a conversation's messages, without those that are too large for any request."""
        encodable: list[OutgoingMessage] = []
        items: list[dict[str, Any]] = []
        for message in conversation.messages:
            try:
                item = encode_message(message)
            except (BadItem, ValueError):
                outcome.refused.append((("m", message.id, message.rev), "bad_message"))
                continue
            if len(encoded(item)) > MESSAGE_BYTES:
                outcome.too_large.append(("m", message.id, message.rev))
            else:
                encodable.append(message)
                items.append(item)
        return ConversationUpload(replace(conversation, messages=tuple(encodable)), items)

    def _send_failed(
        self, conversation: OutgoingConversation, outcome: PushResult
    ) -> Effects[OutgoingConversation | None]:
        """Send failed messages to the endpoint that stores their errors. Return what is left to send, if anything."""
        failed = tuple(message for message in conversation.messages if message.value["error_message"])
        if not failed or self._requests.form != "H":
            return conversation
        parcel = self._parcel(replace(conversation, messages=failed), outcome)
        body: dict[str, Any] = {"sessionId": conversation.id, "messages": parcel.items}
        if conversation.rev is not None:
            body["sessionTitle"] = conversation.row["title"]
        rest = tuple(message for message in conversation.messages if not message.value["error_message"])
        if not parcel.items:
            return replace(conversation, messages=rest)
        response = yield from self._requests.send("POST", "messages", body=encoded(body), tolerant=True)
        if response.kind != "ok" or response.value.get("success") is not True:
            return conversation  # the other endpoint accepts them, without the text
        outcome.acked += parcel.conversation.items
        return replace(conversation, rev=None, known=True, messages=rest) if rest else None

    def _post(self, parcels: Sequence[ConversationUpload], outcome: PushResult, *, halved: bool) -> Effects[None]:
        """Send several conversations with one request, and halve it where it is refused as a whole."""
        if not parcels:
            return
        response = yield from self._post_once(parcels)
        half = len(parcels) // 2
        if response.kind == "ok":
            self._requests.reader.refusals = 0
            yield from self._read_details(parcels, response, outcome)
        elif response.kind == "too_large":
            if half:
                yield from self._post(parcels[:half], outcome, halved=halved)
                yield from self._post(parcels[half:], outcome, halved=halved)
            elif len(parcels[0].items) > 1:
                for part in parcels[0].halves:
                    yield from self._post([part], outcome, halved=halved)
            else:
                outcome.too_large += parcels[0].conversation.items
        elif not half:
            outcome.refused += [(item, f"status_{response.status}") for item in parcels[0].conversation.items]
        elif halved:
            raise CycleStopped(self._requests.reader.all_refused())
        else:  # one conversation may be the reason why all are refused: each half is tried once
            yield from self._post(parcels[:half], outcome, halved=True)
            yield from self._post(parcels[half:], outcome, halved=True)

    def _post_once(self, parcels: Sequence[ConversationUpload]) -> Effects[UpstreamResponse]:
        user_id = self._requests.user_id
        items = [encode_conversation(parcel.conversation, user_id, parcel.items) for parcel in parcels]
        return (yield from self._requests.send("POST", "sync", body=encoded({"conversations": items})))

    def _read_details(
        self, parcels: Sequence[ConversationUpload], response: UpstreamResponse, outcome: PushResult
    ) -> Effects[None]:
        """Note the result of each conversation. One that the response does not name is not stored."""
        stored: dict[str, bool] = {}
        for item in _details(response):
            try:
                detail = Detail.decode(item)
            except BadItem:
                continue
            stored[detail.id] = detail.error is None
        if response.value.get("success") is not True or not stored:
            raise CycleStopped(self._requests.reader.not_upstream())
        for parcel in parcels:
            conversation = parcel.conversation
            if stored.get(conversation.id):
                outcome.acked += conversation.items
            elif conversation.id in stored:
                yield from self._bisect(parcel, outcome)
            else:
                outcome.unreported.add(conversation.id)

    def _bisect(self, parcel: ConversationUpload, outcome: PushResult) -> Effects[None]:
        """Find the message for which the server rejects a conversation; it does not say which."""
        conversation = parcel.conversation
        if len(parcel.items) + (conversation.rev is not None) <= 1 or self._probes >= PROBES:
            outcome.refused += [(item, "refused") for item in conversation.items]
            return
        if conversation.rev is not None:
            if (yield from self._is_accepted(parcel.bare)):
                outcome.acked += parcel.bare.conversation.items
                rest = ConversationUpload(replace(conversation, rev=None, known=True), parcel.items)
                yield from self._bisect(rest, outcome)
            else:
                outcome.refused += [(item, "refused") for item in conversation.items]
            return
        for part in parcel.halves:
            if (yield from self._is_accepted(part)):
                outcome.acked += part.conversation.items
            else:
                yield from self._bisect(part, outcome)

    def _is_accepted(self, parcel: ConversationUpload) -> Effects[bool]:
        self._probes += 1
        response = yield from self._post_once([parcel])
        return response.kind == "ok" and any(
            item.get("conversationId") == parcel.conversation.id and item.get("status") == "synced"
            for item in _details(response)
        )


def _details(response: UpstreamResponse) -> list[Any]:
    results = response.value.get("results")
    details = results.get("details") if isinstance(results, dict) else None
    return [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []


def _batches(parcels: Iterable[ConversationUpload], user_id: str) -> list[list[ConversationUpload]]:
    """Group parcels into requests of at most a megabyte. A conversation that is larger is divided."""
    batches: list[list[ConversationUpload]] = [[]]
    size = 0
    waiting = list(parcels)
    while waiting:
        parcel = waiting.pop(0)
        weight = len(encoded(encode_conversation(parcel.conversation, user_id, parcel.items)))
        if weight > BATCH_BYTES and len(parcel.items) > 1:
            waiting[:0] = parcel.halves
            continue
        if batches[-1] and (size + weight > BATCH_BYTES or len(batches[-1]) >= MOST_CONVERSATIONS):
            batches.append([])
            size = 0
        batches[-1].append(parcel)
        size += weight
    return [batch for batch in batches if batch]
