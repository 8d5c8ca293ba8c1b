"""MCP server made with the official package, for the tests: a program that serves HTTP too when a tool asks it to."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    BlobResourceContents,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffff3f0005fe02fe"
    "a735812b0000000049454e44ae426082"
)
server = MCPServer("example", title="Example", version="1.0")


@server.tool(title="Add numbers", annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Return the sum of two numbers."""
    return a + b


@server.tool()
def environment() -> list[str]:
    """Return the names of the environment variables."""
    return sorted(os.environ)


@server.tool()
def run_id() -> str:
    """Return what tells two runs apart."""
    return str(os.getpid())


@server.tool()
def colored() -> str:
    """Return text for a terminal."""
    return "\x1b[31mred\x1b[0m \x1b]0;title\x07and \u202ereversed"


@server.tool()
def long_text(length: int) -> str:
    """Return a text of so many characters."""
    return "x" * length


@server.tool(structured_output=False)
def mixed() -> list[Any]:
    """Return an image, resources and a link."""
    return [
        Image(data=PIXEL, format="png"),
        EmbeddedResource(
            type="resource", resource=TextResourceContents(uri="notes://a", mime_type="text/plain", text="A note.")
        ),
        EmbeddedResource(
            type="resource",
            resource=BlobResourceContents(uri="notes://b", mime_type="application/zip", blob="UEsDBAAA"),
        ),
        ResourceLink(type="resource_link", uri="https://example.org/doc", name="The document"),
        TextContent(type="text", text="[red]not markup[/red]"),
    ]


@server.tool()
def fail() -> str:
    """Fail."""
    raise ToolError("There is no such thing.")


@server.tool()
async def slow(marker: str, context: Context) -> str:
    """Report progress, then note in a file that it was cancelled."""
    import anyio

    try:
        for step in range(1000):
            await context.report_progress(step, 1000, "\x1b[1mworking")
            await anyio.sleep(0.02)
    except anyio.get_cancelled_exc_class():
        Path(marker).write_text("cancelled")  # noqa: ASYNC240
        raise
    return "done"


@server.tool()
@cache
def serve_http() -> int:
    """Serve the same over HTTP, too, and return the port."""
    import uvicorn

    config = uvicorn.Config(server.streamable_http_app(host="127.0.0.1"), port=0, log_level="critical", lifespan="on")
    socket = config.bind_socket()
    http = uvicorn.Server(config)
    threading.Thread(target=lambda: asyncio.run(http.serve(sockets=[socket])), daemon=True).start()
    port: int = socket.getsockname()[1]
    return port


if __name__ == "__main__":
    server.run("stdio")
