"""A server at an address that is large, compressed, redirected or locked costs its own tools, and nothing else."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_site import Answering, served

from sterna.config import McpServerSettings, Settings
from sterna.tools import Toolbox, approvals_of

JSON = {"Content-Type": "application/json"}
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/large": (200, JSON, b" " * 9_000_000),
    "/compressed": (200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b"{}" * 1_000_000)),
    "/elsewhere": (307, {"Location": "http://localhost:1/mcp"}, b""),
    "/locked": (401, {}, b"no"),
    "/html": (200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>"),
    "/events": (200, {"Content-Type": "text/event-stream"}, b"data: [1]\n\n" * 100),
}
seen: list[str] = []
numbers = itertools.count(1)


def half(request: dict[str, Any], session: str | None) -> tuple[int, dict[str, str], bytes]:
    """Answer as the protocol says, until a tool is called: in the first session it is forgotten by then."""
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": request.get("params", {}).get("protocolVersion"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "half", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]},
    }
    if "id" not in request:
        return 202, {}, b""
    if request["method"] == "tools/call" and session == "1":
        return 404, {}, b""
    if request["method"] == "tools/call":
        return 200, {"Content-Type": "text/event-stream"}, b": nothing follows\n\n"
    if request["method"] not in results:
        return 404, {}, b""
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": results[request["method"]]}
    sessions = {"Mcp-Session-Id": str(next(numbers))} if request["method"] == "initialize" else {}
    return 200, {**JSON, **sessions}, json.dumps(answer).encode()


class Handler(Answering):
    """Server that gives an answer for each path, and what the protocol says for none."""

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen.append(f"{self.headers['Authorization']} {self.headers['X-Team']}")
        answer = ANSWERS.get(self.path.partition("?")[0]) or half(request, self.headers["Mcp-Session-Id"])
        self.answer(*answer)


@pytest.fixture
def site() -> Iterator[str]:
    with served(Handler) as port:
        yield f"http://127.0.0.1:{port}"


SAYS = {
    "large": "The response is too large.",
    "compressed": "The response is compressed, which was not asked for.",
    "elsewhere": "Redirect to http://localhost:1/mcp not followed",
    "locked": "does not accept the key (status 401). Check key_env or headers in [mcp.locked].",
    "html": "Unexpected content type: text/html",
    "events": "does not start.",
}


async def test_what_is_no_server_is_said_and_no_key_with_it(
    site: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    servers = tuple(
        McpServerSettings(
            name,
            url=f"{site}/{name}?token=in-the-address",
            key_env="KEY",
            headers={"X-Team": "blue"},
            start_timeout=2.0,
        )
        for name in SAYS
    )
    toolbox = Toolbox(Settings(mcp=servers), approvals_of(tmp_path), environ={"KEY": "secret-key"})
    offer = await toolbox.offered(list(SAYS))
    states = toolbox.servers()
    await toolbox.aclose()
    assert offer.tools == ()
    for state, problem, says in zip(states, offer.problems, SAYS.values(), strict=True):
        assert state.state == "failed"
        assert says in problem
    assert seen[0] == "Bearer secret-key blue"
    told = json.dumps(offer.problems) + caplog.text + repr(states) + repr(servers)
    assert "secret-key" not in told
    assert "in-the-address" not in told
    assert servers[0].shown == f"{site}/large"


async def test_a_forgotten_session_is_begun_anew_and_an_answer_that_breaks_off_is_said(
    site: str, tmp_path: Path
) -> None:
    server = McpServerSettings("half", url=f"{site}/half")
    toolbox = Toolbox(Settings(mcp=(server,)), approvals_of(tmp_path))
    for _ in range(2):
        result = await toolbox.call("half__go", {})
        assert (result.is_error, result.text) == (True, "The call was cut off: SSE stream ended without a response")
    await toolbox.aclose()
