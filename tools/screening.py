"""What is taken out of a server's messages before the package ``mcp`` reads them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream

MOST_OF_A_PAGE = 200
"""Tools of one answer that are looked at: a server can list more than anybody can read."""


class Screened:
    """Stream of a server's messages, with only that of its tools which is used.

    Results would be checked against schemas of results, whose regular expressions may take for ever.
    """

    def __init__(self, inner: ReadStream[SessionMessage | Exception], wanted: Sequence[str] = ()) -> None:
        """Take the messages of ``inner``; of tools those that are ``wanted``, or some of all of them."""
        self._inner = inner
        self._wanted = frozenset(wanted)

    @property
    def last_context(self) -> Any:
        """Return the context of the last message, where the transport has one."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        return self._screened(await self._inner.receive())

    async def __anext__(self) -> SessionMessage | Exception:
        return self._screened(await self._inner.__anext__())

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

    def _screened(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse):
            tools = item.message.result.get("tools")
            if isinstance(tools, list):
                usable = (kept for tool in tools if (kept := _kept(tool, self._wanted)) is not None)
                item.message.result["tools"] = list(islice(usable, MOST_OF_A_PAGE))
        return item


def _kept(tool: object, wanted: Set[str]) -> dict[str, Any] | None:
    """Return what is used of a tool; None for one that is not, or is not described as the protocol says."""
    if not isinstance(tool, dict):
        return None
    name, schema, hints = (tool.get(key) for key in ("name", "inputSchema", "annotations"))
    if (
        not isinstance(name, str)
        or (wanted and name not in wanted)
        or not isinstance(schema, dict)
        or schema.get("type") != "object"
    ):
        return None
    texts = {key: tool[key] for key in ("title", "description") if isinstance(tool.get(key), str)}
    reads = isinstance(hints, dict) and hints.get("readOnlyHint") is True
    return {"name": name, "inputSchema": schema, **texts, "annotations": {"readOnlyHint": reads}}
