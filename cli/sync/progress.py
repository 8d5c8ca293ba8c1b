"""Sync in the foreground, with its progress on a terminal, in a pipe or as JSON."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from sterna.storage import Store, StoreThread, SyncMetadata, clean, clip, one_line, stamp
from sterna.sync.auth.accounts import Account, Accounts
from sterna.sync.errors import SignInNeeded
from sterna.sync.factory import open_engine
from sterna.sync.status import SyncReport, status_line

from ..account_context import current_account, open_accounts
from ..context import CommandContext
from ..output import counted, print_json
from .refused_files import refused_files

WIDTH = 78
HEALTHY_PHASES = ("synced", "waiting", "syncing")
"""Phases without a problem."""


@dataclass
class ProgressPrinter:
    """Printer of each status of the sync, once."""

    as_json: bool
    last_line: str = ""

    def __call__(self, report: SyncReport) -> None:
        """Print the status if it has changed."""
        now = datetime.now(UTC)
        text = clean(status_line(report, now), newlines=False)
        if self.as_json:
            print_json(
                {"phase": report.phase, "waiting": report.waiting, "done": report.done, "total": report.total}
                | {"refused": report.rejected, "conflicts": report.conflicts, "sentence": report.sentence}
                | {"line": text, "at": stamp(now)}
            )
        elif text != self.last_line:
            self._show(text)
        self.last_line = text

    def _show(self, text: str) -> None:
        if sys.stderr.isatty():  # one line, overwritten each time
            click.echo("\r" + clip(text, WIDTH).ljust(WIDTH), err=True, nl=False)
        else:
            click.echo(text, err=True)

    def end(self) -> None:
        """End the overwritten line."""
        if self.last_line and not self.as_json and sys.stderr.isatty():
            click.echo(err=True)


def run_sync(context: CommandContext, *, once: bool, as_json: bool) -> int:
    """Sync, and return the exit code."""
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
    if (why_not := accounts.sync_obstacle(account)) is not None:
        raise click.ClickException(why_not)
    if not accounts.is_signed_in(account):
        raise SignInNeeded("Not signed in. Sign in with: sterna login")
    printer = ProgressPrinter(as_json)
    try:
        problem = asyncio.run(_sync(accounts, account, printer, once=once))
    finally:
        printer.end()
    if not as_json:
        _print_removals(context)
    if problem:
        raise click.ClickException(problem)
    if once and not as_json:
        with context.store() as store:
            click.echo(refused_files(store) or "Everything is synced.")
    return 0


def _print_removals(context: CommandContext) -> None:
    """Print what other devices have removed, and how to restore it."""
    with context.store() as store:
        removals = store.removed_conversations.pop_unreported("command")
    for removal in removals:
        subject = f"“{one_line(removal.title, 60)}” was"
        if removal.sessions > 1:
            subject = f"{removal.sessions:,} conversations were"
        click.echo(f"{subject} removed on another device. To restore: sterna undo {removal.token}")


async def _rejections(thread: StoreThread) -> str:
    """Return a sentence about changes that the server has rejected; empty if there are none."""
    counts = await thread.run(SyncMetadata.counts)
    if not counts.rejected:
        return ""
    rest = f", and {counts.waiting:,} more have to wait for that" if counts.waiting else ""
    rejected = counted(counts.rejected, "change")
    return f"The server rejected {rejected}{rest}. Everything else is synced. For details: sterna sync status"


async def _sync(accounts: Accounts, account: Account, printer: ProgressPrinter, *, once: bool) -> str:
    """Sync, and return the problem as a sentence; empty without one."""
    thread = StoreThread(lambda: Store.open(account.file))
    await thread.start()
    try:
        engine = open_engine(accounts, account, thread, on_report=printer)
        if once:
            cycle = await engine.run_once()
            if cycle.problem is not None:
                return str(cycle.problem.sentence)
            if not cycle.complete:
                return "Not everything is synced yet. For details: sterna sync status"
            return await _rejections(thread)
        running = asyncio.create_task(engine.run(), name="sync.run")
        with _end_signals() as end:
            ended = asyncio.create_task(end.wait())
            await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        await engine.stop()
        await running
        report = engine.report
        return await _rejections(thread) if report.phase in HEALTHY_PHASES else report.sentence
    finally:
        await thread.close()


@contextmanager
def _end_signals() -> Iterator[asyncio.Event]:
    """Yield an event that is set by Ctrl+C and SIGTERM; waiting changes are then sent first, for a moment."""
    end, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        with suppress(ValueError, NotImplementedError):  # not the main thread
            loop.add_signal_handler(number, end.set)
    try:
        yield end
    finally:
        for number in numbers:
            with suppress(ValueError, NotImplementedError):
                loop.remove_signal_handler(number)
