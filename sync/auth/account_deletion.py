"""Export of all data that a server holds of an account, and deletion of the account."""

from __future__ import annotations

from typing import Any

from ..errors import INVALID_RESPONSE, SignInError
from ..network.json_api import JsonApi

LARGEST = 512 * 1024 * 1024
"""Most bytes of all data of an account; a server gives 256 MiB at most, and escapes some characters."""
WAIT = 300.0
"""Seconds that the server may take to gather it."""


async def fetch_export(api: JsonApi) -> dict[str, Any]:
    """Return all data of the account. Raises :class:`SignInError`."""
    try:
        data = await api.request("GET", "/api/user/export", wait=WAIT, largest=LARGEST)
    finally:
        await api.close()
    if not isinstance(data, dict):
        raise SignInError(INVALID_RESPONSE)
    return data


async def delete_account(api: JsonApi, password: str) -> None:
    """Delete the account at its server. ``password`` may be empty after a recent sign-in.

    Raises :class:`SignInError` where the account was not deleted.
    """
    try:
        await api.request("DELETE", "/api/user/account", {"password": password} if password else {})
    finally:
        await api.close()
