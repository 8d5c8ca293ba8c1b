"""What is taken out of a server's messages before the package ``mcp`` reads them."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from mcp.client._transport import ReadStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse


class Screened:
    """Stream of a server's messages, with only that of its tools which is used.

    Results would be checked against schemas of results, whose regular expressions may take for ever.
    """

    def __init__(self, inner: ReadStream[SessionMessage | Exception]) -> None:
        self._inner = inner

    @property
    def last_context(self) -> Any:
        """Return the context of the last message, where the transport has one."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        return _screened(await self._inner.receive())

    async def __anext__(self) -> SessionMessage | Exception:
        return _screened(await self._inner.__anext__())

    def __aiter__(self) -> Screened:
        return self

    async def aclose(self) -> None:
        """Close the stream."""
        await self._inner.aclose()

    async def __aenter__(self) -> Screened:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _screened(item: SessionMessage | Exception) -> SessionMessage | Exception:
    if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse):
        tools = item.message.result.get("tools")
        if isinstance(tools, list):
            item.message.result["tools"] = [kept for tool in tools if (kept := _kept(tool)) is not None]
    return item


def _kept(tool: object) -> dict[str, Any] | None:
    """Return what is used of a tool; None for one that is not described as the protocol says."""
    if not isinstance(tool, dict):
        return None
    name, schema, hints = (tool.get(key) for key in ("name", "inputSchema", "annotations"))
    if not isinstance(name, str) or not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    texts = {key: tool[key] for key in ("title", "description") if isinstance(tool.get(key), str)}
    reads = isinstance(hints, dict) and hints.get("readOnlyHint") is True
    return {"name": name, "inputSchema": schema, **texts, "annotations": {"readOnlyHint": reads}}
