"""Headers of a request that identify the device. See docs/specification/sync-protocol.md#sync-headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from sterna.sync.wire import BadItem, Client, Commit, Pull

from ..errors import ApiError

PROTOCOLS = "1-1"
CLIENT = r"^[^;/]+/[^;]+; *proto=[0-9]{1,18}-[0-9]{1,18}$"
SEEN = r"^[0-9]{1,18}\.[0-9A-Za-z]{1,64}$"
SENT_AT = r"^[0-9]{1,15}$"
PULL = r"^cur=[0-9]{1,18}; *max=[0-9]{1,18}$"
MAX_DIGITS = 15
"""Digits of a time in milliseconds."""


@dataclass(frozen=True, slots=True)
class Device:
    """Device of a request, and its state."""

    seen: Commit | None = None
    """The newest commit that it knows."""
    sent_at: int | None = None
    """Its clock at the request, in milliseconds."""
    pull: Pull | None = None
    """Pull to answer together with a push."""


@dataclass(frozen=True, slots=True)
class DeviceHeaders:
    """Unparsed headers; requests of upstream's protocol may have any."""

    client: str
    seen: str
    sent_at: str
    pull: str

    def device(self) -> Device:
        """Return the parsed headers. Raises ApiError 426 for an unsupported protocol, and 400 for invalid headers."""
        try:
            client = Client.parse(self.client)
            if client.common() is None:
                raise ApiError(
                    "update_required",
                    "This server and this app use different versions of the sync protocol. Update the older one.",
                    extra={"supported": PROTOCOLS},
                )
            return Device(
                Commit.parse(self.seen) if self.seen else None,
                _ms(self.sent_at) if self.sent_at else None,
                Pull.parse(self.pull) if self.pull else None,
            )
        except BadItem as error:
            raise ApiError("bad_request", "A sync header is not valid.", details=error.word) from None


def _ms(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        raise BadItem("bad_header")
    return int(text)


async def headers(
    sync_client: Annotated[
        str,
        Header(
            json_schema_extra={"pattern": CLIENT}, description="<name>/<version>; proto=1-1. Required in delta mode."
        ),
    ] = "",
    sync_seen: Annotated[
        str,
        Header(
            json_schema_extra={"pattern": SEEN}, description="<seq>.<nonce>: the newest commit that the device knows."
        ),
    ] = "",
    sync_sent_at: Annotated[
        str,
        Header(json_schema_extra={"pattern": SENT_AT}, description="The device's clock, in milliseconds since 1970."),
    ] = "",
    sync_pull: Annotated[
        str,
        Header(json_schema_extra={"pattern": PULL}, description="cur=<since>;max=<bytes>: pull together with a push."),
    ] = "",
) -> DeviceHeaders:
    """Return the headers of a request."""
    return DeviceHeaders(sync_client, sync_seen, sync_sent_at, sync_pull)


DeviceHeadersDep = Annotated[DeviceHeaders, Depends(headers)]
