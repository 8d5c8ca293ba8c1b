"""Capability of an account's server: probed once a day, and never downgraded.

A Sterna server announces its capability in a header of every response; a server without the header uses upstream's
protocol. A proxy may strip headers, and deletes mean something else in upstream's protocol. So an account that was ever
synced in delta mode is never synced in upstream mode, whatever a response says.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Literal

from sterna.storage import SyncMetadata

from ..backoff import DAY_MS
from ..wire import BadItem, Capability, Client
from .effects import CurrentTime, Effects, Problem, Request, Response, Transaction, Unreachable
from .response_errors import AGAIN_MS, NO_SYNC, problem_of, sentence

if TYPE_CHECKING:
    from sterna.storage import SyncAccount

HEADER = "sync-server"


def probe(
    kind: Literal["sterna", "upstream"], retry_ms: int, *, again: bool = False
) -> Effects[Capability | Problem | None]:
    """Return the server's capability; None for upstream's protocol. ``again`` ignores what is stored.

    ``retry_ms`` is the delay before the next try where no server answers.
    """
    now_ms = yield from CurrentTime()
    account = yield from Transaction(SyncMetadata.account)
    if account is None:
        return Problem("signin", "This history belongs to no account. Sign in: sterna login URL")
    if not again and not is_old(account, now_ms):
        return stored_capability(account)
    try:
        response = yield from Request("GET", "/api/chat/sync", {"limit": "1"}, client_header())
    except Unreachable as error:
        return problem_of(error, now_ms, retry_ms)
    if response.status != 200 or not _is_listing(response):
        return problem_of(response, now_ms, retry_ms)
    capability = announced_capability(response)
    if capability is None and (account.mode == "delta" or kind == "sterna"):
        return Problem("update", _missing(account.mode), AGAIN_MS)
    mode = "baseline" if capability is None else "delta"
    caps = "" if capability is None else response.headers[HEADER]
    yield from Transaction(
        SyncMetadata.set_account, account.origin, account.user_id, mode=mode, caps=caps, caps_at=now_ms
    )
    return capability


def announced_capability(response: Response) -> Capability | None:
    """Return the capability that a response announces; None where it does not announce the delta protocol."""
    try:
        capability = Capability.parse(response.headers.get(HEADER, ""))
    except BadItem:
        return None
    return capability if "delta" in capability.caps else None


def stored_capability(account: SyncAccount) -> Capability | None:
    """Return the capability of the last probe."""
    return Capability.parse(account.caps) if account.mode == "delta" and account.caps else None


def is_old(account: SyncAccount | None, now_ms: int) -> bool:
    """Return whether a new probe is due. A time in the future was written by a wrong clock."""
    if account is None or account.mode is None or account.caps_at is None:
        return True
    return not 0 <= now_ms - account.caps_at < DAY_MS


@cache
def client_header() -> dict[str, str]:
    """Return the header with the client's version and protocols."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("sterna")
    except PackageNotFoundError:
        number = "0"
    return {"Sync-Client": Client("sterna", number).format()}


def _is_listing(response: Response) -> bool:
    """Return whether a response is a list of conversations, as opposed to a network's sign-in page."""
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get("conversations"), list)


def _missing(mode: str | None) -> str:
    if mode == "delta":
        return (
            "The server no longer identifies itself as a Sterna server; a proxy may remove its header. Nothing is sent "
            "until it does."
        )
    return sentence(NO_SYNC)
