"""Another program asks the history over the Model Context Protocol, with the official client."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from sterna.storage import Conversation, Settled, Store, open_account

if TYPE_CHECKING:
    from mcp import Client

PROGRAM = [sys.executable, "-m", "sterna"]


def history(home: Path) -> dict[str, Conversation]:
    """Write three conversations, one of which is private."""
    (home / "data").mkdir(mode=0o700)
    store = Store.open(open_account(home / "data"))
    made = {}
    for name, prompt, reply in (
        ("eggs", "How many eggs does a tern lay?", "One to three eggs."),
        ("nest", "Where does a tern lay its eggs?", "In a hollow \x1b[31m in the sand."),
        ("secret", "What about my eggs diary?", "Private eggs."),
    ):
        begun = store.live_replies.begin_turn(None, prompt, model="test/model")
        store.live_replies.settle(begun.reply.id, Settled("done", reply, model="test/model"))
        made[name] = begun.session
    store.privacy.set_private(made["secret"].id, True)
    store.close()
    return made


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "STERNA_DATA_DIR": str(home / "data"),
        "STERNA_CONFIG_DIR": str(home / "config"),
    }


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    """Return what a tool answers; of a list its items."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    content = result.structured_content
    assert content is not None
    return content.get("result", content)


async def test_a_program_finds_reads_and_relates_conversations_and_each_call_is_logged(tmp_path: Path) -> None:
    home = tmp_path
    made = history(home)
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    server = StdioServerParameters(command=PROGRAM[0], args=[*PROGRAM[1:], "mcp"], env=environment(home))
    async with Client(stdio_client(server)) as client:
        tools = await client.list_tools()
        assert {tool.name for tool in tools.tools} == {
            "search", "list_conversations", "read_conversation", "related_conversations",
        }  # fmt: skip
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.tools)
        hits = await called(client, "search", query="eggs")
        assert {hit["conversation"] for hit in hits} == {made["eggs"].id, made["nest"].id}
        listed = await called(client, "list_conversations")
        assert [row["conversation"] for row in listed] == [made["nest"].id, made["eggs"].id]
        read = await called(client, "read_conversation", conversation=made["nest"].id, limit=1)
        assert [message["text"] for message in read["messages"]] == ["Where does a tern lay its eggs?"]
        read = await called(client, "read_conversation", conversation=made["nest"].id, start=read["next_start"])
        assert [message["role"] for message in read["messages"]] == ["assistant"]
        assert "\x1b" not in read["messages"][0]["text"]
        assert read["next_start"] is None
        related = await called(client, "related_conversations", conversation=made["eggs"].id)
        assert [row["conversation"] for row in related] == [made["nest"].id]
        refused = await client.call_tool("read_conversation", {"conversation": made["secret"].id})
        assert refused.is_error
        assert "There is no conversation" in str(refused.content)
    log = home / "data" / "mcp-calls.jsonl"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    calls = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [call["tool"] for call in calls] == [
        "search", "list_conversations", "read_conversation", "read_conversation", "related_conversations",
        "read_conversation",
    ]  # fmt: skip
    assert calls[0]["arguments"] == {"query": "eggs", "limit": 20}
    assert calls[0]["result"] == f"{len(hits)} results"
    assert calls[4]["result"] == "1 conversation"
    assert calls[0]["client"] != "unknown"


async def test_private_conversations_are_given_only_to_who_is_told_to(tmp_path: Path) -> None:
    home = tmp_path
    made = history(home)
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    arguments = [*PROGRAM[1:], "mcp", "--include-private"]
    server = StdioServerParameters(command=PROGRAM[0], args=arguments, env=environment(home))
    async with Client(stdio_client(server)) as client:
        read = await called(client, "read_conversation", conversation=made["secret"].id)
        assert read["messages"][-1]["text"] == "Private eggs."


def test_over_http_only_who_has_the_token_is_answered(tmp_path: Path) -> None:
    made = history(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*PROGRAM, "mcp", "--http", "--port", str(port)],
        env={**environment(tmp_path), "STERNA_MCP_TOKEN": "token-1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert f"http://127.0.0.1:{port}/mcp" in process.stderr.readline()
        question = {
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                       "clientInfo": {"name": "test", "version": "1"}},
        }  # fmt: skip
        accept = {"Accept": "application/json, text/event-stream"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=accept) as client:
            deadline = time.monotonic() + 20
            while True:
                try:
                    refused = client.post("/mcp", json=question)
                    break
                except httpx.ConnectError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert refused.status_code == 401
            wrong = client.post("/mcp", json=question, headers={"Authorization": "Bearer token-2"})
            assert wrong.status_code == 401
            answer = client.post("/mcp", json=question, headers={"Authorization": "Bearer token-1"})
            assert answer.status_code == 200
            assert "own conversations" in answer.text
    finally:
        process.terminate()
        assert process.wait(10) in (0, -15)
        process.stderr.close()
    assert made
