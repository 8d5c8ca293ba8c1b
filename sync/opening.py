"""The messenger of an account put together: its history, its sign-in, and the protocol for what its server can."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from .accounts import Account, Accounts
from .baseline import BaselineSync
from .cookies import CookieAuth
from .delta import DeltaSync
from .engine import Engine
from .errors import SignInNeeded
from .origin import server_of
from .report import SyncReport
from .rounds import Syncing
from .session import KeptSession
from .timing import Timing

if TYPE_CHECKING:
    from storage import StoreThread

    from .transport import Auth
    from .wire import Capability


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
        if not isinstance(session, KeptSession) or not settings.supabase_url:
            raise SignInNeeded(
                "An upstream server takes a sign-in with its cookies: set sync.supabase_url, leave sync.token_command "
                "out, and sign in: sterna login"
            )
        auth = CookieAuth(session, settings.supabase_url)

    def make_sync(capability: Capability | None) -> Syncing:
        if capability is not None:
            return DeltaSync(capability, account.user_id, rng=chance)
        return BaselineSync(account.user_id, rng=chance, host=server_of(account.origin).host)

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
    )
