"""Sign-in at a real server, and tokens that several processes of a device renew at the same moment."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from sterna.config.credentials import Credentials
from sterna.sync.auth.device_grant import wait_for_approval
from sterna.sync.auth.gotrue import SignInServer, subject_of
from sterna.sync.auth.token_session import CommandTokenSession, StoredTokens, StoredTokenSession
from sterna.sync.errors import (
    AccountDisabled,
    BadAddress,
    CannotReach,
    CodeExpired,
    InsecureAddress,
    NotASternaServer,
    Refused,
    SignInDenied,
    SignInError,
    SignInNeeded,
    SignupClosed,
    WrongAccount,
    WrongPassword,
)
from sterna.sync.network.server_address import server_of
from tests.clients import WORD, Somebody, decide, sign_up

NAME = "account.x"
HOUR = 3600.0


class Now:
    """Seconds that the test owns."""

    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def somebody(sterna_server: str) -> Somebody:
    return sign_up(sterna_server)


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path, lambda: None)


def signer(address: str) -> SignInServer:
    return SignInServer(server_of(address))


def session_of(address: str, credentials: Credentials, now: Callable[[], float]) -> StoredTokenSession:
    return StoredTokenSession(NAME, address, credentials, signer(address), now=now)


async def signed_in(
    address: str, who: Somebody, credentials: Credentials, now: Callable[[], float]
) -> StoredTokenSession:
    session = session_of(address, credentials, now)
    await session.replace(await signer(address).password(who.email, who.password))
    return session


def works(address: str, token: str) -> bool:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{address}/auth/v1/user", headers=headers, timeout=30).status_code == 200


# Addresses


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Sterna.Example.org/", "https://sterna.example.org"),
        ("sterna.example.org", "https://sterna.example.org"),
        ("https://sterna.example.org:443", "https://sterna.example.org"),
        ("https://sterna.example.org:8443/team/", "https://sterna.example.org:8443/team"),
        ("localhost:8787", "http://localhost:8787"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://[::1]:8787/", "http://[::1]:8787"),
        (" https://bücher.example ", "https://xn--bcher-kva.example"),
        ("https://sterna.example.org.", "https://sterna.example.org"),
    ],
)
def test_an_address_has_one_form(address: str, origin: str) -> None:
    assert server_of(address).origin == origin
    assert server_of(origin).origin == origin


@pytest.mark.parametrize(
    "address",
    ["", "  ", "https://", "ftp://x.example", "https://a b.example", "https://u:p@x.example", "https://x.example?a=b",
     "https://x.example:99999", "https://x.example#a", "https://x.example\n.evil.example", "x" * 600, "https://[::1",
     "https://x.example/\x1b[2J"],
)  # fmt: skip
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress) as error:
        server_of(address)
    assert str(error.value).endswith(("example.org",))
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["http://sterna.example.org", "http://10.0.0.1:8787", "http://127.0.0.1.example.org"]
)
def test_http_is_for_this_computer_only(address: str) -> None:
    with pytest.raises(InsecureAddress, match="Use https://"):
        server_of(address)


# Signing in


async def test_a_password_signs_in(sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    token = await session.token()
    assert works(sterna_server, token)
    assert subject_of(token) == somebody.id
    again = session_of(sterna_server, credentials, now)
    assert await again.token() == token
    await again.check(sterna_server, somebody.id)


async def test_nothing_of_a_sign_in_is_in_a_repr_or_a_message(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now
) -> None:
    tokens = await signer(sterna_server).password(somebody.email, WORD)
    session = await signed_in(sterna_server, somebody, credentials, now)
    shown = repr(tokens) + repr(await session.stored()) + repr(session)
    for secret in (tokens.access, tokens.refresh, (await session.stored()).access, WORD):
        assert secret not in shown


async def test_a_wrong_password_is_told(sterna_server: str, somebody: Somebody) -> None:
    for email, password in ((somebody.email, "another word"), ("nobody@example.org", WORD)):
        with pytest.raises(WrongPassword, match="Wrong email or password") as error:
            await signer(sterna_server).password(email, password)
        assert password not in str(error.value)


async def test_an_account_is_made_or_the_reason_told(sterna_server: str, somebody: Somebody) -> None:
    server = signer(sterna_server)
    with pytest.raises(Refused, match=r"already has an account at .* Sign in instead"):
        await server.create(somebody.email, WORD)
    with pytest.raises(Refused, match="8 to 1024"):
        await server.create("new@example.org", "short")
    tokens = await server.create(f"x{somebody.email}", WORD)
    assert works(sterna_server, tokens.access)


async def test_a_device_is_approved_in_a_browser(sterna_server: str, somebody: Somebody) -> None:
    server = signer(sterna_server)
    code = await server.device_code()
    assert code.device not in repr(code)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            assert "Approved" in await asyncio.to_thread(decide, code.page_with_code, somebody)

    tokens = await wait_for_approval(server, code, sleep=sleep)
    assert tokens.user_id == somebody.id
    assert waits == [5, 5, 10]  # the second question came at once, and the server said slow_down


async def test_a_device_that_is_denied_or_forgotten_is_told(sterna_server: str, somebody: Somebody) -> None:
    server = signer(sterna_server)
    code = await server.device_code()
    decide(code.page_with_code, somebody, "deny")

    async def sleep(seconds: float) -> None: ...

    with pytest.raises(SignInDenied):
        await wait_for_approval(server, code, sleep=sleep)
    with pytest.raises(CodeExpired):
        await wait_for_approval(server, code, sleep=sleep)
    seconds = iter(range(0, 10_000, 100))
    waiting = await server.device_code()
    with pytest.raises(CodeExpired, match="in time"):
        await wait_for_approval(server, waiting, sleep=sleep, monotonic=lambda: next(seconds))


async def test_a_network_that_fails_for_a_while_does_not_end_the_waiting(
    sterna_server: str, somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = signer(sterna_server)
    code = await server.device_code()
    await asyncio.to_thread(decide, code.page_with_code, somebody)
    asked, waits = SignInServer.device_token, []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def failing(self: SignInServer, code: Any) -> Any:
        if len(waits) < 3:
            raise CannotReach("x", "network")
        return await asked(self, code)

    monkeypatch.setattr(SignInServer, "device_token", failing)
    assert (await wait_for_approval(server, code, sleep=sleep)).user_id == somebody.id
    assert waits == [5, 10, 20]


# Staying signed in


async def test_a_token_is_renewed_before_it_ends(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    first = await session.stored()
    now.at += HOUR - 61
    assert await session.token() == first.access
    assert await session.stored() == first
    now.at += 2
    assert works(sterna_server, await session.token())
    second = await session.stored()
    assert second.refresh != first.refresh
    assert second.until == now.at + HOUR
    await session.token()
    assert await session.stored() == second


async def test_a_token_that_the_server_refuses_is_renewed_once_for_all_who_ask(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    first, renewed = await session.stored(), []
    ask = SignInServer.refresh

    async def counted(self: SignInServer, token: str) -> Any:
        renewed.append(token)
        return await ask(self, token)

    monkeypatch.setattr(SignInServer, "refresh", counted)
    tokens = await asyncio.gather(*(session.refresh() for _ in range(5)))
    assert len(set(tokens)) == 1
    assert renewed == [first.refresh]
    assert await session_of(sterna_server, credentials, now).stored() == await session.stored() != first


async def test_what_another_process_renewed_is_taken_and_nothing_asked(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await signed_in(sterna_server, somebody, credentials, now)
    other = session_of(sterna_server, credentials, now)
    await other.token()
    await one.refresh()
    renewed = await one.stored()

    async def never(*args: Any) -> None:
        raise AssertionError("the server was asked")

    monkeypatch.setattr(SignInServer, "refresh", never)
    assert await other.refresh() == renewed.access
    assert await other.stored() == renewed


RENEW = """
import asyncio, sys
from pathlib import Path
from sterna.config.credentials import Credentials
from sterna.sync.auth.gotrue import SignInServer
from sterna.sync.network.server_address import server_of
from sterna.sync.auth.token_session import StoredTokenSession

async def main(address, folder, rounds):
    credentials = Credentials(Path(folder), lambda: None)
    session = StoredTokenSession("account.x", address, credentials, SignInServer(server_of(address)))
    await session.token()
    for _ in range(rounds):
        print(await session.refresh(), flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_two_processes_that_renew_at_once_never_end_the_sign_in(
    sterna_server: str, somebody: Somebody, tmp_path: Path, postgres: Any
) -> None:
    import psycopg

    credentials = Credentials(tmp_path, lambda: None)
    session = await signed_in(sterna_server, somebody, credentials, lambda: 0.0)
    await session.replace(await signer(sterna_server).password(somebody.email, WORD))
    command = [sys.executable, "-c", RENEW, sterna_server, str(tmp_path), "12"]
    running = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    outputs = await asyncio.wait_for(asyncio.gather(*(one.communicate() for one in running)), 60)
    assert [one.returncode for one in running] == [0, 0], outputs
    with psycopg.connect(postgres.admin_url) as db:
        # no token was used twice: each has one successor, so all but one are used, and the family is alive
        rows = db.execute(
            "select count(*), count(used_at), count(distinct used_at) from sterna.refresh_tokens where user_id = %s"
            " and family = (select family from sterna.refresh_tokens where user_id = %s"
            " order by created_at desc limit 1)",
            (somebody.id, somebody.id),
        ).fetchone()
    assert rows is not None
    count, used, distinct = rows
    assert count > 12
    assert (used, distinct) == (count - 1, count - 1)
    last = session_of(sterna_server, credentials, lambda: 0.0)
    assert works(sterna_server, await last.refresh())


async def test_a_sign_in_that_ended_elsewhere_is_needed_anew(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    token = await session.token()
    headers = {"authorization": f"Bearer {token}"}
    await asyncio.to_thread(httpx.post, f"{sterna_server}/auth/v1/logout", headers=headers, timeout=30)
    with pytest.raises(SignInNeeded, match="Sign in again: sterna login"):
        await session.refresh()


async def test_an_account_that_is_shut_is_told(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now, db: Any
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    db.execute("update auth.users set banned_until = 'infinity' where id = %s", (somebody.id,))
    with pytest.raises(AccountDisabled, match="is disabled"):
        await session.refresh()
    with pytest.raises(AccountDisabled, match="is disabled"):
        await signer(sterna_server).password(somebody.email, WORD)


async def test_signing_out_ends_it_here_and_at_the_server(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    watching = session_of(sterna_server, credentials, now)
    await watching.token()
    refresh = (await session.stored()).refresh
    assert await session.forget()
    assert credentials.get(NAME) is None
    with pytest.raises(SignInNeeded):
        await session.token()
    with pytest.raises(SignInNeeded):  # another process of this device learns of it before its next cycle
        await watching.check(sterna_server, somebody.id)
    with pytest.raises(SignInNeeded):
        await signer(sterna_server).refresh(refresh)


async def test_signing_out_works_without_the_server(credentials: Credentials, now: Now) -> None:
    kept = StoredTokens("http://127.0.0.1:9", "u", "e", "a", "r", now.at + HOUR)
    credentials.put(NAME, kept.encode())
    assert not await session_of("http://127.0.0.1:9", credentials, now).forget()
    assert credentials.get(NAME) is None


async def test_a_sign_in_is_bound_to_its_origin_and_its_account(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    await session.check(sterna_server, somebody.id)
    with pytest.raises(WrongAccount):
        await session.check(sterna_server, "11111111-1111-4111-8111-111111111111")
    with pytest.raises(WrongAccount):
        await session.check("https://elsewhere.example", somebody.id)
    elsewhere = StoredTokenSession(NAME, "http://127.0.0.1:9", credentials, signer("http://127.0.0.1:9"), now=now)
    with pytest.raises(SignInNeeded):
        await elsewhere.token()


async def test_a_renewal_whose_caller_gives_up_is_kept_all_the_same(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    first = await session.stored()
    asking = asyncio.create_task(session.refresh())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for _ in range(500):
        if await session.stored() != first and StoredTokens.decode(credentials.get(NAME) or "") != first:
            break
        await asyncio.sleep(0.01)
    assert StoredTokens.decode(credentials.get(NAME) or "") == await session.stored() != first


async def test_a_disk_that_is_full_ends_no_sign_in(
    sterna_server: str, somebody: Somebody, credentials: Credentials, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await signed_in(sterna_server, somebody, credentials, now)
    first = await session.stored()

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    await session.refresh()
    second = await session.stored()
    assert second.refresh != first.refresh
    assert await session.token() == second.access


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"origin": 1}', "[" * 100_000, '{"origin": "a", "user_id": "b"}']
)
async def test_what_this_program_did_not_keep_is_no_sign_in(tmp_path: Path, text: str, now: Now) -> None:
    (tmp_path / "credentials.json").write_text(json.dumps({NAME: text}))
    with pytest.raises(SignInNeeded, match="sterna login"):
        await session_of("http://127.0.0.1:9", Credentials(tmp_path, lambda: None), now).token()


async def test_a_command_may_give_the_token(sterna_server: str, somebody: Somebody) -> None:
    tokens = await signer(sterna_server).password(somebody.email, WORD)
    session = CommandTokenSession(sterna_server, lambda: tokens.access)
    assert await session.token() == tokens.access
    await session.check(sterna_server, somebody.id)
    with pytest.raises(WrongAccount):
        await session.check(sterna_server, "11111111-1111-4111-8111-111111111111")


# What answers otherwise


@contextmanager
def answering(status: int, body: bytes, *, tls: ssl.SSLContext | None = None, **headers: str) -> Iterator[str]:
    """A server that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


JSON = "application/json"
USER = '{"id":"11111111-1111-4111-8111-111111111111","email":"a@example.org"}'


def whole(**changes: Any) -> bytes:
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 60, "user": json.loads(USER)} | changes
    return json.dumps(answer).encode()


STRANGE: list[tuple[str, int, bytes, str, type[SignInError], str]] = [
    ("a page", 200, b"<html>Welcome to our hotel</html>", "text/html", CannotReach, "web page answered in place of"),
    ("a page that says JSON", 200, b"<html>", JSON, CannotReach, "web page answered"),
    ("truncated", 200, whole()[:-5], JSON, CannotReach, "web page answered"),
    ("a list", 200, b"[]", JSON, CannotReach, "web page answered"),
    ("too deep", 200, b"[" * 100_000, JSON, CannotReach, "web page answered"),
    ("too long", 200, b'{"a":"' + b"x" * 500_000 + b'"}', JSON, CannotReach, "web page answered"),
    ("511", 511, b"", "text/html", CannotReach, "guest network"),
    ("nothing in it", 200, b"{}", JSON, NotASternaServer, "Unexpected answer"),
    ("no user", 200, whole(user=None), JSON, NotASternaServer, "Unexpected answer"),
    ("a strange id", 200, whole(user={"id": "../x"}), JSON, NotASternaServer, "Unexpected answer"),
    ("a token with an end of line", 200, whole(access_token="a\r\nX: y"), JSON, NotASternaServer, "Unexpected answer"),
    ("no time", 200, whole(expires_in="soon"), JSON, NotASternaServer, "Unexpected answer"),
    ("endless", 200, whole(expires_in=True), JSON, NotASternaServer, "Unexpected answer"),
    ("a token of somebody else", 200, whole(access_token="e30.eyJzdWIiOiJ4In0.x"), JSON, NotASternaServer,
     "Unexpected answer"),
    ("404 page", 404, b"<html>", "text/html", NotASternaServer, "does not answer as a Sterna server"),
    ("404 object", 404, b'{"error":"not_found"}', JSON, NotASternaServer, "does not answer as a Sterna server"),
    ("an unknown refusal", 400, b'{"error":"\\u001b[2Jno\\n[/x]"}', JSON, Refused, "rejected the request: "),
    ("500", 500, b"oh", "text/plain", CannotReach, "internal error"),
    ("500 in GoTrue's words", 500, b'{"error_code":"invalid_credentials"}', JSON, CannotReach, "internal error"),
    ("closed", 422, b'{"error_code":"signup_disabled","msg":"Signups not allowed"}', JSON, SignupClosed, "no new"),
    ("invited only", 422, b'{"error_code":"signup_disabled","msg":"An invitation"}', JSON, SignupClosed,
     "requires an invitation"),
    ("old GoTrue", 400, b'{"error":"invalid_grant","error_description":"Invalid login credentials"}', JSON,
     WrongPassword, "Wrong email or password"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "kind", "error", "says"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE]
)
async def test_a_strange_answer_is_a_sentence(
    status: int, body: bytes, kind: str, error: type[SignInError], says: str
) -> None:
    with answering(status, body, content_type=kind) as address, pytest.raises(error, match=says) as caught:
        await signer(address).password("a@example.org", WORD)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert WORD not in str(caught.value)


async def test_no_redirect_is_followed(sterna_server: str, somebody: Somebody) -> None:
    where = f"{sterna_server}/auth/v1/token?grant_type=password"
    with (
        answering(307, b"", location=where) as address,
        pytest.raises(NotASternaServer, match="redirects to another address"),
    ):
        await signer(address).password(somebody.email, WORD)


async def test_too_many_tries_say_for_how_long() -> None:
    with (
        answering(429, b"{}", content_type=JSON, retry_after="900") as address,
        pytest.raises(CannotReach, match="in 15 minutes") as error,
    ):
        await signer(address).password("a@example.org", WORD)
    assert (error.value.reason, error.value.retry_after) == ("limited", 900)


async def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(CannotReach, match="Nothing answers at 127") as error:
        await signer("http://127.0.0.1:9").password("a", "b")
    assert error.value.reason == "network"


async def test_what_does_not_speak_tls_is_told(sterna_server: str) -> None:
    with pytest.raises(CannotReach, match="does not speak TLS") as error:
        await signer(sterna_server.replace("http:", "https:")).password("a", "b")
    assert error.value.reason == "tls"


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"{}"), (502, b"{}"), (400, b"<html>"), (403, b"<html>")]
)
async def test_only_the_servers_own_word_ends_a_sign_in(
    status: int, body: bytes, credentials: Credentials, now: Now
) -> None:
    with answering(status, body, content_type="text/html" if body == b"<html>" else JSON) as address:
        credentials.put(NAME, StoredTokens(address, "u", "e", "a", "r", now.at + HOUR).encode())
        session = session_of(address, credentials, now)
        with pytest.raises(SignInError) as error:
            await session.refresh()
        assert not isinstance(error.value, SignInNeeded)
        assert await session.token() == "a"
    assert credentials.get(NAME)
