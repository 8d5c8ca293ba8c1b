"""Attached files between two devices and a real server, and what an exchange makes of a server's answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fake_time import until
from test_engine_server import Device, device, somebody, token  # noqa: F401 - fixtures

from sterna.storage import Attachment, AttachmentFiles, Message, Privacy, Settled, Store
from sterna.sync.protocol.attachments import NO_ROOM, exchange_files
from sterna.sync.protocol.effects import FileProgress, Request, Response, Transaction, Unreachable
from sterna.sync.wire import ATTACHMENT_PIECE

CONTENT = bytes(range(256)) * 6_000
"""Three pieces."""
ID = sha256(CONTENT).hexdigest()


def attach(store: Store, content: bytes = CONTENT) -> Message:
    """Send a message with a file."""
    kept = store.attachment_files.add([content])
    attachment = Attachment(kept.id, "flight.bin", "text/plain", kept.size)
    store.attachments.add(attachment)
    begun = store.live_replies.begin_turn(None, "Look", model="m", attachments=[attachment])
    store.live_replies.settle(begun.reply.id, Settled("done", "Yes."))
    return begun.user_message


def has_file(store: Store) -> bool:
    return [item.is_here for item in store.attachments.used()] == [True] and store.attachment_files.read(ID) == CONTENT


def file_requests(one: Device) -> list[str]:
    return [method for method, path in one.way.requests if "/attachments" in path]


async def test_a_file_reaches_the_other_device_in_pieces_and_travels_once(device: Callable[..., Any]) -> None:  # noqa: F811
    ada, bob = await device(run=False), await device(run=False)
    await ada.store.run(attach)
    assert (await ada.engine.run_once()).complete
    assert file_requests(ada) == ["POST", "PUT", "PUT", "PUT"]
    assert (await bob.engine.run_once()).complete
    assert file_requests(bob) == ["GET", "GET", "GET"]
    assert await bob.store.run(has_file)
    assert max(report.file_bytes for report in bob.reports) == len(CONTENT)
    await ada.write("more")
    await ada.engine.run_once()
    await bob.engine.run_once()
    assert (len(file_requests(ada)), len(file_requests(bob))) == (4, 3)


async def test_a_private_conversation_keeps_its_files_here(device: Callable[..., Any]) -> None:  # noqa: F811
    ada = await device(run=False)
    message = await ada.store.run(attach)
    await ada.store.run(Privacy.set_private, message.session_id, True)
    assert (await ada.engine.run_once()).complete
    assert file_requests(ada) == []


async def test_devices_that_run_exchange_files_by_themselves(device: Callable[..., Any]) -> None:  # noqa: F811
    ada = await device()
    await ada.store.run(attach)
    await ada.send()
    await until(lambda: len(file_requests(ada)) == 4 and ada.engine._files is not None and ada.engine._files.done())
    bob = await device()
    await until(lambda: AttachmentFiles(bob.path).has(ID))


class Exchange:
    """History and a scripted server, which records the requests."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[str] = []
        self.progress: list[int] = []

    def __call__(self, *answers: Response | Unreachable) -> bool:
        rest, work, result = list(answers), exchange_files(), None
        self.asked.clear()
        while True:
            try:
                effect = work.send(result)
            except StopIteration as stop:
                assert not rest
                return bool(stop.value)
            result = None
            match effect:
                case Request():
                    self.asked.append(f"{effect.method} {effect.query.get('offset', '')}".strip())
                    answer = rest.pop(0)
                    if isinstance(answer, Unreachable):
                        raise answer
                    result = answer
                case Transaction():
                    result = self.store.call(effect.method, *effect.args, **effect.kwargs)
                case FileProgress():
                    self.progress.append(effect.done)

    def acknowledge(self) -> None:
        with self.store.db.write():
            self.store.db.execute(
                "insert into sync_message_state (message_id, server_seq) select id, 1 from chat_messages"
            )


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    store = Store.open(tmp_path / "a.db")
    attach(store)
    result = Exchange(store)
    result.acknowledge()
    yield result
    store.close()


def answer(status: int = 200, **value: Any) -> Response:
    return Response(status, {}, json.dumps(value).encode())


def stored(received: int, *, complete: bool = False) -> Response:
    return answer(id=ID, size=len(CONTENT), received=received, complete=complete)


def piece(offset: int, size: int = len(CONTENT), content: bytes = CONTENT) -> Response:
    return Response(200, {"attachment-size": str(size)}, content[offset : offset + ATTACHMENT_PIECE])


NOTHING = answer(attachments=[])


def test_an_upload_that_was_cut_goes_on_where_it_was(exchange: Exchange) -> None:
    with pytest.raises(Unreachable):
        exchange(NOTHING, stored(ATTACHMENT_PIECE), Unreachable("network"))
    known = answer(attachments=[{"id": ID, "received": ATTACHMENT_PIECE, "complete": False}])
    assert not exchange(known, stored(2 * ATTACHMENT_PIECE), stored(len(CONTENT), complete=True))
    assert exchange.asked == ["POST", f"PUT {ATTACHMENT_PIECE}", f"PUT {2 * ATTACHMENT_PIECE}"]
    assert not exchange()


def test_a_file_that_another_device_has_uploaded_is_not_sent(exchange: Exchange) -> None:
    assert not exchange(answer(attachments=[{"id": ID, "received": len(CONTENT), "complete": True}]))
    assert exchange.asked == ["POST"]


def test_a_file_that_the_server_does_not_take_is_not_offered_again(exchange: Exchange) -> None:
    assert not exchange(NOTHING, answer(413, error="Your files may have 1 MB together."))
    row = exchange.store.db.one("select uploaded, refused from attachments")
    assert row is not None
    assert tuple(row) == (0, "Your files may have 1 MB together.")
    assert not exchange()


def test_a_server_without_room_is_sent_nothing_until_the_next_start(exchange: Exchange) -> None:
    full = answer(attachments=[], quota=10**6, used=10**6 - 1)
    assert not exchange(full)
    assert exchange.asked == ["POST"]
    assert [item.refused for item in exchange.store.attachments.used()] == [NO_ROOM]
    assert not exchange()
    exchange.store.attachments.forget_refusals()
    assert not exchange(full)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_server_in_trouble_is_asked_again_later(exchange: Exchange, status: int) -> None:
    assert exchange(NOTHING, answer(status))
    assert exchange(answer(status))


def test_a_server_that_never_advances_is_left(exchange: Exchange) -> None:
    assert exchange(NOTHING, stored(0))


def lose(exchange: Exchange) -> None:
    """Let the message be here, and its file not yet."""
    exchange.store.attachment_files.remove(ID)
    exchange.store.db.execute("delete from attachments")


def test_a_download_that_was_cut_goes_on_where_it_was(exchange: Exchange) -> None:
    lose(exchange)
    with pytest.raises(Unreachable):
        exchange(piece(0), Unreachable("timeout"))
    assert not exchange(piece(ATTACHMENT_PIECE), piece(2 * ATTACHMENT_PIECE))
    assert exchange.asked == [f"GET {ATTACHMENT_PIECE}", f"GET {2 * ATTACHMENT_PIECE}"]
    assert has_file(exchange.store)
    assert exchange.progress[-2:] == [len(CONTENT), 0]


@pytest.mark.parametrize(
    "answers",
    [
        [answer(404)],
        [piece(0, size=10**11)],
        [Response(200, {}, b"x")],
        [piece(0, size=10)],
        [piece(0), piece(len(CONTENT))],
        [piece(0, size=9, content=b"something")],
    ],
    ids=["not there", "huge", "no size", "longer than its size", "ends early", "other content"],
)
def test_what_a_server_sends_instead_of_the_file_is_not_taken_for_it(
    exchange: Exchange, answers: list[Response]
) -> None:
    lose(exchange)
    assert exchange(*answers)
    assert not exchange.store.attachment_files.has(ID)
