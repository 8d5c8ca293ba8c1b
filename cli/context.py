"""Where the data and the settings of one command are, and how it reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sterna.storage import HistoryReader, NotFound, StoreError, StoreReadOnly, clean, data_dir, one_line, open_account

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.storage import Store

LAST = "last"
SHORT = 8
"""Characters of a conversation's short name. Twelve are random; eight keep a million apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folders that the person named, or None for the usual ones."""

    data_dir: Path | None
    config_dir: Path | None

    def settings(self) -> Settings:
        """What config.toml says. What is wrong in it is told on standard error.

        Raises :class:`ConfigError` where it cannot be read as far as it says what is sent to whom.
        """
        from sterna.config import ConfigError

        settings = self.read_settings()
        if settings.blocked:
            raise ConfigError(f"{settings.blocked} Nothing was sent. Correct the file, then try again.")
        for problem in settings.problems:
            click.echo(clean(f"sterna: {problem}"), err=True)
        return settings

    def read_settings(self) -> Settings:
        """The same, for who tells the problems otherwise."""
        from sterna.config import load

        return load(self.config_dir)

    def folder(self) -> Path:
        """The data folder, made when missing."""
        try:
            return data_dir(self.data_dir)
        except OSError as error:
            raise StoreReadOnly(
                f"The folder {error.filename} cannot be made ({error.strerror}). Name another with --data-dir."
            ) from error

    def open(self) -> Store:
        """The account's store, replies of dead processes settled. Raises StoreError with a sentence."""
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
        """Give the history for reading only, replies of dead processes settled. Raises StoreError with a sentence."""
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
        """:meth:`open`, closed at the end."""
        store = self.open()
        try:
            yield store
        finally:
            store.close()


def find(store: HistoryReader, name: str) -> str:
    """The id of the conversation that a person calls ``name``. Raises NotFound, with what to do."""
    if name == LAST:
        newest = store.names.newest()
        if newest is None:
            raise NotFound("There is no conversation yet.")
        return newest
    found = store.names.matching(name)
    if found and (found[0] == name or len(found) == 1):
        return found[0]
    shown = one_line(name, 60)
    if not found:
        raise NotFound(f"No conversation is called {shown}. `sterna list` shows their names.")
    raise NotFound(f"Several conversations begin with {shown}. Give more of the name; `sterna list` shows them.")


def short(session_id: str) -> str:
    """What `sterna list` calls a conversation."""
    return session_id.rpartition("_")[2][:SHORT]
