"""Histories of other programs that are followed: what was chosen, and how far each of their files was read.

All of it belongs to this device alone, like the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..clock import millis
from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from ..records import Attachment
from ..sync.privacy import Privacy
from .imports import Imports
from .records import IncomingConversation, Taken
from .runs import GATHERED, ImportRuns

CHOICE = "gather"
"""Key of what was chosen (``local_state``)."""
OWNER = "gather owner"
"""Key of the window that gathers, and until when (``local_state``)."""
_FILE, _RUN, _PROBLEM = "gathered file", "gather run", "gather problem"


@dataclass(slots=True)
class SourceChoice:
    """What was chosen for one source."""

    excludes: tuple[str, ...] = ()
    """Patterns of files and of projects that are left out."""
    folders: tuple[str, ...] = ()
    """Further folders to look in."""
    stays_here: bool = False
    """Its conversations are private: they are not synced."""


@dataclass(slots=True)
class GatherChoice:
    """What was chosen; nothing is followed unless it is here."""

    sources: dict[str, SourceChoice] = field(default_factory=dict)


@dataclass(slots=True)
class FollowedFile:
    """State of a file when it was read last."""

    inode: int
    size: int
    modified_ns: int
    head_size: int = 0
    """Bytes of its beginning that ``head`` is the hash of."""
    head: str = ""
    mark: str = ""
    """How far its reader came."""


@in_sentences
class Gathered:
    """Followed histories."""

    def __init__(
        self, db: Database, imports: Imports, runs: ImportRuns, local_state: LocalState, privacy: Privacy
    ) -> None:
        self.db = db
        self._imports = imports
        self._runs = runs
        self._local_state = local_state
        self._privacy = privacy

    def choice(self) -> GatherChoice:
        """Return what is followed."""
        stored = self._local_state.get(CHOICE)
        sources = stored.get("sources") if isinstance(stored, dict) else None
        if not isinstance(sources, dict):
            return GatherChoice()
        return GatherChoice({str(name): _source_choice(value) for name, value in sources.items()})

    def choose(self, choice: GatherChoice) -> None:
        """Follow these sources from now on. What was gathered from others stays."""
        sources = {name: asdict(chosen) for name, chosen in choice.sources.items()}
        self._local_state.set(CHOICE, {"sources": sources} if sources else None)

    def files(self, source: str) -> dict[str, FollowedFile]:
        """Return how far each file of a source was read, by its path."""
        prefix = f"{_FILE} {source} "
        found = self._local_state.beginning_with(prefix)
        return {
            key[len(prefix) :]: FollowedFile(*value)
            for key, value in found.items()
            if isinstance(value, list) and len(value) == 6
        }

    def take(
        self,
        source: str,
        batch: Sequence[IncomingConversation],
        attachments: Iterable[Attachment] = (),
        files: Mapping[str, FollowedFile] | None = None,
        *,
        stays_here: bool = False,
    ) -> list[Taken]:
        """Write conversations and how far their files were read, in one transaction.

        The files of a part of a conversation that is not here, because somebody removed it, are read again as a whole.
        """
        with self.db.write():
            lost = self._without_beginning(batch)
            batch = [conversation for conversation in batch if conversation.id not in lost]
            run = self._run(source) if batch else 0
            taken = self._imports.take(run, batch, attachments) if batch else []
            if any(conversation.status in ("new", "updated") for conversation in taken):
                self._count(run)
            if stays_here:
                for conversation in taken:
                    if conversation.status == "new":
                        self._privacy.set_private(conversation.id, True)
            for path, file in (files or {}).items():
                if lost:
                    file.inode, file.mark = 0, ""
                self._local_state.set(f"{_FILE} {source} {path}", list(asdict(file).values()))
        return taken

    def claim(self, owner: str, seconds: int) -> bool:
        """Return whether a window may gather for so long; False while another one does."""
        now = millis(self.db.now())
        with self.db.write():
            held = self._local_state.get(OWNER)
            if isinstance(held, list) and len(held) == 2 and held[0] != owner and now < held[1]:
                return False
            self._local_state.set(OWNER, [owner, now + seconds * 1000])
        return True

    def conversations(self) -> dict[str, int]:
        """Return how many conversations came from each source, gathered or imported."""
        return {
            row["source"]: row["n"]
            for row in self.db.rows(
                """select value ->> '$' as source, count(*) as n from session_settings
                where key = 'source' and json_valid(value) group by value"""
            )
            if isinstance(row["source"], str)
        }

    def projects(self) -> list[str]:
        """Return the folders that conversations belong to, those of most conversations first."""
        return [
            row["project"]
            for row in self.db.rows(
                """select value ->> '$' as project from session_settings
                where key = 'project' and json_valid(value) group by value order by count(*) desc, value"""
            )
            if isinstance(row["project"], str)
        ]

    def problem(self, source: str) -> str:
        """Return the sentence about what could not be read the last time; empty if there is none."""
        value = self._local_state.get(f"{_PROBLEM} {source}")
        return value if isinstance(value, str) else ""

    def note_problem(self, source: str, sentence: str) -> None:
        """Keep a sentence about what could not be read."""
        self._local_state.set(f"{_PROBLEM} {source}", sentence or None)

    def _without_beginning(self, batch: Sequence[IncomingConversation]) -> set[str]:
        parts = {conversation.id for conversation in batch if conversation.is_partial}
        here = self.db.rows(
            "select id from chat_sessions where id in (select value from json_each(:ids))", ids=to_json(sorted(parts))
        )
        return parts - {row["id"] for row in here}

    def _run(self, source: str) -> int:
        """Return the import that everything of a source belongs to, so that it can be taken back."""
        key = f"{_RUN} {source}"
        run = self._local_state.get(key)
        is_there = "select 1 from import_runs where id = :run and state <> 'undone'"
        if isinstance(run, int) and self.db.one(is_there, run=run) is not None:
            return run
        run = self._runs.begin([GATHERED + source])
        self._local_state.set(key, run)
        return run

    def _count(self, run: int) -> None:
        """Note what a run has brought so far."""
        self.db.execute(
            """update import_runs set state = 'done', counts = (
                select json_object('new', sum(before is null), 'updated', sum(before is not null))
                from import_changes where run_id = :run
            ) where id = :run""",
            {"run": run},
        )


def _source_choice(value: Any) -> SourceChoice:
    stored = value if isinstance(value, dict) else {}
    return SourceChoice(
        _texts(stored.get("excludes")), _texts(stored.get("folders")), stays_here=stored.get("stays_here") is True
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
