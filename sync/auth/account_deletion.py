"""Leaving a server for good, and taking everything along."""

from __future__ import annotations

from typing import Any

from ..errors import SignInError
from ..network.json_api import Service


async def export_of(service: Service) -> dict[str, Any]:
    """Everything that the server holds of the person. Raises :class:`SignInError`."""
    try:
        told = await service.ask("GET", "/api/user/export")
    finally:
        await service.close()
    if not isinstance(told, dict):
        raise SignInError("The server's answer makes no sense. Tell whoever runs it.")
    return told


async def erase_at(service: Service, password: str) -> None:
    """Erase the account at its server; "" where the sign-in is a new one. Raises :class:`SignInError`: it is there."""
    try:
        await service.ask("DELETE", "/api/user/account", {"password": password} if password else {})
    finally:
        await service.close()
