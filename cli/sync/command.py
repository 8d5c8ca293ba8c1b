"""``sterna sync``: sync the history in the foreground, show the sync status, and change what is synced."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sterna.storage import Store, clean, one_line, stamp
from sterna.sync.status import Phase, SyncReport, clock_time, status_line

from ..account_context import current_account, open_accounts
from ..context import CommandContext, find_conversation, short_id
from ..conversation_argument import conversations
from ..output import counted, print_json
from ..streams import is_interactive
from .conflicts import conflicts
from .refused_files import refused_files

MAX_SHOWN = 20
"""Rejected changes that are listed."""


@click.group(invoke_without_command=True, short_help="Sync your history with the server.")
@click.option("--once", is_flag=True, help="Stop when everything is synced.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per change of the status.")
@click.pass_context
def sync(ctx: click.Context, once: bool, as_json: bool) -> int:
    """Sync your history with the server until Ctrl+C. An open chat syncs automatically.

    Exit code 0 means that everything is synced, 1 that it cannot be, with a message on standard error.

    With --json each line has: phase, waiting, done, total, refused, conflicts, sentence, line, at.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    context = ctx.find_object(CommandContext)
    assert context is not None
    from .progress import run_sync  # other commands need neither an event loop nor the network

    return run_sync(context, once=once, as_json=as_json)


sync.add_command(conflicts)


@sync.command("status", short_help="Show the sync status.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(context: CommandContext, as_json: bool) -> None:
    """Show the sync status, without contacting the server.

    With --json the object has: phase, line, sentence, server, email, waiting, refused (each: kind, id, session_id,
    title, reason, tries, next_at), conflicts, private, complete, next_at.
    """
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
        counts, state, rejected = (
            store.sync_metadata.counts(),
            store.sync_metadata.state(),
            store.acknowledgements.rejected(),
        )
        complete = store.sync_metadata.pull_is_complete()
        files = refused_files(store)
    why_not = accounts.sync_obstacle(account)
    phase: Phase = "waiting" if counts.waiting else "synced"
    if account.local:
        phase = "local"
    elif not accounts.is_signed_in(account):
        phase, why_not = "signin", "Not signed in. Sign in with: sterna login"
    elif why_not is not None:
        phase = "off"
    report = SyncReport(phase, counts.waiting, sentence=why_not or "", rejected=counts.rejected)
    now = datetime.now(UTC)
    due = state.next_at if state.fails and report.phase in ("waiting", "synced") else None
    text = status_line(report, now)
    if as_json:
        listed = [_rejected_object(change) for change in rejected]
        print_json(
            {"phase": report.phase, "line": text, "sentence": report.sentence, "server": account.origin or None}
            | {"email": account.email or None, "waiting": counts.waiting, "refused": listed}
            | {"conflicts": counts.conflicts, "private": counts.private, "complete": complete}
            | {"next_at": _timestamp(due)}
        )
        return
    account_name = "" if account.local else f" · {one_line(account.name, 100)} at {account.origin.partition('://')[2]}"
    click.echo(clean(text + account_name))
    if report.sentence:
        click.echo(clean(report.sentence))
    if files:
        click.echo(files)
    if due is not None:
        click.echo(f"{counted(state.fails, 'failed attempt')}; the next is at {clock_time(due, now)}.")
    if counts.private:
        click.echo(f"{counted(counts.private, 'private conversation')}. To list them: sterna sync private")
    if counts.conflicts:
        click.echo(f"{counted(counts.conflicts, 'conflict')}. To list them: sterna sync conflicts")
    if rejected:
        click.echo(f"{counted(counts.rejected, 'change')} rejected by the server. To retry: sterna sync retry")
    for change in rejected[:MAX_SHOWN]:
        reason = one_line(change.code.replace("_", " "), 60)
        click.echo(f"  {short_id(change.session_id)}  {one_line(change.title, 60)}: {reason}")


def _rejected_object(change: Any) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "id": change.id,
        "session_id": change.session_id,
        "title": change.title,
        "reason": change.code,
        "tries": change.tries,
        "next_at": _timestamp(change.next_at),
    }


def _timestamp(at_ms: int | None) -> str | None:
    return None if at_ms is None else stamp(datetime.fromtimestamp(at_ms / 1000, UTC))


@sync.command("private", short_help="Keep conversations on this device only.")
@click.argument("conversation", shell_complete=conversations, required=False)
@click.option("--off", is_flag=True, help="Sync it again.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation. Required in scripts.")
@click.option("--json", "as_json", is_flag=True, help="List them as one JSON object per line.")
@click.pass_obj
def private(context: CommandContext, conversation: str | None, off: bool, yes: bool, as_json: bool) -> None:
    """Keep CONVERSATION on this device only, or list such private conversations.

    A synced conversation is removed from the server and from your other devices, after a confirmation. They report
    that, and can undo it.

    With --json each line has: id, name, title.
    """
    with context.store() as store:
        if conversation is None:
            if off:
                raise click.UsageError("Enter the conversation to sync again.")
            _list_private(store, as_json)
            return
        conversation_id = find_conversation(store, conversation)
        title = one_line(store.conversations.get(conversation_id).title, 100)
        synced = store.privacy.server_may_have(conversation_id)
        if synced and not off and not yes and not store.sync_metadata.is_private(conversation_id):
            if not is_interactive():
                raise click.UsageError(
                    "This conversation is synced: it will be removed from your other devices. Add --yes to confirm."
                )
            click.confirm(
                f"Keep “{title}” on this device only? It will be removed from the server and your other devices.",
                abort=True, err=True,
            )  # fmt: skip
        store.privacy.set_private(conversation_id, not off)
    if off:
        click.echo(f"“{title}” will be synced again.")
    elif synced:
        click.echo(f"“{title}” is now private. The next sync removes it from the server and your other devices.")
    else:
        click.echo(f"“{title}” is now private.")


def _list_private(store: Store, as_json: bool) -> None:
    for session in store.sync_metadata.private_conversations():
        if as_json:
            print_json({"id": session.id, "name": short_id(session.id), "title": session.title})
        else:
            click.echo(f"{short_id(session.id)}  {one_line(session.title, 255)}")


@sync.command("retry")
@click.pass_obj
def retry(context: CommandContext) -> None:
    """Send rejected changes again with the next sync."""
    with context.store() as store:
        count = store.acknowledgements.retry_rejected()
    click.echo(f"{counted(count, 'change')} will be sent again." if count else "No changes were rejected.")


@sync.command("missing", short_help="Handle conversations missing on an upstream server.")
@click.option("--keep", "answer", flag_value="keep", help="Keep them, and upload them again.")
@click.option("--trash", "answer", flag_value="trash", help="Move them to the trash: they were deleted elsewhere.")
@click.pass_obj
def missing(context: CommandContext, answer: str | None) -> None:
    """List conversations that disappeared from an upstream server, and choose what happens to them."""
    with context.store() as store:
        count = store.upstream_pull.missing()
        if count and answer:
            store.upstream_pull.answer_missing(keep=answer == "keep")
    if not count:
        click.echo("No conversation is missing.")
    elif answer is None:
        click.echo(f"{counted(count, 'conversation')} missing on the server. Use --keep or --trash.")
    else:
        result = "uploaded again" if answer == "keep" else "moved to the trash once the server confirms each"
        click.echo(f"With the next sync, {counted(count, 'conversation')} will be {result}.")


@sync.command("on")
@click.pass_obj
def on(context: CommandContext) -> None:
    """Turn sync on for this account."""
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
    if account.local:
        raise click.ClickException("Not signed in to a server. Sign in first: sterna login URL")
    accounts.set_sending(account, True)
    if (why_not := accounts.sync_obstacle(account)) is not None and "sterna sync on" not in why_not:
        raise click.ClickException(why_not)
    click.echo(clean(f"Sync with {account.origin.partition('://')[2]} is on."))


@sync.command("off")
@click.pass_obj
def off(context: CommandContext) -> None:
    """Turn sync off. Synced data stays on the server; new changes wait on this device."""
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
    if account.local:
        raise click.ClickException("Not signed in to a server; nothing is sent.")
    accounts.set_sending(account, False)
    click.echo("Sync is off; nothing is sent.")
