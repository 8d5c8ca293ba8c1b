"""What the server of an account can: asked once a day, and never believed to be less than it was.

A server of ours says so in a header of every answer; one without the header speaks upstream's protocol. A header can be
stripped on the way, and then a delete would mean something else: so an account that has ever been synced in our
protocol is never synced in upstream's, whatever an answer says.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from sterna.storage import SyncMetadata

from ..backoff import DAY_MS
from ..wire import BadItem, Capability, Client
from .effects import Answer, Http, Now, Problem, Step, Tx, Unreachable
from .response_errors import AGAIN_MS, NO_SYNC, problem_of, sentence

if TYPE_CHECKING:
    from sterna.storage import SyncAccount

HEADER = "sync-server"


def probe(
    kind: Literal["sterna", "upstream"], later_ms: int, *, again: bool = False
) -> Generator[Step, Any, Capability | Problem | None]:
    """What the server can; None for upstream's protocol. ``again``: what is remembered does not count.

    ``later_ms``: when to try again where no server answers.
    """
    now_ms: int = yield Now()
    account: SyncAccount | None = yield Tx(SyncMetadata.account)
    if account is None:
        return Problem("signin", "This history belongs to no account. Sign in: sterna login URL")
    if not again and not is_old(account, now_ms):
        return remembered(account)
    try:
        answer: Answer = yield Http("GET", "/api/chat/sync", {"limit": "1"}, client_header())
    except Unreachable as error:
        return problem_of(error, now_ms, later_ms)
    if answer.status != 200 or not _is_listing(answer):
        return problem_of(answer, now_ms, later_ms)
    found = told(answer)
    if found is None and (account.mode == "delta" or kind == "sterna"):
        return Problem("update", _missing(account.mode), AGAIN_MS)
    mode = "baseline" if found is None else "delta"
    caps = "" if found is None else answer.headers[HEADER]
    noted = {"mode": mode, "caps": caps, "caps_at": now_ms}
    yield Tx(SyncMetadata.set_account, (account.origin, account.user_id), noted)
    return found


def told(answer: Answer) -> Capability | None:
    """What an answer says of its server; None where it does not say that it speaks our protocol."""
    try:
        found = Capability.parse(answer.headers.get(HEADER, ""))
    except BadItem:
        return None
    return found if "delta" in found.caps else None


def remembered(account: SyncAccount) -> Capability | None:
    """What was learnt last."""
    return Capability.parse(account.caps) if account.mode == "delta" and account.caps else None


def is_old(account: SyncAccount | None, now_ms: int) -> bool:
    """Whether it is time to ask. A time in the future was noted by a clock that was wrong."""
    if account is None or account.mode is None or account.caps_at is None:
        return True
    return not 0 <= now_ms - account.caps_at < DAY_MS


@cache
def client_header() -> dict[str, str]:
    """Who asks, and what it speaks."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("sterna")
    except PackageNotFoundError:
        number = "0"
    return {"Sync-Client": Client("sterna", number).format()}


def _is_listing(answer: Answer) -> bool:
    """Whether that is upstream's listing, and not a page of the network."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("conversations"), list)


def _missing(mode: str | None) -> str:
    if mode == "delta":
        return (
            "The server no longer says that it is a Sterna server. Something on the way may strip that; nothing is "
            "sent before it says so again."
        )
    return sentence(NO_SYNC)
