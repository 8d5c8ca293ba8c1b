"""Construction of the engine, services and tracker of an account."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .analytics.client import AnalyticsService
from .analytics.tracker import InteractionTracker
from .analytics.visits import AnalyticsSession
from .auth.accounts import Account, Accounts
from .auth.bearer import Bearer
from .auth.cookies import CookieAuth
from .auth.token_session import StoredTokenSession
from .clock import Timing
from .cycle_runner import SyncProtocol
from .engine import Engine
from .errors import CannotReach, SignInError, SignInNeeded, SyncDisabled
from .network.json_api import JsonApi
from .network.server_address import server_of
from .network.transport import Transport
from .profile import AccountData
from .protocol.delta import DeltaSync
from .status import SyncReport
from .upstream.protocol import UpstreamSync

if TYPE_CHECKING:
    from sterna.storage import StoreThread

    from .network.transport import Auth
    from .wire import Capability


def open_token(accounts: Accounts, account: Account) -> Callable[[], Awaitable[str]]:
    """Return a function that returns access tokens of ``account``.

    It raises ValueError with a sentence, or ConnectionError while the server cannot be reached.
    """
    session = accounts.session(account)

    async def token() -> str:
        try:
            return await session.token()
        except CannotReach as error:
            raise ConnectionError(str(error)) from None
        except SignInError as error:
            raise ValueError(str(error)) from None

    return token


def open_api(accounts: Accounts, account: Account, timing: Timing | None = None) -> JsonApi:
    """Return the JSON endpoints of ``account``'s server. Raises :class:`SignInError`; sends nothing yet."""
    return JsonApi(Transport(server_of(account.origin), Bearer(accounts.session(account)), timing=timing))


def open_tracker(
    accounts: Accounts, account: Account | None, store: StoreThread, timing: Timing | None = None
) -> InteractionTracker:
    """Return the tracker of this run. Without an account at a Sterna server it stores events and sends nothing.

    Consent is checked before each request, so turning analytics or sync off has an immediate effect.
    """
    time = timing or Timing()
    if account is None or account.local or account.kind != "sterna":
        return InteractionTracker(store, None, timing=time)
    session = accounts.session(account)
    api = JsonApi(Transport(server_of(account.origin), Bearer(session), timing=time))

    async def may_send() -> None:
        if not await asyncio.to_thread(accounts.is_analytics_enabled):
            raise SyncDisabled("Analytics are off.")
        await session.check(account.origin, account.user_id)

    return InteractionTracker(
        store,
        AnalyticsService(api, account.user_id),
        chat=AnalyticsSession(api, time),
        may_send=may_send,
        timing=time,
    )


def open_engine(
    accounts: Accounts,
    account: Account,
    store: StoreThread,
    *,
    timing: Timing | None = None,
    rng: random.Random | None = None,
    on_report: Callable[[SyncReport], None] | None = None,
) -> Engine:
    """Return the sync engine of ``account``, whose history is ``store``. Raises :class:`SignInError`; sends nothing.

    Call it in the event loop that runs the engine, and not for a local account.
    """
    rng = rng or random.Random()
    session = accounts.session(account)
    settings = accounts.settings()
    auth: Auth | None = None
    if account.kind == "upstream":
        if not isinstance(session, StoredTokenSession) or not settings.supabase_url:
            raise SignInNeeded(
                "An upstream server needs a sign-in with cookies: set sync.supabase_url, remove sync.token_command, "
                "and sign in: sterna login"
            )
        auth = CookieAuth(session, settings.supabase_url)

    def make_protocol(capability: Capability | None) -> SyncProtocol:
        if capability is not None:
            return DeltaSync(capability, account.user_id, rng=rng)
        return UpstreamSync(account.user_id, rng=rng, host=server_of(account.origin).host)

    def account_refresh(transport: Transport) -> AccountData:
        return AccountData(store, JsonApi(transport), timing or Timing())

    return Engine(
        store,
        account,
        session,
        make_protocol,
        auth=auth,
        timing=timing,
        rng=rng,
        on_report=on_report,
        interval=settings.interval,
        account_refresh=account_refresh if account.kind == "sterna" else None,
    )
