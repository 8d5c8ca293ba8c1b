"""Cost of the triggers on messages in PostgreSQL: ours, ones that count anew for each row, and none."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from sterna.server.database.embedded import APP, SERVICE, start
from sterna.server.database.migrations import migrate

from .report import heading, line, median

Db = psycopg.Connection[tuple[Any, ...]]

MESSAGES, STATEMENT, ROUNDS = 5_000, 500, 5
LENGTHS = (10, 1_000, 100_000)
APPENDS = 200

INSERT = """
insert into chat_messages (
    user_id, session_id, id, role, content, model, total_tokens, input_tokens, output_tokens, elapsed_ms,
    message_timestamp
)
select
    %(user)s,
    %(session)s::text,
    %(session)s::text || '_' || n,
    case n %% 2 when 1 then 'user' else 'assistant' end,
    repeat('x', 800),
    case n %% 2 when 0 then 'a/model' end,
    40,
    7,
    33,
    1500,
    timestamptz '2026-01-01' + n * interval '1 second'
from generate_series(%(first)s::integer, %(last)s::integer) as n
"""

IDENTIFY = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"

PER_ROW = """
create or replace function public.per_row_stats() returns trigger language plpgsql security definer as $$
declare
    newest public.chat_messages;
    found_count integer;
    found_total bigint;
    found_input bigint;
    found_output bigint;
    found_at timestamptz;
begin
    select count(*), coalesce(sum(total_tokens), 0), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
        max(message_timestamp)
    into found_count, found_total, found_input, found_output, found_at
    from public.chat_messages where user_id = new.user_id and session_id = new.session_id;
    select * into newest from public.chat_messages
    where user_id = new.user_id and session_id = new.session_id order by message_timestamp desc limit 1;
    update public.chat_sessions set message_count = found_count, total_tokens = found_total, last_model = newest.model,
        last_message_preview = left(newest.content, 200), last_message_timestamp = found_at
    where user_id = new.user_id and id = new.session_id;
    perform public.track_user_usage_delta(
        new.user_id, (new.role = 'user')::integer, (new.role = 'assistant')::integer,
        case new.role when 'user' then new.input_tokens else 0 end::bigint,
        case new.role when 'assistant' then new.output_tokens else 0 end::bigint,
        case when new.model is null then '{}' else jsonb_build_object(new.model, 1) end, 0, new.elapsed_ms::bigint, null
    );
    return null;
end $$;
alter function public.per_row_stats() owner to sterna_owner;
create trigger per_row_stats after insert on public.chat_messages for each row execute function public.per_row_stats();
"""


def conversation(db: Db, user: UUID, size: int = 0) -> str:
    """A new one with ``size`` messages."""
    session = f"conv_{uuid4().hex[:12]}"
    db.execute("insert into chat_sessions (user_id, id) values (%s, %s)", (user, session))
    if size:
        insert(db, user, session, 1, size)
    return session


def insert(db: Db, user: UUID, session: str, first: int, last: int) -> float:
    """Seconds of one statement."""
    began = time.perf_counter()
    db.execute(INSERT, {"user": user, "session": session, "first": first, "last": last})
    return time.perf_counter() - began


def at_once(db: Db, user: UUID, count: int, rounds: int) -> tuple[float, float]:
    """Seconds for ``count`` messages in one statement with our triggers and without, in turns."""
    taken: dict[str, list[float]] = {"enable": [], "disable": []}
    for _ in range(rounds):
        for switch, values in taken.items():
            session = conversation(db, user)
            db.execute(f"alter table chat_messages {switch} trigger user".encode())
            values.append(insert(db, user, session, 1, count))
    db.execute("alter table chat_messages enable trigger user")
    return median(taken["enable"]), median(taken["disable"])


def one_by_one(db: Db, user: UUID) -> dict[int, float]:
    """Seconds for one more message in conversations of each length, in turns so that all meet the same machine."""
    sessions = {size: conversation(db, user, size) for size in LENGTHS}
    db.execute("analyze")
    taken: dict[int, list[float]] = {size: [] for size in LENGTHS}
    for n in range(1, APPENDS + 1):
        for size, session in sessions.items():
            taken[size].append(insert(db, user, session, size + n, size + n))
    return {size: median(values) for size, values in taken.items()}


def transactions(db: Db, url: str, user: UUID) -> None:
    """Print the price of a request's whole transaction for one message, without the five ways there and back."""
    session = conversation(db, user)
    whole: list[float] = []
    way: list[float] = []
    with psycopg.connect(url, autocommit=True) as app:
        app.execute("set synchronous_commit = off")
        for n in range(1, 3 * APPENDS + 1):
            began = time.perf_counter()
            app.execute("begin")
            app.execute(IDENTIFY, (f'{{"sub": "{user}", "role": "authenticated"}}',))
            app.execute("select sync_lock()")
            insert(app, user, session, n, n)
            app.execute("commit")
            whole.append(time.perf_counter() - began)
            began = time.perf_counter()
            app.execute("select 1")
            way.append(time.perf_counter() - began)
    line("one message in a transaction of its own", f"{median(whole) * 1e6:,.0f} µs")
    net = (median(whole) - 5 * median(way)) * 1e6
    line("of that in PostgreSQL", f"{net:,.0f} µs")


def statements(db: Db, user: UUID) -> None:
    """Print the price of whole statements."""
    at_once(db, user, STATEMENT, 2)
    small, bare_small = at_once(db, user, STATEMENT, 4 * ROUNDS)
    large, bare_large = at_once(db, user, MESSAGES, ROUNDS)
    session = conversation(db, user)
    db.execute("alter table chat_messages disable trigger user")
    db.execute(PER_ROW.encode())
    per_row = insert(db, user, session, 1, MESSAGES)
    db.execute("drop trigger per_row_stats on chat_messages")
    db.execute("alter table chat_messages enable trigger user")
    line(f"{MESSAGES:,} messages in one statement, no triggers", f"{bare_large * 1000:,.0f} ms")
    line("with ours", f"{large * 1000:,.0f} ms", target="≤ 1,000 ms", ok=large <= 1)
    line("with triggers for each row", f"{per_row * 1000:,.0f} ms {per_row / large:,.0f}×")
    over = (small - bare_small) / STATEMENT * 1e6
    line(f"a message of {STATEMENT}, no triggers", f"{bare_small / STATEMENT * 1e6:,.1f} µs")
    line("what ours add to it", f"{over:,.1f} µs", target="≤ 60 µs", ok=over <= 60)


def lengths(db: Db, user: UUID) -> None:
    """Print the price of one message by the length of its conversation, and of deleting the longest."""
    taken = one_by_one(db, user)
    for size, seconds in taken.items():
        line(f"one message more after {size:,}", f"{seconds * 1e6:,.0f} µs")
    ratio = max(taken.values()) / min(taken.values())
    line("longest against shortest price", f"{ratio:.2f}×", target="≤ 1.5×", ok=ratio <= 1.5)
    for size in LENGTHS[1:]:
        session = conversation(db, user, size)
        began = time.perf_counter()
        db.execute("delete from chat_sessions where user_id = %s and id = %s", (user, session))
        line(f"deleting a conversation of {size:,}, each", f"{(time.perf_counter() - began) / size * 1e6:,.1f} µs")


def main() -> None:
    """Print all of it."""
    heading("Triggers on messages in PostgreSQL")
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # before start(): runs after PostgreSQL has stopped
    found = start(Path(folder) / "postgres")
    migrate(found.admin_url, app_role=APP, server_role=SERVICE)
    with psycopg.connect(found.admin_url, autocommit=True) as db:
        db.execute("set synchronous_commit = off")
        user = uuid4()
        db.execute("insert into auth.users (id, email) values (%s, 'a@example.org')", (user,))
        transactions(db, found.url, user)
        statements(db, user)
        lengths(db, user)


if __name__ == "__main__":
    main()
