"""Access tokens as credentials of requests, as a Sterna server accepts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .token_session import TokenSession


class Bearer:
    """Token in a header. Cookies of a response are ignored."""

    def __init__(self, session: TokenSession) -> None:
        self._session = session

    async def headers(self) -> Mapping[str, str]:
        """See :class:`~.network.transport.Auth`."""
        return {"authorization": f"Bearer {await self._session.token()}"}

    async def renew(self) -> Mapping[str, str]:
        """See :class:`~.network.transport.Auth`."""
        return {"authorization": f"Bearer {await self._session.refresh()}"}

    async def store_cookies(self, set_cookies: Sequence[str], now: float) -> bool:
        """See :class:`~.network.transport.Auth`."""
        return True
