"""Headers of a request that say which device asks. See docs/specification/sync-protocol.md#sync-headers."""

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
LONGEST = 15
"""Digits of a time in ms."""


@dataclass(frozen=True, slots=True)
class Device:
    """Who asks, and what it was told before."""

    seen: Commit | None = None
    """The newest commit that it ever heard of."""
    sent_at: int | None = None
    """Its own clock, ms, when it sent this."""
    pull: Pull | None = None
    """What it would have told along with the answer to a push."""


@dataclass(frozen=True, slots=True)
class Headers:
    """As they came; requests in upstream's form may have any."""

    client: str
    seen: str
    sent_at: str
    pull: str

    def device(self) -> Device:
        """What they say. Raises ApiError: 426 for a device that speaks no language of ours, 400 for what is none."""
        try:
            client = Client.parse(self.client)
            if client.common() is None:
                raise ApiError(
                    "update_required",
                    "This server and this program speak different versions of sync. Update the older one.",
                    extra={"supported": PROTOCOLS},
                )
            return Device(
                Commit.parse(self.seen) if self.seen else None,
                _ms(self.sent_at) if self.sent_at else None,
                Pull.parse(self.pull) if self.pull else None,
            )
        except BadItem as error:
            raise ApiError("bad_request", "A header of the sync is not understood.", details=error.word) from None


def _ms(told: str) -> int:
    if not told.isascii() or not told.isdigit() or len(told) > LONGEST:
        raise BadItem("bad_header")
    return int(told)


async def headers(
    sync_client: Annotated[
        str,
        Header(json_schema_extra={"pattern": CLIENT}, description="<name>/<version>; proto=1-1. Needed in delta mode."),
    ] = "",
    sync_seen: Annotated[
        str, Header(json_schema_extra={"pattern": SEEN}, description="<seq>.<nonce>, the newest that was told to it.")
    ] = "",
    sync_sent_at: Annotated[
        str, Header(json_schema_extra={"pattern": SENT_AT}, description="The device's clock: ms since 1970.")
    ] = "",
    sync_pull: Annotated[
        str,
        Header(json_schema_extra={"pattern": PULL}, description="cur=<since>;max=<bytes>: with a push, what is new."),
    ] = "",
) -> Headers:
    """The headers of a request."""
    return Headers(sync_client, sync_seen, sync_sent_at, sync_pull)


Asked = Annotated[Headers, Depends(headers)]
