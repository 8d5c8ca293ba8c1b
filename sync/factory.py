"""The messenger of an account put together: its history, its sign-in, and the protocol for what its server can."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .analytics.client import AnalyticsService
from .analytics.tracker import InteractionTracker
from .analytics.visits import ChatSession
from .auth.accounts import Account, Accounts
from .auth.bearer import Bearer
from .auth.cookies import CookieAuth
from .auth.token_session import StoredTokenSession
from .clock import Timing
from .cycle_runner import Syncing
from .engine import Engine
from .errors import SendingOff, SignInError, SignInNeeded
from .network.json_api import Service
from .network.server_address import server_of
from .network.transport import Transport
from .profile import AccountData
from .protocol.delta import DeltaSync
from .status import SyncReport
from .upstream.protocol import BaselineSync

if TYPE_CHECKING:
    from sterna.storage import StoreThread

    from .network.transport import Auth
    from .wire import Capability


def open_token(accounts: Accounts, account: Account) -> Callable[[], Awaitable[str]]:
    """Gives access tokens of ``account``; its ValueError is a sentence that says why there is none."""
    session = accounts.session(account)

    async def token() -> str:
        try:
            return await session.token()
        except SignInError as error:
            raise ValueError(str(error)) from None

    return token


def open_service(accounts: Accounts, account: Account, timing: Timing | None = None) -> Service:
    """The server of ``account``, for requests beside the exchange. Raises :class:`SignInError`; asks nobody yet."""
    return Service(Transport(server_of(account.origin), Bearer(accounts.session(account)), timing=timing))


def open_tracker(
    accounts: Accounts, account: Account | None, store: StoreThread, timing: Timing | None = None
) -> InteractionTracker:
    """The tracker of this run: of an account that a server of ours knows; else nothing is sent, and events wait.

    Where the person said no, to analytics or to sending, while it runs, nothing is sent from then on.
    """
    time = timing or Timing()
    if account is None or account.local or account.kind != "sterna":
        return InteractionTracker(store, None, timing=time)
    session = accounts.session(account)
    service = Service(Transport(server_of(account.origin), Bearer(session), timing=time))

    async def may_send() -> None:
        if not await asyncio.to_thread(accounts.agreed_to_analytics):
            raise SendingOff("Analytics are off.")
        await session.check(account.origin, account.user_id)

    return InteractionTracker(
        store,
        AnalyticsService(service, account.user_id),
        chat=ChatSession(service, time),
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
    """The messenger of ``account``, whose history ``store`` is. Raises :class:`SignInError`; asks nobody anything.

    Call it in the event loop that runs it, and not for a local account.
    """
    chance = rng or random.Random()
    session = accounts.session(account)
    settings = accounts.settings()
    auth: Auth | None = None
    if account.kind == "upstream":
        if not isinstance(session, StoredTokenSession) or not settings.supabase_url:
            raise SignInNeeded(
                "An upstream server takes a sign-in with its cookies: set sync.supabase_url, leave sync.token_command "
                "out, and sign in: sterna login"
            )
        auth = CookieAuth(session, settings.supabase_url)

    def make_sync(capability: Capability | None) -> Syncing:
        if capability is not None:
            return DeltaSync(capability, account.user_id, rng=chance)
        return BaselineSync(account.user_id, rng=chance, host=server_of(account.origin).host)

    def beside(transport: Transport) -> AccountData:
        return AccountData(store, Service(transport), timing or Timing())

    return Engine(
        store,
        account,
        session,
        make_sync,
        auth=auth,
        timing=timing,
        rng=chance,
        on_report=on_report,
        interval=settings.interval,
        beside=beside if account.kind == "sterna" else None,
    )
