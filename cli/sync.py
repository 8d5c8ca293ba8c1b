"""``sterna sync``: the history and its server brought in step, in the foreground; and what there is to know of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sterna.storage import Store, clean, one_line, stamp
from sterna.sync.status import Phase, SyncReport, clock_time, line

from .account_prompts import accounts_of, current
from .context import Place, find, short
from .conversation_argument import conversations
from .edit import at_a_terminal
from .output import counted, print_json
from .sync_conflicts import conflicts

SHOWN = 20
"""Refused changes that are listed on a terminal."""


@click.group(invoke_without_command=True, short_help="Sync your history with the server.")
@click.option("--once", is_flag=True, help="Stop when everything is synced.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each change of the state.")
@click.pass_context
def sync(context: click.Context, once: bool, as_json: bool) -> int:
    """Sync your history with the server until Ctrl+C. An open chat does so by itself.

    Exit code 0 when everything is synced; 1 when it cannot be, with the reason on standard error.
    With --json each line has: phase, waiting, done, total, refused, conflicts, sentence, line, at.
    """
    if context.invoked_subcommand is not None:
        return 0
    place = context.find_object(Place)
    assert place is not None
    from .sync_progress import run_sync  # none of the other commands needs an event loop or the network

    return run_sync(place, once=once, as_json=as_json)


sync.add_command(conflicts)


@sync.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(place: Place, as_json: bool) -> None:
    """Show the sync status. Nothing is asked over the network.

    With --json the object has: phase, line, sentence, server, email, waiting, refused (each: kind, id, session_id,
    title, reason, tries, next_at), conflicts, private, complete, next_at.
    """
    accounts = accounts_of(place)
    with place.store() as store:
        account = current(accounts, store)
        counts, state, refused = (
            store.sync_metadata.counts(),
            store.sync_metadata.state(),
            store.acknowledgements.quarantined(),
        )
        complete = store.sync_metadata.pull_is_complete()
    why_not = accounts.why_not(account)
    phase: Phase = "waiting" if counts.waiting else "synced"
    if account.local:
        phase = "local"
    elif not accounts.is_signed_in(account):
        phase, why_not = "signin", "Nobody is signed in here. Sign in: sterna login"
    elif why_not is not None:
        phase = "off"
    report = SyncReport(phase, counts.waiting, sentence=why_not or "", quarantined=counts.quarantined)
    now = datetime.now(UTC)
    due = state.next_at if state.fails and report.phase in ("waiting", "synced") else None
    told = line(report, now)
    if as_json:
        listed = [_refused(one) for one in refused]
        print_json(
            {"phase": report.phase, "line": told, "sentence": report.sentence, "server": account.origin or None}
            | {"email": account.email or None, "waiting": counts.waiting, "refused": listed}
            | {"conflicts": counts.conflicts, "private": counts.private, "complete": complete}
            | {"next_at": _instant(due)}
        )
        return
    where = "" if account.local else f" · {one_line(account.name, 100)} at {account.origin.partition('://')[2]}"
    click.echo(clean(told + where))
    if report.sentence:
        click.echo(clean(report.sentence))
    if due is not None:
        tries = counted(state.fails, "try", "tries")
        click.echo(f"{tries} did not get through; the next is at {clock_time(due, now)}.")
    if counts.private:
        click.echo(f"{counted(counts.private, 'private conversation')}: sterna sync private")
    if counts.conflicts:
        click.echo(f"{counted(counts.conflicts, 'conflict')}: sterna sync conflicts")
    if refused:
        many = counted(counts.quarantined, "change")
        click.echo(f"{many} that the server refuses; to try again: sterna sync retry")
    for one in refused[:SHOWN]:
        click.echo(f"  {short(one.session_id)}  {one_line(one.title, 60)}: {one_line(one.code.replace('_', ' '), 60)}")


def _refused(one: Any) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "id": one.id,
        "session_id": one.session_id,
        "title": one.title,
        "reason": one.code,
        "tries": one.tries,
        "next_at": _instant(one.next_at),
    }


def _instant(at_ms: int | None) -> str | None:
    return None if at_ms is None else stamp(datetime.fromtimestamp(at_ms / 1000, UTC))


@sync.command("private")
@click.argument("conversation", shell_complete=conversations, required=False)
@click.option("--off", is_flag=True, help="Send it again.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@click.option("--json", "as_json", is_flag=True, help="List the private ones, one JSON object a line.")
@click.pass_obj
def private(place: Place, conversation: str | None, off: bool, yes: bool, as_json: bool) -> None:
    """Keep CONVERSATION on this computer only. Without one, list them.

    One that was synced is removed from the server and from your other computers, which is asked first. They say so, and
    can undo it. With --json each line has: id, name, title.
    """
    with place.store() as store:
        if conversation is None:
            if off:
                raise click.UsageError("Name the conversation that is to be sent again.")
            _list_private(store, as_json)
            return
        found = find(store, conversation)
        title = one_line(store.conversations.get(found).title, 100)
        synced = store.privacy.server_may_have(found)
        if synced and not off and not yes and not store.sync_metadata.is_private(found):
            if not at_a_terminal():
                raise click.UsageError(
                    "This conversation is synced: it would be removed from your other computers. "
                    "Nobody can be asked here; add --yes."
                )
            click.confirm(
                f"Keep “{title}” on this computer only? It is removed from the server and your other computers.",
                abort=True, err=True,
            )  # fmt: skip
        store.privacy.set_private(found, not off)
    if off:
        click.echo(f"“{title}” is synced again.")
    elif synced:
        click.echo(f"“{title}” stays on this computer. The next sync removes it from the server and other computers.")
    else:
        click.echo(f"“{title}” stays on this computer.")


def _list_private(store: Store, as_json: bool) -> None:
    for session in store.sync_metadata.private_conversations():
        if as_json:
            print_json({"id": session.id, "name": short(session.id), "title": session.title})
        else:
            click.echo(f"{short(session.id)}  {one_line(session.title, 255)}")


@sync.command("retry")
@click.pass_obj
def retry(place: Place) -> None:
    """Send rejected changes again with the next sync."""
    with place.store() as store:
        count = store.acknowledgements.retry_quarantined()
    click.echo(f"{counted(count, 'change')} to be tried again." if count else "Nothing is refused.")


@sync.command("missing")
@click.option("--keep", "answer", flag_value="keep", help="Keep them here, and send them again.")
@click.option("--trash", "answer", flag_value="trash", help="They were deleted elsewhere: put them into the trash.")
@click.pass_obj
def missing(place: Place, answer: str | None) -> None:
    """List conversations that disappeared from an upstream server, and choose what happens to them."""
    with place.store() as store:
        many = store.upstream_pull.missing()
        if many and answer:
            store.upstream_pull.answer_missing(keep=answer == "keep")
    if not many:
        click.echo("No conversation is missing.")
    elif answer is None:
        click.echo(f"{counted(many, 'conversation')} missing at the server. Say --keep or --trash.")
    else:
        fate = "are kept and sent again" if answer == "keep" else "go to the trash once the server has said so of each"
        click.echo(f"They {fate}, with the next sync.")


@sync.command("on")
@click.pass_obj
def on(place: Place) -> None:
    """Turn sync on for this account."""
    accounts = accounts_of(place)
    with place.store() as store:
        account = current(accounts, store)
    if account.local:
        raise click.ClickException("No server knows this history yet. Sign in first: sterna login URL")
    accounts.set_sending(account, True)
    if (why_not := accounts.why_not(account)) is not None and "sterna sync on" not in why_not:
        raise click.ClickException(why_not)
    click.echo(clean(f"The history is sent to {account.origin.partition('://')[2]} from now on."))


@sync.command("off")
@click.pass_obj
def off(place: Place) -> None:
    """Turn sync off. What was sent stays on the server; changes here wait."""
    accounts = accounts_of(place)
    with place.store() as store:
        account = current(accounts, store)
    if account.local:
        raise click.ClickException("No server knows this history; nothing is sent.")
    accounts.set_sending(account, False)
    click.echo("Nothing is sent any more.")
