"""Context of a command: its folders, and access to settings and history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from sterna.storage import HistoryReader, NotFound, StoreError, StoreReadOnly, clean, data_dir, one_line, open_account
from sterna.storage.conversations.documents import short_name

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.storage import Store

LAST = "last"


class CommandContext(NamedTuple):
    """Folders given on the command line; None stands for the default ones."""

    data_dir: Path | None
    config_dir: Path | None

    def settings(self) -> Settings:
        """Return the settings, and print their problems on standard error.

        Raises :class:`ConfigError` for a problem that makes it unclear what may be sent to whom.
        """
        from sterna.config import ConfigError

        settings = self.read_settings()
        if settings.blocked:
            raise ConfigError(f"{settings.blocked} Nothing was sent. Correct the file, then try again.")
        for problem in settings.problems:
            click.echo(clean(f"sterna: {problem}"), err=True)
        return settings

    def read_settings(self) -> Settings:
        """Return the settings, without printing their problems."""
        from sterna.config import load

        return load(self.config_dir)

    def folder(self) -> Path:
        """Return the data folder, which is created if missing."""
        try:
            return data_dir(self.data_dir)
        except OSError as error:
            raise StoreReadOnly(
                f"The folder {error.filename} cannot be created ({error.strerror}). Choose another with --data-dir."
            ) from error

    def open(self) -> Store:
        """Return the store of the current account, after settling replies of dead processes. Raises StoreError."""
        from sterna.storage import Store

        store = Store.open(open_account(self.folder()))
        try:
            store.live_replies.recover_interrupted()
        except StoreError:
            store.close()
            raise
        return store

    @contextmanager
    def history(self) -> Iterator[HistoryReader]:
        """Open the history for reading, after settling replies of dead processes. Raises StoreError."""
        reader = HistoryReader.open(open_account(self.folder()))
        try:
            unsettled = reader.arriving_replies.exist()
            if not unsettled:
                yield reader
        finally:
            reader.close()
        if unsettled:
            with self.store() as store:
                yield store

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store, and close it at the end of the block."""
        store = self.open()
        try:
            yield store
        finally:
            store.close()


def find_conversation(store: HistoryReader, name: str) -> str:
    """Return the id of the conversation called ``name``. Raises NotFound with a sentence that says what to do."""
    if name == LAST:
        newest = store.names.newest()
        if newest is None:
            raise NotFound("There are no conversations yet.")
        return newest
    matches = store.names.matching(name)
    if matches and (matches[0] == name or len(matches) == 1):
        return matches[0]
    shown = one_line(name, 60)
    if not matches:
        raise NotFound(f"There is no conversation {shown}. `sterna list` shows all names.")
    raise NotFound(f"Several conversations begin with {shown}. Enter more of the name; `sterna list` shows all names.")


short_id = short_name
"""Return the short name of a conversation, as `sterna list` shows it."""
