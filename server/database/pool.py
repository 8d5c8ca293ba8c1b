"""PostgreSQL behind the endpoints: one transaction a piece of work, each as the person it is for.

The role and the claims are set for the transaction only, so a pooled connection forgets who it worked for when the work
ends.
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

from ..errors import ApiError, read_only, unavailable
from ..identity import Identity
from .account_shares import Shares
from .connections import IN_UTC, configure, is_direct

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]
T = TypeVar("T")

TRIES = 4
"""Of a write that met another one. Writers of one person take their turn at sync_head, so more than one is rare."""

IDENTIFY = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"

BEGIN = sql.SQL(
    "begin; select set_config('role', {role}, true), set_config('request.jwt.claims', {claims}, true),"
    f" {IN_UTC}, set_config('statement_timeout', {{milliseconds}}, true),"
    " set_config('idle_in_transaction_session_timeout', {milliseconds}, true)"
)
TURN = sql.SQL("; select public.sync_lock()")
"""The person's turn in their own history, taken first: writers of one person then meet nowhere else."""

READ_SECONDS, WRITE_SECONDS = 15.0, 60.0
"""Limits of one statement. A whole transaction may take twice as long."""

READY_SECONDS = 0.1

UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout)

log = logging.getLogger("sterna.server")


class Database:
    """Two pools of connections, one for people and one for the server's own work, such as sign-in.

    The login role of the first may become a person and nobody else, so SQL that somebody slips into a statement reaches
    no other account and no secret; ``server_url`` names the other one. Every method that does work raises ApiError 503
    when PostgreSQL cannot be reached.
    """

    def __init__(
        self, url: str, *, server_url: str = "", size: int = 10, wait: float = 5.0, turn: float = 30.0
    ) -> None:
        self.has_schema = True
        """Until it is so, all work is refused as if PostgreSQL were away."""
        self.on_write: Callable[[UUID], None] = lambda user: None
        """Told whose history may have moved, once it is committed."""
        self._size = size
        self._is_ready, self._ready_until = False, 0.0
        self._turn_seconds = turn
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._shares = Shares(max(2, size // 3), turn)
        self._pool = _pool(url, size, wait)
        self._server_url = server_url or url
        self._server_pool = _pool(self._server_url, max(2, size // 2), wait)

    async def open(self) -> None:
        """Start to connect, in the background: a server whose database is away starts, and answers 503."""
        await self._pool.open(wait=False)
        await self._server_pool.open(wait=False)

    async def close(self) -> None:
        """Let the connections go, after the work in hand."""
        await self._pool.close()
        await self._server_pool.close()

    @asynccontextmanager
    async def transaction(
        self, who: Identity, *, in_turn: bool = False, seconds: float = READ_SECONDS
    ) -> AsyncIterator[Connection]:
        """A transaction that sees and may do what ``who`` may; committed at the end, rolled back by any exception.

        Each of its statements is cancelled after ``seconds``, and all of it after twice as long; that raises ApiError
        504. A task that is cancelled cancels its statement in PostgreSQL as well.
        """
        try:
            async with AsyncExitStack() as ending:
                if in_turn:
                    await ending.enter_async_context(self._turn(who))
                await ending.enter_async_context(self._shares.slot(who.user_id))
                pool = self._server_pool if who.role == "service_role" else self._pool
                connection = await self._begin(pool, who, in_turn, seconds)
                ending.push_async_callback(pool.putconn, connection)
                deadline = asyncio.timeout(2 * seconds)
                try:
                    async with deadline:
                        yield connection
                        if (await connection.execute("commit")).statusmessage != "COMMIT":
                            raise InternalError("a statement of the transaction failed and nobody was told")
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
            log.warning("database: it is read-only")
            raise read_only() from None
        except UNREACHABLE as error:
            log.warning("database: %s", type(error).__name__)
            raise unavailable() from error

    @asynccontextmanager
    async def _turn(self, who: Identity) -> AsyncIterator[None]:
        """One writer of a person at a time in this process.

        In PostgreSQL each that waits for the person's turn would hold a connection, and one person all of them.
        """
        if who.user_id is None:
            yield
            return
        turn = self._turns.setdefault(who.user_id, asyncio.Lock())
        try:
            async with asyncio.timeout(self._turn_seconds):
                await turn.acquire()
        except TimeoutError:
            log.warning("database: a writer's turn did not come")
            raise unavailable() from None
        try:
            yield
        finally:
            turn.release()

    async def _begin(self, pool: Pool, who: Identity, in_turn: bool, seconds: float) -> Connection:
        """A connection in a transaction of ``who``, in one round trip."""
        begin = BEGIN.format(role=who.role, claims=who.claims_json(), milliseconds=str(int(seconds * 1000)))
        return (await self._first(pool, begin + TURN if in_turn else begin, None, prepare=False))[0]

    async def standing(self, user_id: UUID, at: datetime, session: str | None = None) -> str | None:
        """The tier of an account; "" while it is shut, None when there is no such account or ``session`` has ended.

        Asked for every request, so it is one statement and no transaction.
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
        """The first statement on a connection of the pool, and the connection, which is the caller's to put back.

        One that broke while it rested is noticed here, before anything was done, and another one is taken.
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
        self, who: Identity, work: Callable[[Connection], Awaitable[T]], *, seconds: float = READ_SECONDS
    ) -> T:
        """``work`` in one transaction; gives what it gives."""
        async with self.transaction(who, seconds=seconds) as connection:
            return await work(connection)

    async def write(
        self, who: Identity, work: Callable[[Connection], Awaitable[T]], *, seconds: float = WRITE_SECONDS
    ) -> T:
        """``work`` in one transaction that has its turn in the person's history first.

        Run again when it met another transaction, so it may do nothing but speak to this database. Why the turn comes
        first is in docs/specification/sync-protocol.md#safe-cursor.
        """
        for last in range(TRIES):
            try:
                async with self.transaction(who, in_turn=who.user_id is not None, seconds=seconds) as connection:
                    done = await work(connection)
                if who.user_id is not None:
                    self.on_write(who.user_id)
                return done
            except (DeadlockDetected, SerializationFailure):
                if last == TRIES - 1:
                    raise unavailable(1) from None
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[AsyncConnection[Any] | None]:
        """A connection of the server's own beside the pools, to listen on; None where a pooler is in between."""
        async with await AsyncConnection.connect(
            self._server_url, autocommit=True, row_factory=dict_row, application_name=name
        ) as connection:
            await configure(connection)
            yield connection if is_direct(connection) else None

    async def is_ready(self) -> bool:
        """Whether the schema is there and a statement is answered; anybody may ask, so the answer holds a moment."""
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

    def figures(self) -> dict[str, Any]:
        """The pool's own counters, for /metrics."""
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
    """Return the refusal of work that reached its time limit."""
    return ApiError(
        "gateway_timeout", "This took longer than the server allows. Nothing of it was done.", retry_after=30
    )
