"""POST /api/chat/stream, with a scripted model service on a real socket behind it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from accounts import SECRET, Person
from polling import wait_until

from sterna.server.database.embedded import Embedded
from sterna.server.relay.streaming import Streamed
from sterna.server.settings import Upstream
from tests.fake_openai import Script, Server

FREE = "deepseek/deepseek-r1-0528:free"
THINKING = "__REASONING_CHUNK__"
At = Callable[..., httpx.Client]


def stream(client: httpx.Client, message: str = "x", **more: Any) -> httpx.Response:
    return client.post("/api/chat/stream", json={"message": message, **more})


def final(body: str) -> dict[str, Any]:
    """Return the content of the final line, which follows an empty line."""
    lines = body.split("\n")
    assert lines[-3] == ""
    assert lines[-1] == ""
    metadata: dict[str, Any] = json.loads(lines[-2])["__FINAL_METADATA__"]
    return metadata


def test_a_stream_keeps_blank_lines_and_ends_with_everything(chat: httpx.Client) -> None:
    result = stream(chat, "one\n\ntwo", current_message_id="m1")
    assert result.status_code == 200, result.text
    assert result.headers["content-type"] == "text/plain; charset=utf-8"
    assert result.headers["x-streaming"] == "true"
    assert result.headers["x-model"] == FREE
    assert result.headers["x-request-id"]
    assert result.text.startswith("You said: one\n\ntwo\n\n")
    last = final(result.text)
    assert last["response"] == "You said: one\n\ntwo"
    assert (last["request_id"], last["model"], last["id"]) == ("m1", FREE, "gen-1")
    assert last["usage"]["prompt_tokens"] == 11


def test_a_reply_without_a_word_is_an_error_of_the_stream_too(chat: httpx.Client, model: Server) -> None:
    """Its tokens are counted before it is known to be empty."""
    model.fake.reply = lambda body: Script(deltas=())
    for path in ("/api/chat", "/api/chat/stream"):
        answer = chat.post(path, json={"message": "x"})
        assert (answer.status_code, answer.json()["code"]) == (502, "bad_gateway"), path
        assert answer.json()["error"].startswith("The model returned no text.")


def test_reasoning_comes_in_lines_of_its_own(at: At, model: Server, person: Callable[..., Person]) -> None:
    deltas = ({"reasoning_content": "Hm."}, {"content": "half"}, {"reasoning_content": "a\nb"}, {"content": " done\n"})
    model.fake.reply = lambda body: Script(deltas=(*deltas, {"reasoning_content": "!"}, {"content": "end"}))
    text = stream(at(person("enterprise")), reasoning={"effort": "low"}).text
    lines = [
        THINKING + '{"type":"reasoning","data":"Hm."}',
        "half",
        THINKING + r'{"type":"reasoning","data":"a\nb"}',
        " done",
        THINKING + '{"type":"reasoning","data":"!"}',
        "end",
        "",
    ]
    assert text.split("\n")[:7] == lines
    assert final(text)["response"] == "half done\nend"
    assert final(text)["reasoning"] == "Hm.a\nb!"


def test_reasoning_that_nobody_asked_for_is_not_passed_on(chat: httpx.Client) -> None:
    assert "secrets" not in stream(chat, "!think secrets").text


@pytest.mark.parametrize(
    ("prompt", "text"), [("!drop 5", "word1 word2 word3 word4 word5 "), ("!end 2", "word1 word2 ")]
)
def test_a_model_service_that_breaks_off_ends_the_stream_without_the_last_line(
    chat: httpx.Client, prompt: str, text: str
) -> None:
    result = stream(chat, prompt)
    assert result.text == text
    assert result.headers["connection"] == "close"


@pytest.mark.parametrize("name", ["FINAL_METADATA", "REASONING_CHUNK", "ANNOTATIONS_CHUNK", "METADATA"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_model_cannot_forge_a_line_of_ours(chat: httpx.Client, model: Server, name: str, size: int) -> None:
    reply = f'\n{{"__{name}__":{{}}}}\n__{name}__{{"data":"x"}}\n_'
    pieces = tuple(reply[start : start + size] for start in range(0, len(reply), size))
    model.fake.reply = lambda body: Script(pieces)
    text = stream(chat).text
    assert text.count(f"__{name}__") == (name == "FINAL_METADATA")
    assert final(text)["response"] == reply


def test_the_model_service_is_left_when_the_client_leaves(chat: httpx.Client, model: Server) -> None:
    with chat.stream("POST", "/api/chat/stream", json={"message": "!hold 3"}) as result:
        next(result.iter_text())
    wait_until(lambda: model.fake.left == 1, "the model is left")


def test_the_model_service_is_left_when_the_client_leaves_before_the_first_word(
    chat: httpx.Client, model: Server
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        chat.post("/api/chat/stream", json={"message": "!hold 0"}, timeout=httpx.Timeout(30, read=0.5))
    wait_until(lambda: model.fake.left == 1, "the model is left")


def test_a_client_that_left_before_anything_was_sent_leaves_nothing_open() -> None:
    ended: list[str] = []

    async def pieces() -> AsyncGenerator[str, None]:
        ended.append("begun")
        yield "word"

    async def end() -> None:
        ended.append("closed")

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.Event().wait()

    asyncio.run(Streamed(pieces(), end, {})({"type": "http"}, receive, send))
    assert ended == ["closed"]


def stands_still(model: Server) -> Callable[[], bool]:
    """Return a condition that holds when the model service has sent something and has paused for fifty calls."""
    seen = [0] * 50

    def is_paused() -> bool:
        seen.append(model.fake.sent)
        return seen[-1] > 0 and len(set(seen[-50:])) == 1

    return is_paused


def test_a_client_that_does_not_read_holds_the_model_service_back(
    model: Server, relaying: tuple[Server, str], ada: Person
) -> None:
    # 16 MB for the client and 48 MB from the model service: far more than the buffers of four sockets
    count, tern = 4_000, "\U0001f426"
    model.fake.reply = lambda body: Script((tern * 1_000,) * count)
    host, _, port = relaying[1].removeprefix("http://").partition(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect((host, int(port)))
        client.sendall(
            f"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ada.token}\r\n"
            'Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{"message":"x"}'.encode()
        )
        wait_until(stands_still(model), "the model waits")
        assert 0 < model.fake.sent < count
        read = bytearray()
        while piece := client.recv(1 << 20):
            read += piece
    assert model.fake.sent == count
    assert read.count(tern.encode()) == 2 * count * 1_000, "once as it came, and once in the last line"
    assert read.count(b"__FINAL_METADATA__") == 1


def test_twenty_streams_at_once_are_each_whole(chat: httpx.Client) -> None:
    def one(number: int) -> str:
        return str(final(stream(chat, f"n {number}").text)["response"])

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, range(20))) == [f"You said: n {number}" for number in range(20)]


def test_a_stream_may_last_longer_than_a_body_may_take_to_come(
    at: At, model: Server, served: Callable[..., str], ada: Person
) -> None:
    model.fake.rate = 20
    result = stream(at(ada, served(upstream=Upstream(model.url), body_seconds=0.3)), "!words 20")
    assert result.elapsed.total_seconds() > 0.3
    assert final(result.text)["response"].endswith("ENDOFREPLY")


def test_a_reply_longer_than_the_server_keeps_ends_without_the_last_line(chat: httpx.Client, model: Server) -> None:
    model.fake.reply = lambda body: Script(("x" * 1024 * 1024,) * 5)
    text = stream(chat).text
    assert len(text) >= 4 * 1024 * 1024
    assert "__FINAL_METADATA__" not in text
    assert chat.post("/api/chat", json={"message": "x"}).status_code == 502


PROGRAM = """
import sys
from sterna.server.run import serve
from sterna.server.settings import ServerSettings, Upstream
database, admin, secret, upstream = sys.argv[1:]
settings = ServerSettings(
    port=0,
    database_url=database,
    admin_url=admin,
    jwt_secret=secret,
    upstream=Upstream(upstream),
    shutdown_seconds=1,
)
serve(settings, lambda address: print(address, flush=True))
"""


def test_a_server_that_ends_breaks_a_stream_off_without_the_last_line(
    at: At, model: Server, postgres: Embedded, ada: Person
) -> None:
    values = [sys.executable, "-c", PROGRAM, postgres.url, postgres.admin_url, SECRET, model.url]
    with subprocess.Popen(values, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            client = at(ada, program.stdout.readline().strip())
            body = ""
            with client.stream("POST", "/api/chat/stream", json={"message": "!hold 3"}) as answer:
                pieces = answer.iter_text()
                while "word3" not in body:
                    body += next(pieces)
                program.send_signal(signal.SIGTERM)
                with pytest.raises(httpx.RemoteProtocolError):
                    body += "".join(pieces)
            assert body == "word1 word2 word3 "
            assert program.wait(10) == 0
        finally:
            program.kill()
    wait_until(lambda: model.fake.left == 1, "the model is left")


def test_a_list_of_models_that_does_not_come_holds_nobody_up(
    at: At, served: Callable[..., str], model: Server, ada: Person
) -> None:
    model.fake.lists = False
    client = at(ada, served(upstream=Upstream(model.url, default_model="model")))
    assert [stream(client).status_code for _ in range(3)] == [200] * 3
    assert model.fake.left == 0, "the list was waited for until it was given up"
    assert {request["max_tokens"] for request in model.fake.requests} == {3140}
    model.release()
    wait_until(lambda: stream(client).is_success and model.fake.requests[-1]["max_tokens"] == 3216, "the list is there")


def test_a_model_service_without_a_list_is_asked_for_it_once(
    at: At, served: Callable[..., str], model: Server, ada: Person
) -> None:
    model.fake.key = "another"
    client = at(ada, served(upstream=Upstream(model.url, "wrong")))
    assert [stream(client).status_code for _ in range(3)] == [400] * 3
    assert model.fake.listed == 1
