"""Vectors of the messages of all accounts, made in the background in the order of their changes.

Each account has its own progress, the number of the last change whose message was read, so that a changed message gets
new vectors, and several servers share the work: what another one did meanwhile is not stored twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID
from zlib import crc32

from psycopg import sql

from sterna.providers.embedder import EmbedderError
from sterna.providers.process_embedder import ProcessEmbedder
from sterna.providers.text_parts import parts
from sterna.providers.unrelated_texts import measure

from ..database.pool import Connection, Database
from ..errors import ApiError
from ..identity import SERVER

POLL_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 60.0
AT_ONCE: Final = 64
"""Messages that are read at once, and texts for which the model is asked at once."""
LONGEST_TEXT: Final = 32_000

SCHEMA: Final = """
    select t.typnamespace::regnamespace::text as name
    from pg_attribute as a join pg_type as t on t.oid = a.atttypid
    where a.attrelid = to_regclass('public.message_vectors') and a.attname = 'embedding' and t.typname = 'vector'
"""
NEXT: Final = """
    select h.user_id, h.seq as head, coalesce(p.seq, 0) as seq, p.model is not distinct from %(model)s as is_ours
    from public.sync_head as h left join sterna.vector_progress as p on p.user_id = h.user_id
    where h.seq > coalesce(p.seq, 0) or p.model is distinct from %(model)s
    order by p.seq nulls first limit 1
"""
CHANGED: Final = """
    select r.id, r.seq, left(m.content, %(longest)s) as content
    from public.sync_rows as r
    left join public.chat_messages as m
        on m.user_id = r.user_id and m.id = r.id and m.role in ('user', 'assistant')
    where r.user_id = %(user)s and r.seq > %(seq)s and r.kind = 'm'
    order by r.seq limit %(limit)s
"""
PROGRESS: Final = """
    insert into sterna.vector_progress as p (user_id, model, seq)
    select id, %(model)s, %(new)s from public.profiles where id = %(user)s
    on conflict (user_id) do update set model = excluded.model, seq = excluded.seq
    where p.seq = %(seq)s or p.model <> excluded.model
    returning 1
"""
INSERT: Final = sql.SQL("""
    insert into public.message_vectors (user_id, message_id, part, model, embedding)
    select m.user_id, m.id, %(part)s, %(model)s, %(vector)s::real[]::{schema}.vector
    from public.chat_messages as m where m.user_id = %(user)s and m.id = %(id)s
""")

log = logging.getLogger("sterna.server")


class Vectors:
    """The model, and the work in the background. Without the name of a model there is neither."""

    def __init__(self, database: Database, model: str) -> None:
        self._database = database
        self._name = model
        self._embedder: ProcessEmbedder | None = None
        self.model = 0
        """Checksum of the model's name, as the table has it."""
        self.schema = ""
        """Schema of pgvector; empty until everything is ready."""
        self.usual = 0.0
        """Similarity of texts that have nothing to do with each other."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make vectors meanwhile, where a model is named."""
        task = asyncio.create_task(self._run(), name="vectors") if self._name else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
            if self._embedder is not None:
                await self._embedder.aclose()

    async def of_question(self, text: str) -> list[float]:
        """Return the vector of a question; empty for one of which the model knows nothing. Raises ApiError."""
        if not self._name:
            raise ApiError("feature_not_available", "This server does not search by meaning.")
        if not self.schema or self._embedder is None:
            raise ApiError("service_unavailable", "This server is not ready yet to search by meaning.")
        try:
            (vector,) = await self._embedder.embed([text])
        except EmbedderError as error:
            raise ApiError("service_unavailable", "The model does not answer. Try again.") from error
        return list(array("f", vector))

    async def _run(self) -> None:
        while True:
            try:
                await self._begin()
                while True:
                    began = time.monotonic()
                    await asyncio.sleep(time.monotonic() - began if await self._step() else POLL_SECONDS)
            except EmbedderError as error:
                log.warning("meaning: %s", error)
            except ApiError as error:
                log.warning("meaning: %s", error.message)
            await asyncio.sleep(RETRY_SECONDS if self.schema or self._database.has_schema else POLL_SECONDS)

    async def _begin(self) -> None:
        async with self._database.transaction(SERVER) as db:
            row = await (await db.execute(SCHEMA)).fetchone()
        if row is None:
            raise EmbedderError("pgvector is not there, so nothing is found by meaning")
        if self._embedder is None:
            embedder = await ProcessEmbedder.start(self._name)
            _, self.usual = await measure(embedder)
            self._embedder, self.model = embedder, crc32(embedder.key.encode()) & 0x7FFF_FFFF
        self.schema = row["name"]

    async def _step(self) -> bool:
        """Make the vectors of some messages; return False where there is nothing to do."""
        async with self._database.transaction(SERVER) as db:
            account = await (await db.execute(NEXT, {"model": self.model})).fetchone()
            if account is None:
                return False
            user, seq = account["user_id"], account["seq"] if account["is_ours"] else 0
            values = {"user": user, "seq": seq, "limit": AT_ONCE, "longest": LONGEST_TEXT}
            rows = await (await db.execute(CHANGED, values)).fetchall()
        made = await self._made(rows)
        new = rows[-1]["seq"] if len(rows) == AT_ONCE else max(account["head"], *(row["seq"] for row in rows), 0)
        async with self._database.transaction(SERVER) as db:
            values = {"user": user, "model": self.model, "new": new, "seq": account["seq"]}
            if (await (await db.execute(PROGRESS, values)).fetchone()) is not None:
                await self._store(db, user, [row["id"] for row in rows], made, is_ours=account["is_ours"])
        return True

    async def _made(self, rows: Sequence[dict[str, Any]]) -> list[tuple[str, int, bytes]]:
        """Return message, number and vector of each part."""
        assert self._embedder is not None
        pieces = [
            (row["id"], number, text) for row in rows for number, (_, text) in enumerate(parts(row["content"] or ""))
        ]
        made: list[tuple[str, int, bytes]] = []
        for first in range(0, len(pieces), AT_ONCE):
            some = pieces[first : first + AT_ONCE]
            vectors = await self._embedder.embed([text for _, _, text in some])
            made += [(name, part, vector) for (name, part, _), vector in zip(some, vectors, strict=True) if vector]
        return made

    async def _store(
        self, db: Connection, user: UUID, ids: list[str], made: list[tuple[str, int, bytes]], *, is_ours: bool
    ) -> None:
        old = "delete from public.message_vectors where user_id = %(user)s"
        await db.execute(f"{old} and message_id = any(%(ids)s)" if is_ours else old, {"user": user, "ids": ids})
        if made:
            insert = INSERT.format(schema=sql.Identifier(self.schema))
            values = [
                {"user": user, "id": name, "part": part, "model": self.model, "vector": list(array("f", vector))}
                for name, part, vector in made
            ]
            await db.cursor().executemany(insert, values)
