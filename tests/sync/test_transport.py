"""Requests, valid responses and invalid ones, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fake_time import FakeTime, until
from scripted_server import ReceivedRequest, response, scripted

from sterna.storage import Conversations, Store, StoreError, StoreThread
from sterna.sync.auth.bearer import Bearer
from sterna.sync.clock import Timing
from sterna.sync.effect_runner import run_effects
from sterna.sync.errors import CannotReach, SignInNeeded
from sterna.sync.network.server_address import Server, server_of
from sterna.sync.network.transport import Transport
from sterna.sync.protocol.effects import (
    CrashPoint,
    CurrentTime,
    Effect,
    Prefetch,
    Request,
    Response,
    Transaction,
    Unreachable,
)


class Signed:
    """A sign-in whose token is ``t1``, then ``t2``, and so on."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.number = 1
        self.refuses = refuses

    async def token(self) -> str:
        return f"t{self.number}"

    async def refresh(self) -> str:
        if self.refuses is not None:
            raise self.refuses
        self.number += 1
        return await self.token()

    async def check(self, origin: str, user_id: str) -> None:
        pass


def transport_to(address: str, session: Signed | None = None, **more: Any) -> Transport:
    return Transport(server_of(address), Bearer(session or Signed()), **more)


GET = Request("GET", "/api/chat/sync", {"since": "7"})


@pytest.fixture
async def opened() -> AsyncIterator[list[Transport]]:
    """Transports to be closed."""
    found: list[Transport] = []
    yield found
    for one in found:
        await one.close()


async def ask(address: str, step: Request = GET, session: Signed | None = None, **more: Any) -> Response:
    transport = transport_to(address, session, **more)
    try:
        return await transport.send(step)
    finally:
        await transport.close()


async def test_a_request_arrives_as_it_was_meant() -> None:
    step = Request(
        "POST", "/api/chat/sync", {"a": "1 2"}, {"Sync-Seen": "3.abc", "content-encoding": "gzip"}, b"\x1f\x8b"
    )
    async with scripted(response({"success": True})) as server:
        found = await ask(server.address, step)
    assert (found.status, json.loads(found.body)) == (200, {"success": True})
    asked = server.requests[0]
    assert (asked.method, asked.target, asked.body) == ("POST", "/api/chat/sync?a=1+2", b"\x1f\x8b")
    assert asked.headers["authorization"] == "Bearer t1"
    assert asked.headers["sync-seen"] == "3.abc"
    assert asked.headers["content-encoding"] == "gzip"
    assert asked.headers["accept-encoding"].startswith("gzip")
    assert "cookie" not in asked.headers


async def test_an_answer_s_headers_are_in_lower_case_and_its_cookies_are_nobody_s() -> None:
    reply = response({}, headers=["Sync-Server: 1; caps=delta", "RETRY-AFTER: 7", "Set-Cookie: a=b; Path=/"])
    async with scripted(reply) as server:
        transport = transport_to(server.address)
        found = await transport.send(GET)
        await transport.send(GET)
        await transport.close()
    assert found.headers["sync-server"] == "1; caps=delta"
    assert found.headers["retry-after"] == "7"
    assert "set-cookie" not in found.headers
    assert "cookie" not in server.requests[1].headers


async def test_a_packed_answer_is_unpacked() -> None:
    async with scripted(response({"a": "b" * 5000}, compressed=True)) as server:
        assert json.loads((await ask(server.address)).body) == {"a": "b" * 5000}


async def test_zstd_is_asked_for_and_taken() -> None:
    whole = json.dumps({"a": "b" * 500_000}).encode()
    async with scripted(response(zstandard.compress(whole), headers=["content-encoding: zstd"])) as server:
        assert (await ask(server.address)).body == whole
        assert server.requests[0].headers["accept-encoding"] == "gzip, zstd"


@pytest.mark.parametrize(
    "reply",
    [
        response(b"x" * 10_001),
        response(b"x" * 10_001, compressed=True),
        response(gzip.compress(bytes(50_000_000)), headers=["content-encoding: gzip"]),
        response(b"no gzip at all", headers=["content-encoding: gzip"]),
        response(gzip.compress(b"x" * 5000)[:-9], headers=["content-encoding: gzip"]),
        response(b"x", headers=["content-encoding: br"]),
        response(zstandard.compress(bytes(50_000_000)), headers=["content-encoding: zstd"]),
        response(zstandard.compress(b"x" * 5000)[:-9], headers=["content-encoding: zstd"]),
        response(b"no zstd at all", headers=["content-encoding: zstd"]),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=[
        "long",
        "long-packed",
        "bomb",
        "not-packed",
        "cut",
        "unasked",
        "zstd-bomb",
        "zstd-cut",
        "not-zstd",
        "short",
        "no-http",
        "bad-chunks",
    ],
)
async def test_what_cannot_be_read_is_no_answer(reply: bytes) -> None:
    async def say(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        writer.close()

    async with scripted(say) as server:
        with pytest.raises(Unreachable) as error:
            await ask(server.address, largest=10_000)
    assert error.value.reason == "network"


async def test_the_longest_answer_is_still_one() -> None:
    async with scripted(response(b"x" * 10_000, compressed=True)) as server:
        assert len((await ask(server.address, largest=10_000)).body) == 10_000


async def test_an_answer_that_is_too_large_is_told_and_taken_where_that_is_expected() -> None:
    async with scripted(response(b"x" * 10_001), response(b"x" * 10_001, compressed=True)) as server:
        with pytest.raises(Unreachable) as error:
            await ask(server.address, largest=10_000)
        assert error.value.sentence.endswith(" is too large.")
        step = Request("GET", "/api/user/export", largest=20_000)
        assert len((await ask(server.address, step, largest=10_000)).body) == 10_001


async def test_a_redirect_is_an_answer_and_nobody_goes_there() -> None:
    async with scripted(response({})) as elsewhere:
        away = response(b"", "302 Found", headers=[f"location: {elsewhere.address}/login"], kind="text/html")
        async with scripted(away) as server:
            assert (await ask(server.address)).status == 302
            assert len(server.requests) == 1
        assert elsewhere.requests == []


async def test_a_refused_token_is_renewed_once_and_the_request_said_again() -> None:
    async with scripted(response({}, "401 Unauthorized"), response({"success": True})) as server:
        step = Request("POST", "/api/chat/sync", body=b"the same")
        assert (await ask(server.address, step)).status == 200
    assert [one.headers["authorization"] for one in server.requests] == ["Bearer t1", "Bearer t2"]
    assert [one.body for one in server.requests] == [b"the same", b"the same"]


async def test_a_token_that_is_refused_twice_is_an_answer() -> None:
    async with scripted(response({}, "401 Unauthorized")) as server:
        assert (await ask(server.address)).status == 401
    assert len(server.requests) == 2


async def test_a_sign_in_that_has_ended_is_told_and_nothing_more_is_sent() -> None:
    async with scripted(response({}, "401 Unauthorized")) as server:
        with pytest.raises(SignInNeeded):
            await ask(server.address, session=Signed(SignInNeeded("Sign in again.")))
    assert len(server.requests) == 1


async def test_a_renewal_that_finds_no_server_is_no_answer() -> None:
    async with scripted(response({}, "401 Unauthorized")) as server:
        with pytest.raises(Unreachable) as error:
            await ask(server.address, session=Signed(CannotReach("No.", "timeout")))
    assert error.value.reason == "timeout"


async def test_nobody_at_the_address() -> None:
    async with scripted(response({})) as server:
        address = server.address
    with pytest.raises(Unreachable) as error:
        await ask(address)
    assert error.value.reason == "network"


async def test_a_name_that_is_not_found() -> None:
    with pytest.raises(Unreachable) as error:
        await ask("https://sterna.invalid")
    assert error.value.reason == "network"


async def test_an_answer_that_drips_for_ever_is_given_up() -> None:
    time = FakeTime()

    async def drip(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with scripted(drip) as server:
        asking = asyncio.create_task(ask(server.address, Request("GET", "/", wait=55.0), timing=time.timing))
        await until(lambda: server.requests)
        time.advance(180.0)
        await asyncio.sleep(0)
        assert not asking.done()  # what it may wait on purpose comes on top
        time.advance(60.0)
        with pytest.raises(Unreachable) as error:
            await asking
    assert error.value.reason == "timeout"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Of a server that nobody has vouched for."""
    made = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    (made / "key").write_bytes(key.private_bytes(plain[2], plain[1], plain[0]))
    (made / "cert").write_bytes(signed.public_bytes(plain[2]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made / "cert", made / "key")
    return context


async def test_a_certificate_that_nobody_vouches_for_is_tls_and_nothing_is_sent(certificate: ssl.SSLContext) -> None:
    async with scripted(response({}), ssl=certificate) as server:
        with pytest.raises(Unreachable) as error:
            await ask(server.address)
    assert error.value.reason == "tls"
    assert "self-signed certificate" in error.value.sentence
    assert server.requests == []


async def test_https_to_a_server_without_it_is_tls() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    with pytest.raises(Unreachable) as error:
        await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    assert error.value.reason == "tls"


async def test_a_path_cannot_lead_to_another_server() -> None:
    transport = Transport(Server("https://sterna.example.org", "sterna.example.org", local=False), Bearer(Signed()))
    with pytest.raises(ValueError, match="begin with /"):
        await transport.send(Request("GET", ".evil.example/api"))
    await transport.close()


async def test_connections_are_kept_and_after_closing_new_ones_are_made(opened: list[Transport]) -> None:
    ports = set()

    async def note(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername"))
        writer.write(response({}))

    async with scripted(note) as server:
        transport = transport_to(server.address)
        opened.append(transport)
        await transport.send(GET)
        await transport.send(GET)
        assert len(ports) == 1
        await transport.close()
        await transport.send(GET)
        assert len(ports) == 2
        await transport.close()


async def test_a_request_whose_connections_are_closed_is_not_answered_and_the_next_one_is(
    opened: list[Transport],
) -> None:
    async def never(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with scripted(never, response({})) as server:
        transport = transport_to(server.address)
        opened.append(transport)
        asking = asyncio.create_task(transport.send(GET))
        await until(lambda: server.requests)
        await transport.close()
        with pytest.raises(Unreachable):
            await asyncio.wait_for(asking, 20)
        assert (await transport.send(GET)).status == 200


def test_the_network_library_is_loaded_by_the_first_request_only() -> None:
    script = (
        "import sys; from sterna.sync import change_feed, engine, lock; from sterna.sync.network import transport; "
        "print('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "False\n", done.stdout + done.stderr


# Driving


@pytest.fixture
async def store_thread(tmp_path: Path) -> AsyncIterator[StoreThread]:
    thread = StoreThread(lambda: Store.open(tmp_path / "account.db"))
    await thread.start()
    yield thread
    await thread.close()


async def test_the_steps_of_a_protocol_are_done_in_order(store_thread: StoreThread) -> None:
    time = FakeTime()

    def work() -> Generator[Effect, Any, str]:
        made = yield Transaction(Conversations.create, "Geese", session_id="conv_1")
        yield CrashPoint("made")
        at = yield CurrentTime()
        answered = yield Request("POST", "/x", body=made.id.encode())
        return f"{made.title} {at} {answered.status}"

    seen: list[type] = []
    async with scripted(response({}, "418 Teapot")) as server:
        transport = transport_to(server.address)
        answer = await run_effects(
            work(), transport, store_thread, timing=time.timing, observe=lambda step, came: seen.append(type(step))
        )
        await transport.close()
    assert answer == "Geese 1772000000000 418"
    assert server.requests[0].body == b"conv_1"
    assert seen == [Transaction, CrashPoint, CurrentTime, Request]


async def test_what_goes_wrong_comes_to_the_protocol_which_can_go_on(store_thread: StoreThread) -> None:
    def work() -> Generator[Effect, Any, list[str]]:
        found = []
        try:
            yield Request("GET", "/")
        except Unreachable as error:
            found.append(error.reason)
        try:
            yield Transaction(Conversations.rename, "nobody", "x")
        except StoreError as error:
            found.append(type(error).__name__)
        return found

    transport = transport_to("http://127.0.0.1:9")
    assert await run_effects(work(), transport, store_thread, timing=Timing()) == ["network", "NotFound"]
    await transport.close()


async def test_a_long_answer_is_read_beside_the_event_loop(store_thread: StoreThread) -> None:
    import threading

    here = threading.get_ident()

    def work() -> Generator[Effect, Any, tuple[bool, bool]]:
        yield Request("GET", "/")
        short = threading.get_ident() == here
        yield Request("GET", "/")
        return short, threading.get_ident() == here

    async with scripted(response({}), response(b"x" * 70_000)) as server:
        transport = transport_to(server.address)
        assert await run_effects(work(), transport, store_thread, timing=Timing()) == (True, False)
        await transport.close()


async def test_what_most_likely_comes_next_is_asked_for_while_a_transaction_goes_on(store_thread: StoreThread) -> None:
    asked: list[int] = []

    def work() -> Generator[Effect, Any, list[int]]:
        yield Prefetch(Request("GET", "/next"))
        yield Transaction(slow)
        answer = [(yield Request("GET", "/next")).status]
        yield Prefetch(Request("GET", "/never"))
        return [*answer, (yield Request("GET", "/other")).status]

    async with scripted(response({}, "418 Teapot"), response({}), response({}, "202 Accepted")) as server:

        def slow(store: Store) -> None:
            limit = monotonic() + 20
            while not server.requests and monotonic() < limit:
                sleep(0.01)
            asked.append(len(server.requests))

        transport = transport_to(server.address)
        answer = await run_effects(work(), transport, store_thread, timing=Timing())
        await transport.close()
    assert asked == [1]
    assert answer[0] == 418
    assert [one.target for one in server.requests if one.target != "/never"] == ["/next", "/other"]


async def test_what_goes_wrong_ahead_comes_when_it_is_asked_for(store_thread: StoreThread) -> None:
    def work() -> Generator[Effect, Any, str]:
        yield Prefetch(Request("GET", "/"))
        made = yield Transaction(Conversations.create, "Geese")
        try:
            yield Request("GET", "/")
        except Unreachable as error:
            return f"{made.title} {error.reason}"
        return "nothing"

    transport = transport_to("http://127.0.0.1:9")
    assert await run_effects(work(), transport, store_thread, timing=Timing()) == "Geese network"
    await transport.close()


async def test_a_protocol_that_is_given_up_ends_where_it_was(store_thread: StoreThread) -> None:
    ended = []

    def work() -> Generator[Effect, Any, None]:
        try:
            yield Request("GET", "/")
        finally:
            ended.append(True)

    async def never(asked: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with scripted(never) as server:
        transport = transport_to(server.address)
        doing = asyncio.create_task(run_effects(work(), transport, store_thread, timing=Timing()))
        await until(lambda: server.requests)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing
        await transport.close()
    assert ended == [True]
