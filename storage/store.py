"""The whole history: one object for each topic, over one database."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Self

from . import ids
from .accounts.linking import AccountLinking
from .accounts.model_access import ModelAccess
from .accounts.profiles import Profiles
from .accounts.server_profile import ServerProfile
from .accounts.usage_pull import UsagePull
from .analytics.interactions import Interactions
from .analytics.visits import Visits
from .attachments.attachments import Attachments
from .attachments.files import AttachmentFiles
from .clock import Clock, utc_now
from .conversations.branch_changes import BranchChanges
from .conversations.bulk_import import BulkImport
from .conversations.costs import Costs
from .conversations.drafts import Drafts
from .conversations.history_reader import HistoryReader
from .conversations.kept_versions import KeptVersions
from .conversations.labels import ConversationLabels
from .conversations.live_replies import LiveReplies
from .conversations.reattachment import Reattachment
from .conversations.search_history import SearchHistory
from .conversations.search_index import SearchIndex
from .conversations.settled_replies import SettledReplies
from .conversations.titles import Titles
from .conversations.trash import Trash
from .conversations.trash_outbox import TrashOutbox
from .conversations.trash_rows import TrashRows
from .conversations.undo import Undo
from .conversations.usage import Usage
from .database.connection import BUSY_MS, Database
from .database.damaged_values import DamagedValues
from .database.local_state import LocalState
from .database.maintenance import Maintenance
from .database.sqlite_errors import raising_sentences
from .errors import StoreUnwritable
from .imports.imports import Imports
from .imports.runs import ImportRuns
from .sync.ack_results import AckResults
from .sync.acknowledgements import Acknowledgements
from .sync.conflicts import Conflicts
from .sync.merge import Merge
from .sync.merge_messages import MessageMerge
from .sync.outbox import Outbox
from .sync.privacy import Privacy
from .sync.pull import SyncPull
from .sync.push import SyncPush
from .sync.recovery import Recovery
from .sync.removed_conversations import RemovedConversations
from .sync.replicas import Replicas
from .sync.row_writer import RowWriter
from .sync.state import SyncMetadata
from .sync.upstream.pull import UpstreamPull
from .sync.upstream.push import UpstreamPush


class Store(HistoryReader):
    """The history of one account, in one SQLite file. Use it in the thread that opened it.

    Its fields are objects for one topic each. What an object needs of others it is given here, so this is the order in
    which they depend on each other.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.search_index = SearchIndex(db)
        self.titles = Titles(db, self.conversations)
        self.trash_rows = TrashRows(db)
        self.labels = ConversationLabels(db, self.trash_rows)
        self.trash_outbox = TrashOutbox(db, self.trash_rows)
        self.reattachment = Reattachment(db, self.messages, self.shown_branch)
        self.trash = Trash(
            db,
            self.conversations,
            self.messages,
            self.reattachment,
            self.search_index,
            self.trash_outbox,
            self.trash_rows,
        )
        self.replicas = Replicas(db)
        self.outbox = Outbox(db, self.replicas)
        self.row_writer = RowWriter(db, self.search_index)
        self.sync_metadata = SyncMetadata(db)
        self.conflicts = Conflicts(db, self.conversations, self.messages)
        self.recovery = Recovery(db)
        self.message_merge = MessageMerge(db, self.conflicts, self.outbox, self.recovery, self.row_writer)
        self.removed_conversations = RemovedConversations(db, self.conversations, self.messages, self.trash_rows)
        self.merge = Merge(
            db,
            self.conflicts,
            self.message_merge,
            self.outbox,
            self.recovery,
            self.removed_conversations,
            self.row_writer,
        )
        self.sync_pull = SyncPull(
            db, self.merge, self.outbox, self.removed_conversations, self.row_writer, self.sync_metadata
        )
        self.branch_changes = BranchChanges(
            db, self.branches, self.conversations, self.messages, self.shown_branch, self.trash, self.trash_rows
        )
        self.kept_versions = KeptVersions(db, self.shown_branch, self.trash, self.trash_outbox, self.trash_rows)
        self.settled_replies = SettledReplies(
            db, self.branch_changes, self.branches, self.messages, self.reattachment, self.shown_branch
        )
        self.undo = Undo(
            db,
            self.branch_changes,
            self.kept_versions,
            self.labels,
            self.messages,
            self.search_index,
            self.trash,
            self.trash_rows,
            self.sync_pull.take_restored,
        )
        self.live_replies = LiveReplies(
            db,
            self.conversations,
            self.messages,
            self.process_lock,
            self.branch_changes,
            self.settled_replies,
            self.shown_branch,
            self.trash,
        )
        self.drafts = Drafts(db, self.process_lock)
        self.attachment_files = AttachmentFiles(db.path)
        self.attachments = Attachments(db, self.attachment_files)
        self.local_state = LocalState(db)
        self.search_history = SearchHistory(db)
        self.usage = Usage(db)
        self.costs = Costs(db)
        self.bulk_import = BulkImport(db, self.search_index, self.shown_branch, self.usage)
        self.imports = Imports(db, self.attachments, self.search_index, self.shown_branch, self.usage)
        self.import_runs = ImportRuns(db, self.imports, self.trash)
        self.model_access = ModelAccess(db)
        self.profiles = Profiles(db, self.model_access)
        self.linking = AccountLinking(db, self.profiles, self.search_index, self.usage)
        self.server_profile = ServerProfile(db, self.local_state, self.model_access, self.profiles)
        self.usage_pull = UsagePull(db, self.local_state, self.server_profile)
        self.visits = Visits(db, self.search)
        self.interactions = Interactions(db, self.visits)
        self.maintenance = Maintenance(db)
        self.damaged_values = DamagedValues(db, self.usage)
        self.sync_push = SyncPush(db, self.sync_metadata)
        self.ack_results = AckResults(
            db, self.conflicts, self.merge, self.outbox, self.recovery, self.row_writer, self.sync_metadata
        )
        self.acknowledgements = Acknowledgements(
            db,
            self.ack_results,
            self.merge,
            self.outbox,
            self.replicas,
            self.row_writer,
            self.sync_metadata,
            self.sync_pull,
            self.sync_push,
        )
        self.privacy = Privacy(
            db,
            self.ack_results,
            self.acknowledgements,
            self.conversations,
            self.merge,
            self.outbox,
            self.recovery,
            self.sync_metadata,
            self.sync_pull,
        )
        self.upstream_push = UpstreamPush(db, self.ack_results, self.outbox, self.sync_metadata)
        self.upstream_pull = UpstreamPull(
            db,
            self.conflicts,
            self.conversations,
            self.merge,
            self.outbox,
            self.row_writer,
            self.sync_metadata,
            self.upstream_push,
        )

    @classmethod
    def open(cls, path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS) -> Self:
        """Return the history in ``path`` as :meth:`HistoryReader.open` does, with an account in it."""
        store = super().open(path, clock=clock, token=token, busy_ms=busy_ms)
        try:
            with raising_sentences(path):
                store.db.user_id = store._account()
                with suppress(StoreUnwritable):  # it can still be read, and is tried again at the next start
                    store.kept_versions.bring_back()
        except BaseException:
            store.close()
            raise
        return store

    def _account(self) -> str:
        """Return the id of the one profile of this file, made when the file is new."""
        if (row := self.db.one("select id from profiles limit 1")) is None and self.db.read_only is None:
            from uuid import uuid4

            with self.db.write():
                if (row := self.db.one("select id from profiles limit 1")) is None:
                    return self.profiles.ensure_profile(str(uuid4()), "")
        user_id: str = row["id"] if row is not None else ""
        return user_id
