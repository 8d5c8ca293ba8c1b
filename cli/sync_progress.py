"""The sync that runs in the foreground: what a terminal, a pipe and a script see of it, and how it ends."""

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
from sterna.sync.status import SyncReport, line

from .account_prompts import accounts_of, current
from .context import Place
from .output import counted, print_json

WIDTH = 78
IN_STEP = ("synced", "waiting", "syncing")
"""Phases in which nothing is in the way."""


@dataclass
class Telling:
    """Shows each state of the sync once."""

    as_json: bool
    told: str = ""

    def __call__(self, report: SyncReport) -> None:
        """Show it."""
        now = datetime.now(UTC)
        text = clean(line(report, now), newlines=False)
        if self.as_json:
            print_json(
                {"phase": report.phase, "waiting": report.waiting, "done": report.done, "total": report.total}
                | {"refused": report.quarantined, "conflicts": report.conflicts, "sentence": report.sentence}
                | {"line": text, "at": stamp(now)}
            )
        elif text != self.told:
            self._show(text)
        self.told = text

    def _show(self, text: str) -> None:
        if sys.stderr.isatty():  # one line, written over
            click.echo("\r" + clip(text, WIDTH).ljust(WIDTH), err=True, nl=False)
        else:
            click.echo(text, err=True)

    def end(self) -> None:
        """Leave the line that was written over."""
        if self.told and not self.as_json and sys.stderr.isatty():
            click.echo(err=True)


def run_sync(place: Place, *, once: bool, as_json: bool) -> int:
    """Sync; gives the exit code. Raises what a command may raise."""
    accounts = accounts_of(place)
    with place.store() as store:
        account = current(accounts, store)
    if (why_not := accounts.why_not(account)) is not None:
        raise click.ClickException(why_not)
    if not accounts.is_signed_in(account):
        raise SignInNeeded("Nobody is signed in here. Sign in: sterna login")
    telling = Telling(as_json)
    try:
        problem = asyncio.run(_sync(accounts, account, telling, once=once))
    finally:
        telling.end()
    if not as_json:
        _say_removals(place)
    if problem:
        raise click.ClickException(problem)
    if once and not as_json:
        click.echo("Everything is synced.")
    return 0


def _say_removals(place: Place) -> None:
    """Name what other computers removed, and how it comes back."""
    with place.store() as store:
        removals = store.removed_conversations.take("command")
    for one in removals:
        what = f"“{one_line(one.title, 60)}” was"
        if one.sessions > 1:
            what = f"{one.sessions:,} conversations were"
        click.echo(f"{what} removed on another computer. To bring back: sterna undo {one.token}")


async def _refusals(thread: StoreThread) -> str:
    """Return a sentence about changes that the server does not take; empty when it takes all."""
    counts = await thread.run(SyncMetadata.counts)
    if not counts.quarantined:
        return ""
    rest = f", and {counts.waiting:,} more cannot go before" if counts.waiting else ""
    refused = counted(counts.quarantined, "change")
    return f"The server refuses {refused}{rest}; everything else is synced. To see which: sterna sync status"


async def _sync(accounts: Accounts, account: Account, telling: Telling, *, once: bool) -> str:
    """What is in the way, in a sentence; empty when nothing is."""
    thread = StoreThread(lambda: Store.open(account.file))
    await thread.start()
    try:
        engine = open_engine(accounts, account, thread, on_report=telling)
        if once:
            cycle = await engine.run_once()
            if cycle.problem is not None:
                return str(cycle.problem.sentence)
            if not cycle.complete:
                return "Not everything is synced yet. To see what: sterna sync status"
            return await _refusals(thread)
        running = asyncio.create_task(engine.run(), name="sync.run")
        with _asked_to_end() as asked:
            ended = asyncio.create_task(asked.wait())
            await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        await engine.stop()
        await running
        report = engine.report
        return await _refusals(thread) if report.phase in IN_STEP else report.sentence
    finally:
        await thread.close()


@contextmanager
def _asked_to_end() -> Iterator[asyncio.Event]:
    """Set by Ctrl+C, and by whoever ends processes: what waits is then sent first, for a moment."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        with suppress(ValueError, NotImplementedError):  # not the main thread
            loop.add_signal_handler(number, asked.set)
    try:
        yield asked
    finally:
        for number in numbers:
            with suppress(ValueError, NotImplementedError):
                loop.remove_signal_handler(number)
