"""Pooled connections to PostgreSQL, with one transaction for each unit of work, run as the account it is for.

The role and the claims are set for the transaction only, so a pooled connection keeps nothing of an account when the
transaction ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from psycopg import AsyncConnection, AsyncCursor, InterfaceError, InternalError, OperationalError, sql
from psycopg.errors import DeadlockDetected, QueryCanceled, ReadOnlySqlTransaction, SerializationFailure
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ..errors import ApiError, beyond_limits, read_only, unavailable
from ..identity import Identity
from .account_shares import Shares
from .connections import IN_UTC, configure, is_direct

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]
T = TypeVar("T")

MAX_ATTEMPTS = 4
"""Attempts of a write that conflicts with another one; rare, because writers of one account lock it first."""

IDENTIFY = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"

BEGIN = sql.SQL(
    "begin; select set_config('role', {role}, true), set_config('request.jwt.claims', {claims}, true),"
    f" {IN_UTC}, set_config('statement_timeout', {{milliseconds}}, true),"
    " set_config('idle_in_transaction_session_timeout', {milliseconds}, true)"
)
LOCK = sql.SQL("; select public.sync_lock()")
"""Lock of the account's history, taken first: writers of one account then conflict nowhere else."""

READ_SECONDS, WRITE_SECONDS = 15.0, 60.0
"""Time limits of one statement. A whole transaction may take twice as long."""

READY_SECONDS = 0.1
"""Time for which an answer of :meth:`Database.is_ready` is reused."""

UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout)

log = logging.getLogger("sterna.server")


class Database:
    """Two pools of connections: one for accounts and one for the server's own work, such as sign-in.

    The login role of the first can only act as an account, so injected SQL reaches no secret; ``server_url`` names the
    second. Every method that runs statements raises ApiError 503 when PostgreSQL cannot be reached.
    """

    def __init__(
        self, url: str, *, server_url: str = "", size: int = 10, wait: float = 5.0, lock_wait: float = 30.0
    ) -> None:
        self.has_schema = True
        """While false, all work is refused as if PostgreSQL could not be reached."""
        self.on_write: Callable[[UUID], None] = lambda user: None
        """Called after each commit with the account whose history may have changed."""
        self._size = size
        self._is_ready, self._ready_until = False, 0.0
        self._lock_wait = lock_wait
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._shares = Shares(max(2, size // 3), lock_wait)
        self._pool = _pool(url, size, wait)
        self._server_url = server_url or url
        self._server_pool = _pool(self._server_url, max(2, size // 2), wait)

    async def open(self) -> None:
        """Start to connect in the background: a server whose database is unreachable starts, and answers 503."""
        await self._pool.open(wait=False)
        await self._server_pool.open(wait=False)

    async def close(self) -> None:
        """Close the connections after the running work."""
        await self._pool.close()
        await self._server_pool.close()

    @asynccontextmanager
    async def transaction(
        self, identity: Identity, *, locked: bool = False, seconds: float = READ_SECONDS
    ) -> AsyncIterator[Connection]:
        """Open a transaction with the rights of ``identity``: committed at the end, rolled back on an exception.

        With ``locked`` it is the only writer of the account. Each statement is cancelled after ``seconds``, and the
        transaction after twice as long; both raise ApiError 504. Cancelling the task cancels the statement too.
        """
        try:
            async with AsyncExitStack() as ending:
                if locked:
                    await ending.enter_async_context(self._account_lock(identity))
                await ending.enter_async_context(self._shares.slot(identity.user_id))
                pool = self._server_pool if identity.role == "service_role" else self._pool
                connection = await self._begin(pool, identity, locked, seconds)
                ending.push_async_callback(pool.putconn, connection)
                deadline = asyncio.timeout(2 * seconds)
                try:
                    async with deadline:
                        yield connection
                        if (await connection.execute("commit")).statusmessage != "COMMIT":
                            raise InternalError("a statement of the transaction failed unnoticed")
                except BaseException as error:
                    if not connection.closed:
                        await connection.execute("rollback")
                    if isinstance(error, TimeoutError) and deadline.expired():
                        raise too_slow() from None
                    raise
        except (DeadlockDetected, SerializationFailure):
            raise
        except QueryCanceled:
            raise too_slow() from None
        except ReadOnlySqlTransaction:
            log.warning("database: read-only")
            raise read_only() from None
        except UNREACHABLE as error:
            log.warning("database: %s", type(error).__name__)
            # psycopg counts limits of a statement (class 54) among the errors of a connection
            is_limit = isinstance(error, OperationalError) and (error.sqlstate or "").startswith("54")
            raise (beyond_limits() if is_limit else unavailable()) from error

    @asynccontextmanager
    async def _account_lock(self, identity: Identity) -> AsyncIterator[None]:
        """Let one writer of an account at a time continue in this process.

        Writers that wait for the lock in PostgreSQL would hold a connection each, and one account could hold all.
        """
        if identity.user_id is None:
            yield
            return
        lock = self._locks.setdefault(identity.user_id, asyncio.Lock())
        try:
            async with asyncio.timeout(self._lock_wait):
                await lock.acquire()
        except TimeoutError:
            log.warning("database: a writer did not get the lock of its account in time")
            raise unavailable() from None
        try:
            yield
        finally:
            lock.release()

    async def _begin(self, pool: Pool, identity: Identity, locked: bool, seconds: float) -> Connection:
        """Return a connection with a transaction of ``identity``, begun in one round trip."""
        begin = BEGIN.format(role=identity.role, claims=identity.claims_json(), milliseconds=str(int(seconds * 1000)))
        return (await self._first(pool, begin + LOCK if locked else begin, None, prepare=False))[0]

    async def account_tier(self, user_id: UUID, at: datetime, session: str | None = None) -> str | None:
        """Return the tier of an account: "" for a disabled one, None for an unknown one or an ended ``session``.

        Runs for every request, so it is one statement without a transaction.
        """
        try:
            connection, cursor = await self._first(
                self._pool, "select sterna.standing(%s, %s, %s) as tier", (user_id, at, session)
            )
            try:
                row = await cursor.fetchone()
            finally:
                await self._pool.putconn(connection)
        except UNREACHABLE as error:
            log.warning("database: %s", type(error).__name__)
            raise unavailable() from error
        return row["tier"] if row else None

    async def _first(
        self,
        pool: Pool,
        query: LiteralString | sql.Composed,
        values: tuple[Any, ...] | None,
        *,
        prepare: bool | None = None,
    ) -> tuple[Connection, AsyncCursor[DictRow]]:
        """Run a statement on a connection of the pool; return both. The caller puts the connection back.

        A connection that broke while idle is noticed here, before any work was done, and replaced by another.
        """
        if not self.has_schema:
            raise unavailable()
        for _ in range(self._size + 1):
            connection = await pool.getconn()
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    return connection, await connection.execute(query, values, prepare=prepare)
            except QueryCanceled:
                await pool.putconn(connection)
                raise
            except TimeoutError:
                await pool.putconn(connection)
                raise too_slow() from None
            except OperationalError:
                await pool.putconn(connection)
                if not connection.closed:
                    raise
            except BaseException:
                await pool.putconn(connection)
                raise
        raise unavailable()

    async def read(
        self, identity: Identity, work: Callable[[Connection], Awaitable[T]], *, seconds: float = READ_SECONDS
    ) -> T:
        """Run ``work`` in one transaction, and return its result."""
        async with self.transaction(identity, seconds=seconds) as connection:
            return await work(connection)

    async def write(
        self, identity: Identity, work: Callable[[Connection], Awaitable[T]], *, seconds: float = WRITE_SECONDS
    ) -> T:
        """Run ``work`` in one transaction that locks the account's history first, and return its result.

        It is run again after a conflict with another transaction, so it may have no effects outside this database.
        docs/specification/sync-protocol.md#safe-cursor says why the lock comes first.
        """
        user = identity.user_id
        for attempt in range(MAX_ATTEMPTS):
            try:
                async with self.transaction(identity, locked=user is not None, seconds=seconds) as connection:
                    result = await work(connection)
                if user is not None:
                    self.on_write(user)
                return result
            except (DeadlockDetected, SerializationFailure):
                if attempt == MAX_ATTEMPTS - 1:
                    raise unavailable(1) from None
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def dedicated(self, name: str) -> AsyncIterator[AsyncConnection[Any] | None]:
        """Open a connection outside the pools, to listen on; None where a pooler is in between."""
        async with await AsyncConnection.connect(
            self._server_url, autocommit=True, row_factory=dict_row, application_name=name
        ) as connection:
            await configure(connection)
            yield connection if is_direct(connection) else None

    async def is_ready(self) -> bool:
        """Return whether the schema is installed and statements are answered; the result is reused for a moment."""
        if not self.has_schema:
            return False
        now = asyncio.get_running_loop().time()
        if now >= self._ready_until:
            self._is_ready, self._ready_until = await self._answers(), now + READY_SECONDS
        return self._is_ready

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(5.0):
                for pool in (self._pool, self._server_pool):
                    async with pool.connection(timeout=2.0) as connection:
                        await connection.execute("select 1")
        except (*UNREACHABLE, TimeoutError):
            return False
        return True

    def pool_stats(self) -> dict[str, Any]:
        """Return the pool's own counters, for /metrics."""
        return dict(self._pool.get_stats())


def _pool(url: str, size: int, wait: float) -> Pool:
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=wait,
        open=False,
        reconnect_timeout=5.0,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "application_name": "sterna",
        },
        configure=configure,
    )


def too_slow() -> ApiError:
    """Return the error for work that reached its time limit."""
    return ApiError(
        "gateway_timeout", "The request took longer than the server allows. Nothing was changed.", retry_after=30
    )
